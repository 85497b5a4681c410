# SPDX-License-Identifier: Apache-2.0
"""A real Envoy and weft-proxy driven over ADS (delta and state of the world) by our server without a control plane.

Whatever changes, no request fails, and nothing good is refused; a bad resource is refused with its reason while the
rest goes on. XDS_SERVE, ENVOY and WEFT_PROXY name the programs.
"""
import http.client
import http.server
import json
import os
import subprocess
import threading
import time

import pytest
import yaml

from ports import free_port

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
TOOLS = os.environ.get("WEFT_TOOLS_DIR", os.path.join(TOP, ".cache/tools"))
PROGRAMS = {"envoy": os.environ.get("ENVOY", os.path.join(TOOLS, "bin/envoy")),
            "weft-proxy": os.environ.get("WEFT_PROXY", os.path.join(TOP, "build/bin/weft-proxy"))}
SERVE = os.environ.get("XDS_SERVE", os.path.join(TOP, "build/dev/tests/interop/xds_serve"))
WAIT_S = 20
URL = "type.googleapis.com/"
ADS = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}


class Backend:
    """Answers every request with its letter."""

    def __init__(self, letter):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.send_response(200)
                self.send_header("content-length", "1")
                self.end_headers()
                self.wfile.write(letter.encode())

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Process:
    """A program whose output is gathered line by line."""

    def __init__(self, command):
        self.lines = []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        threading.Thread(target=self.gather, daemon=True).start()

    def gather(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_line(self, start, since=0):
        return wait(lambda: next((x for x in self.lines[since:] if x.startswith(start)), None), f"line {start}", self)

    def stop(self):
        self.process.kill()
        self.process.wait()


def wait(condition, what, *processes):
    deadline = time.monotonic() + WAIT_S
    while not (value := condition()):
        assert time.monotonic() < deadline, \
            f"{what} did not come:\n" + "\n".join("\n".join(p.lines[-20:]) for p in processes)
        time.sleep(0.01)
    return value


def cluster(name):
    return {"@type": URL + "envoy.config.cluster.v3.Cluster", "name": name, "type": "EDS", "connect_timeout": "1s",
            "eds_cluster_config": {"eds_config": ADS, "service_name": name}}


def endpoints(name, port):
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {"@type": URL + "envoy.config.endpoint.v3.ClusterLoadAssignment", "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]}


def listener(port, route_name):
    hcm = {"@type": URL + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
           "stat_prefix": "x", "rds": {"config_source": ADS, "route_config_name": route_name},
           "http_filters": [{"name": "envoy.filters.http.router",
                             "typed_config": {"@type": URL + "envoy.extensions.filters.http.router.v3.Router"}}]}
    return {"@type": URL + "envoy.config.listener.v3.Listener", "name": "main",
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
            "filter_chains": [{"filters": [{"name": "envoy.filters.network.http_connection_manager",
                                            "typed_config": hcm}]}]}


def route(name, action, match=None):
    return {"@type": URL + "envoy.config.route.v3.RouteConfiguration", "name": name, "validate_clusters": False,
            "virtual_hosts": [{"name": "all", "domains": ["*"],
                               "routes": [{"match": match or {"prefix": "/"}, "route": action}]}]}


class Mesh:
    """Server, proxy and two backends; `write` changes what the server serves."""

    def __init__(self, program, delta, folder):
        self.path = folder / "resources.yaml"
        self.backends = {letter: Backend(letter) for letter in "AB"}
        self.port, admin = free_port(), free_port()
        self.write([cluster("a"), endpoints("a", self.backends["A"].port), listener(self.port, "r"),
                    route("r", {"cluster": "a"})])
        self.server = Process([SERVE, str(self.path)])
        xds_port = int(self.server.wait_line("listening").split()[1])
        api = {"api_type": "DELTA_GRPC" if delta else "GRPC", "transport_api_version": "V3",
               "set_node_on_first_message_only": True, "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}]}
        options = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions":
                   {"@type": URL + "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": {"http2_protocol_options": {}}}}
        bootstrap = {"node": {"id": "sidecar~127.0.0.1~x.y~y.svc.cluster.local", "cluster": "x"},
                     "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin}}},
                     "dynamic_resources": {"ads_config": api, "cds_config": ADS, "lds_config": ADS},
                     "static_resources": {"clusters": [
                         {"name": "xds", "type": "STATIC", "connect_timeout": "1s",
                          "typed_extension_protocol_options": options,
                          "load_assignment": {k: v for k, v in endpoints("xds", xds_port).items() if k != "@type"}}]}}
        file = folder / "bootstrap.json"
        file.write_text(json.dumps(bootstrap))
        extra = ["--disable-hot-restart", "-l", "warning"] if program.endswith("envoy") else []
        self.proxy = Process([program, "-c", str(file), "--concurrency", "1", *extra])

    def write(self, resources):
        self.resources = resources
        fresh = self.path.with_suffix(".new")
        fresh.write_text(yaml.safe_dump_all(resources))
        os.replace(fresh, self.path)

    def ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def listens(self):
        try:
            return self.ask()[1]
        except OSError:
            return None

    def becomes(self, letter, allowed):
        """Asks until the letter comes; every answer on the way is 200 and one of `allowed`."""
        def arrived():
            status, body = self.ask()
            assert status == 200 and body in allowed, f"{status} {body}\n" + "\n".join(self.server.lines)
            return body == letter
        wait(arrived, letter, self.server, self.proxy)

    def nacks(self):
        return [x for x in self.server.lines if x.startswith("nack")]

    def stop(self):
        self.proxy.stop()
        self.server.stop()
        for backend in self.backends.values():
            backend.stop()


@pytest.fixture(params=["envoy-delta", "envoy-sotw", "weft-proxy-delta", "weft-proxy-sotw"])
def mesh(request, tmp_path):
    name, _, protocol = request.param.rpartition("-")
    if not os.path.exists(PROGRAMS[name]):
        pytest.skip(f"{PROGRAMS[name]} is not there")
    if not os.path.exists(SERVE):
        pytest.skip(f"{SERVE} is not built")
    mesh = Mesh(PROGRAMS[name], protocol == "delta", tmp_path)
    try:
        wait(lambda: mesh.listens() == "A", "first answer", mesh.server, mesh.proxy)
        yield mesh
    finally:
        mesh.stop()


def test_route_and_cluster_change_together(mesh):
    port = {letter: backend.port for letter, backend in mesh.backends.items()}
    assert mesh.server.wait_line("node") == "node sidecar~127.0.0.1~x.y~y.svc.cluster.local"
    for target, old in [("b", "a"), ("a", "b"), ("b", "a")]:
        others = [r for r in mesh.resources if r["@type"].endswith("Listener")]
        mesh.write(others + [cluster(target), endpoints(target, port[target.upper()]), route("r", {"cluster": target})])
        mesh.becomes(target.upper(), (target.upper(), old.upper()))
    for _ in range(20):
        assert mesh.ask() == (200, "B")
    assert mesh.nacks() == []


def test_endpoints_move(mesh):
    port = {letter: backend.port for letter, backend in mesh.backends.items()}
    for letter in "BAB":
        rest = [r for r in mesh.resources if not r["@type"].endswith("ClusterLoadAssignment")]
        mesh.write(rest + [endpoints("a", port[letter])])
        mesh.becomes(letter, ("A", "B"))
    assert mesh.nacks() == []


def test_bad_route_is_refused_and_the_rest_goes_on(mesh):
    rest = [r for r in mesh.resources if not r["@type"].endswith("RouteConfiguration")]
    bad = route("r", {"cluster": "a"}, {"safe_regex": {"regex": "("}})
    port = mesh.backends["B"].port
    mesh.write([r for r in rest if not r["@type"].endswith("ClusterLoadAssignment")] + [endpoints("a", port), bad])
    nack = mesh.server.wait_line("nack RDS")
    assert len(nack) > len("nack RDS ")
    mesh.becomes("B", ("A", "B"))  # the endpoints of the same change count


def test_server_comes_back(mesh):
    mesh.server.stop()
    for _ in range(20):
        assert mesh.ask() == (200, "A")
