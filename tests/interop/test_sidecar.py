# SPDX-License-Identifier: Apache-2.0
"""weft-proxy as a sidecar in a pod's network namespace: capture, original destination, pass-through, probes, metrics.

Two namespaces joined by a veth: `pod` (application, sidecar, capture rules) and `peer` (the rest of the world). The
configuration comes from our server without a control plane. Needs root and nft; WEFT_PROXY and XDS_SERVE name programs.
"""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

import pytest
import yaml

from test_xds import ADS, PROGRAMS, SERVE, URL, Process, wait

PROXY = PROGRAMS["weft-proxy"]
PYTHON = "/usr/bin/python3"         # users other than root may run it wherever the clone lies
ID = os.getpid() % 10000
POD, PEER = f"wp-pod-{ID}", f"wp-peer-{ID}"
POD_IP, PEER_IP, POD_IP6, PEER_IP6, VIP = "10.213.0.1", "10.213.0.2", "fd13::1", "fd13::2", "10.214.0.10"
UNLIMITED = {"thresholds": [{"max_connections": 4294967295, "max_pending_requests": 4294967295,
                             "max_requests": 4294967295, "max_retries": 4294967295}]}
ECHO = """
import http.server, socket, sys
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = (sys.argv[2] + " " + self.path + " from " + self.client_address[0] + "\\n" + str(self.headers)).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
Server(("::", int(sys.argv[1])), Handler).serve_forever()
"""


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def check(*command):
    done = run(*command)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}{done.stdout}"
    return done.stdout


def inside(namespace, *command, uid=None):
    user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []
    return ["ip", "netns", "exec", namespace, *user, *command]


def hcm(prefix, routes=None, name=None):
    config = {"@type": URL + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
              "stat_prefix": prefix, "server_name": "istio-envoy", "stream_idle_timeout": "0s",
              "http_filters": [{"name": "envoy.filters.http.router",
                                "typed_config": {"@type": URL + "envoy.extensions.filters.http.router.v3.Router"}}]}
    if name:
        config["rds"] = {"config_source": ADS, "route_config_name": name}
    else:
        config["route_config"] = {"name": prefix, "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]}
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": config}


def tcp(cluster):
    return {"name": "envoy.filters.network.tcp_proxy",
            "typed_config": {"@type": URL + "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                             "stat_prefix": cluster, "cluster": cluster}}


def address(ip, port):
    return {"socket_address": {"address": ip, "port_value": port}}


def listener(name, port, chains, **more):
    return {"@type": URL + "envoy.config.listener.v3.Listener", "name": name, "address": address("0.0.0.0", port),
            "additional_addresses": [{"address": address("::", port)}], "filter_chains": chains, **more}


def original(name, bind=False):
    config = {"@type": URL + "envoy.config.cluster.v3.Cluster", "name": name, "type": "ORIGINAL_DST",
              "lb_policy": "CLUSTER_PROVIDED", "circuit_breakers": UNLIMITED}
    if bind:
        config["upstream_bind_config"] = {"source_address": {"address": "127.0.0.6", "port_value": 0},
                                          "extra_source_addresses": [{"address": {"address": "::6", "port_value": 0}}]}
    return config


def resources():
    inbound = [{"match": {"prefix": "/"}, "route": {"cluster": "inbound|8080||", "timeout": "0s"}}]
    inspector = {"name": "h", "typed_config":
                 {"@type": URL + "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector"}}
    destination = {"name": "o", "typed_config":
                   {"@type": URL + "envoy.extensions.filters.listener.original_dst.v3.OriginalDst"}}
    return [
        {"@type": URL + "envoy.config.cluster.v3.Cluster", "name": "outbound|80||web", "type": "EDS",
         "lb_policy": "LEAST_REQUEST", "circuit_breakers": UNLIMITED, "eds_cluster_config": {"eds_config": ADS}},
        original("PassthroughCluster"), original("InboundPassthroughCluster", True), original("inbound|8080||", True),
        {"@type": URL + "envoy.config.cluster.v3.Cluster", "name": "BlackHoleCluster", "type": "STATIC"},
        {"@type": URL + "envoy.config.endpoint.v3.ClusterLoadAssignment", "cluster_name": "outbound|80||web",
         "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(PEER_IP, 8080)}}]}]},
        listener("virtualOutbound", 15001, [
            {"filter_chain_match": {"destination_port": 15001}, "filters": [tcp("BlackHoleCluster")]},
            {"filters": [tcp("PassthroughCluster")]}], use_original_dst=True, traffic_direction="OUTBOUND"),
        listener("0.0.0.0_80", 80, [
            {"filter_chain_match": {"transport_protocol": "raw_buffer", "application_protocols": ["http/1.1", "h2c"]},
             "filters": [hcm("outbound_0.0.0.0_80;", name="80")]}], bind_to_port=False, traffic_direction="OUTBOUND",
            listener_filters=[inspector], listener_filters_timeout="0s", continue_on_listener_filters_timeout=True,
            default_filter_chain={"filters": [tcp("PassthroughCluster")]}),
        listener("virtualInbound", 15006, [
            {"filter_chain_match": {"destination_port": 15006}, "filters": [tcp("BlackHoleCluster")]},
            {"filter_chain_match": {"destination_port": 8080, "transport_protocol": "raw_buffer"},
             "filters": [hcm("inbound_0.0.0.0_8080;", inbound)]},
            {"filters": [tcp("InboundPassthroughCluster")]}], traffic_direction="INBOUND",
            listener_filters=[destination, inspector], listener_filters_timeout="0s"),
        {"@type": URL + "envoy.config.route.v3.RouteConfiguration", "name": "80", "ignore_port_in_host_matching": True,
         "virtual_hosts": [
             {"name": "web:80", "domains": ["web", VIP],
              "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "outbound|80||web", "timeout": "0s"}}]},
             {"name": "allow_any", "domains": ["*"],
              "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "PassthroughCluster", "timeout": "0s"}}]}]},
    ]


class Pod:
    """Both namespaces, the programs in them, and questions."""

    def __init__(self, folder):
        self.processes = []
        # the clone may lie where only root may look (/root), and the sidecar is not root
        self.public = tempfile.mkdtemp(prefix="weft-interop.")
        os.chmod(self.public, 0o755)
        proxy = shutil.copy(PROXY, self.public)
        check("ip", "netns", "add", POD)
        check("ip", "netns", "add", PEER)
        check("ip", "link", "add", f"v{ID}a", "netns", POD, "type", "veth", "peer", "name", f"v{ID}b", "netns", PEER)
        for namespace, link, ip, ip6 in ((POD, f"v{ID}a", POD_IP, POD_IP6), (PEER, f"v{ID}b", PEER_IP, PEER_IP6)):
            check(*inside(namespace, "ip", "addr", "add", f"{ip}/24", "dev", link))
            check(*inside(namespace, "ip", "addr", "add", f"{ip6}/64", "dev", link, "nodad"))
            check(*inside(namespace, "ip", "link", "set", link, "up"))
            check(*inside(namespace, "ip", "link", "set", "lo", "up"))
        check(*inside(POD, "ip", "route", "add", "default", "via", PEER_IP))
        check(*inside(POD, proxy, "istio-iptables", "-p", "15001", "-z", "15006", "-u", "1337", "-m", "REDIRECT",
                      "-i", "*", "-x", "", "-b", "*", "-d", "15090,15021,15020"))
        self.start(POD, PYTHON, "-c", ECHO, "8080", "app", uid=2000)
        self.start(PEER, PYTHON, "-c", ECHO, "8080", "peer")
        self.start(PEER, PYTHON, "-c", ECHO, "9999", "other")
        file = folder / "xds.yaml"
        file.write_text(yaml.safe_dump_all(resources()))
        self.server = self.start(POD, SERVE, str(file))
        port = self.server.wait_line("listening").split()[1]
        probers = {"/app-health/app/readyz": {"httpGet": {"path": "/ok", "port": 8080}},
                   "/app-health/app/livez": {"tcpSocket": {"port": 7}}}
        environment = {"POD_NAME": "web-1", "POD_NAMESPACE": "shop", "INSTANCE_IP": POD_IP, "PATH": os.environ["PATH"],
                       "PROXY_CONFIG": json.dumps({"discoveryAddress": f"127.0.0.1:{port}",
                                                   "terminationDrainDuration": "1s"}),
                       "ISTIO_META_WORKLOAD_NAME": "web", "ISTIO_KUBE_APP_PROBERS": json.dumps(probers)}
        self.proxy = self.start(POD, "env", *(f"{k}={v}" for k, v in environment.items()), proxy, "proxy", "sidecar",
                                "--domain", "shop.svc.cluster.local", uid=1337)
        wait(lambda: self.curl(PEER, f"http://{POD_IP}:15021/healthz/ready")[0] == 200, "readiness", self.proxy,
             self.server)
        for namespace, url in ((PEER, f"http://{PEER_IP}:8080/"), (PEER, f"http://{PEER_IP}:9999/"),
                               (POD, "http://127.0.0.1:8080/")):
            wait(lambda: self.curl(namespace, url)[0] == 200, url, self.proxy)

    def start(self, namespace, *command, uid=None):
        process = Process(inside(namespace, *command, uid=uid))
        self.processes.append(process)
        return process

    def curl(self, namespace, url, *more):
        done = run(*inside(namespace, "curl", "-s", "-g", "-m", "10", "-w", "\n%{http_code}", *more, url,
                           uid=2000 if namespace == POD else None))
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body

    def stop(self):
        for process in reversed(self.processes):
            process.stop()
        run("ip", "netns", "del", POD)
        run("ip", "netns", "del", PEER)
        shutil.rmtree(self.public)


@pytest.fixture(scope="module")
def pod(tmp_path_factory):
    if os.geteuid() != 0 or run("nft", "--version").returncode != 0:
        pytest.skip("needs root and nft")
    try:
        pod = Pod(tmp_path_factory.mktemp("sidecar"))
    except BaseException:
        run("ip", "netns", "del", POD)
        run("ip", "netns", "del", PEER)
        raise
    yield pod
    pod.stop()


def test_nothing_is_refused(pod):
    assert not [line for line in pod.server.lines if "nack" in line]


def test_outbound_by_service_address(pod):
    status, body = pod.curl(POD, f"http://{VIP}/a")
    assert status == 200 and body.startswith("peer /a from ::ffff:" + POD_IP)
    assert "x-request-id" in body.lower()


def test_outbound_by_host(pod):
    status, body = pod.curl(POD, f"http://{VIP}/b", "-H", "host: web")
    assert status == 200 and body.startswith("peer /b")


def test_outbound_to_an_unknown_port_passes_through(pod):
    status, body = pod.curl(POD, f"http://{PEER_IP}:9999/c")
    assert status == 200 and body.startswith("other /c from ::ffff:" + POD_IP)
    assert "x-request-id" not in body.lower()


def test_outbound_ipv6_passes_through_the_proxy(pod):
    status, body = pod.curl(POD, f"http://[{PEER_IP6}]:9999/six")
    assert status == 200 and body.startswith("other /six")
    total = check(*inside(POD, PROXY, "request", "GET", "stats?filter=listener.*15001.downstream_cx_total"))
    assert int(total.split(":")[-1]) >= 2


@pytest.mark.parametrize("ip", [POD_IP, f"[{POD_IP6}]"])
def test_inbound_goes_through_the_proxy(pod, ip):
    status, body = pod.curl(PEER, f"http://{ip}:8080/in", "-D", "-")
    assert status == 200 and "app /in from " in body
    assert "server: istio-envoy" in body.lower() and "x-request-id" in body.lower()


def test_the_application_calls_itself(pod):
    status, body = pod.curl(POD, f"http://{POD_IP}:8080/self")
    assert status == 200 and "app /self" in body


def test_loopback_is_left_alone(pod):
    status, body = pod.curl(POD, "http://127.0.0.1:8080/lo", "-D", "-")
    assert status == 200 and "istio-envoy" not in body


def test_probes(pod):
    assert pod.curl(PEER, f"http://{POD_IP}:15020/app-health/app/readyz")[0] == 200
    assert pod.curl(PEER, f"http://{POD_IP}:15020/app-health/app/livez")[0] == 500
    assert pod.curl(PEER, f"http://{POD_IP}:15020/app-health/app/other")[0] == 404


def test_metrics(pod):
    pod.curl(PEER, f"http://{POD_IP}:8080/counted")
    body = pod.curl(PEER, f"http://{POD_IP}:15090/stats/prometheus")[1]
    requests = [x for x in body.splitlines() if x.startswith("istio_requests_total")]
    assert any('reporter="destination"' in x and 'destination_workload="web"' in x and 'response_code="200"' in x
               for x in requests), requests
    assert any('reporter="source"' in x and 'source_workload_namespace="shop"' in x for x in requests), requests
    assert "# TYPE istio_request_duration_milliseconds histogram" in body
    assert 'envoy_cluster_upstream_rq_total{cluster_name="outbound|80||web"}' in body


def test_request_and_wait(pod):
    assert check(*inside(POD, PROXY, "request", "GET", "ready")).strip() == "LIVE"
    check(*inside(POD, PROXY, "wait", "--timeoutSeconds", "5"))
    dump = json.loads(check(*inside(POD, PROXY, "request", "GET", "config_dump?include_eds")))
    kinds = {c["@type"].rpartition(".")[2]: c for c in dump["configs"]}
    assert {"BootstrapConfigDump", "ClustersConfigDump", "EndpointsConfigDump", "ListenersConfigDump",
            "RoutesConfigDump"} <= set(kinds)
    assert {x["name"] for x in kinds["ListenersConfigDump"]["dynamic_listeners"]} == \
        {"virtualOutbound", "0.0.0.0_80", "virtualInbound"}


def test_serves_on_while_the_control_plane_is_away(pod):
    pod.server.stop()
    for _ in range(3):
        assert pod.curl(POD, f"http://{VIP}/away")[0] == 200
    assert pod.curl(PEER, f"http://{POD_IP}:15021/healthz/ready")[0] == 200


def test_ends_when_told_and_says_so_first(pod):
    pod.proxy.process.send_signal(signal.SIGTERM)
    wait(lambda: pod.curl(PEER, f"http://{POD_IP}:15021/healthz/ready")[0] == 503, "unreadiness", pod.proxy)
    assert pod.curl(PEER, f"http://{POD_IP}:8080/late")[0] == 200
    deadline = time.monotonic() + 10
    while pod.proxy.process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert pod.proxy.process.returncode == 0, pod.proxy.lines[-20:]
