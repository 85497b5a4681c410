# SPDX-License-Identifier: Apache-2.0
"""weftd between other people's programs: a real Kubernetes (any KUBECONFIG) and a real Envoy as its sidecar.

weftd and Envoy run on this machine; the cluster holds the objects. Needs an API server that can reach this machine
(webhooks), and no mesh in the cluster: both would write the same root certificates.
"""
import http.server
import json
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import urlparse

import pytest

from cluster import TOP, Cluster, wait_until
from ports import free_port, told_port

BUILD = os.environ.get("WEFT_BUILD", os.path.join(TOP, "build/dev"))
TOOLS = os.environ.get("WEFT_TOOLS_DIR", os.path.join(TOP, ".cache/tools"))
ENVOY = os.environ.get("ENVOY", os.path.join(TOOLS, "bin/envoy"))
CONTROL, DEMO = "weft-interop-control", "weft-interop-demo"
TYPES = ("cluster", "endpoint", "listener", "route")


def local_address(server):
    """This machine's address as the API server sees it; never a loopback one, which no endpoint may have."""
    for target in (urlparse(server).hostname, "198.51.100.1"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.connect((target, 443))
            except OSError:
                continue
            if not s.getsockname()[0].startswith("127."):
                return s.getsockname()[0]
    pytest.skip("this machine has no address but loopback")
    return None


def fetch(url, headers=None, timeout=5):
    """(status, body); an HTTP error is an answer too."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


class Weftd:
    def __init__(self, kubeconfig, folder):
        self.ports = {name: free_port("") for name in ("xds", "webhook", "debug")}
        self.kubeconfig, self.folder, self.process = kubeconfig, folder, None

    def start(self):
        ports = self.ports
        with open(os.path.join(self.folder, "weftd.log"), "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(BUILD, "src/bin/weftd"), "--kubeconfig", self.kubeconfig, "--namespace", CONTROL,
                 "--grpcAddr", f"127.0.0.1:{ports['xds']}", "--httpsAddr", f"0.0.0.0:{ports['webhook']}",
                 "--httpAddr", f"127.0.0.1:{ports['debug']}", "--monitoringAddr", ""], stderr=log)
        wait_until(lambda: self.debug("/ready")[0] == 200, 20, "weftd is not ready")

    def debug(self, path):
        return fetch(f"http://127.0.0.1:{self.ports['debug']}{path}")

    def proxies(self):
        return json.loads(self.debug("/debug/syncz")[1])

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        assert self.process.wait(10) == 0, "weftd did not end cleanly (sanitizers, leaks?)"

    def log(self):
        with open(os.path.join(self.folder, "weftd.log"), encoding="utf-8") as f:
            return f.read()


class Upstream(http.server.BaseHTTPRequestHandler):
    """Answers with the version that its server stands for."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):  # pylint: disable=invalid-name
        body = self.server.version.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def cluster():
    path = os.environ.get("KUBECONFIG")
    if not path:
        pytest.skip("KUBECONFIG is not set")
    found = Cluster(path)
    if found.run("get", "deployment", "istiod", "-n", "istio-system", check=False).returncode == 0:
        pytest.skip("a mesh is installed in this cluster")
    yield found
    found.run("delete", "namespace", DEMO, CONTROL, "--ignore-not-found", "--wait=false")
    for kind, name in (("mutating", "istio-sidecar-injector"), ("validating", "istio-validator")):
        found.run("delete", f"{kind}webhookconfiguration", f"{name}-{CONTROL}", "--ignore-not-found")


@pytest.fixture(scope="module")
def host(cluster):
    server = cluster.out("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    return local_address(server)


def manifests(kind):
    """Objects of that kind out of `weft manifest generate`, as kubectl reads them."""
    text = subprocess.run([os.path.join(BUILD, "src/bin/weft"), "manifest", "generate"], capture_output=True, text=True,
                          check=True).stdout
    return [part for part in text.split("---\n") if f"\nkind: {kind}\n" in part]


@pytest.fixture(scope="module")
def weftd(cluster, host, tmp_path_factory):
    for ns in (CONTROL, DEMO):
        wait_until(lambda ns=ns: not cluster.out("get", "namespace", ns, "--ignore-not-found"), 60, f"{ns} still ends")
        cluster.run("create", "namespace", ns)
    cluster.run("apply", "-f", "-", stdin="---\n".join(manifests("CustomResourceDefinition")))
    daemon = Weftd(cluster.kubeconfig, tmp_path_factory.mktemp("weftd"))
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "istiod"},
               "spec": {"ports": [{"name": "https-webhook", "port": 443, "targetPort": daemon.ports["webhook"]}]}}
    cluster.apply(json.dumps(service), CONTROL)
    endpoints = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "istiod"}, "subsets": [
        {"addresses": [{"ip": host}], "ports": [{"name": "https-webhook", "port": daemon.ports["webhook"]}]}]}
    cluster.apply(json.dumps(endpoints), CONTROL)
    daemon.start()
    hooks(cluster)
    yield daemon
    daemon.stop()


def slice_of(service, addresses, port_name, port, name=None):
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": name or service, "labels": {"kubernetes.io/service-name": service}},
            "endpoints": [{"addresses": [a], "conditions": {"ready": True}} for a in addresses],
            "ports": [{"name": port_name, "port": port, "protocol": "TCP"}]}


def hooks(cluster):
    """The installation's webhook configurations, for the demo namespace alone, served by this weftd."""
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        done = cluster.run("create", "--dry-run=client", "-o", "json", "-f", "-", stdin=manifests(kind)[0])
        tree = json.loads(done.stdout)
        tree["metadata"]["name"] = tree["metadata"]["name"].replace("-istio-system", "") + "-" + CONTROL
        for hook in tree["webhooks"]:
            hook["clientConfig"]["service"]["namespace"] = CONTROL
            selector = hook.setdefault("namespaceSelector", {})
            selector.setdefault("matchExpressions", []).append(
                {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [DEMO]})
        cluster.run("apply", "-f", "-", stdin=json.dumps(tree))

    def ready():
        found = cluster.get("validatingwebhookconfiguration", f"istio-validator-{CONTROL}")
        return all(h["clientConfig"].get("caBundle") and h["failurePolicy"] == "Fail" for h in found["webhooks"])
    wait_until(ready, 20, "weftd did not put its root into the webhook configurations")
    cluster.run("label", "namespace", DEMO, "istio-injection=enabled", "--overwrite")


@pytest.fixture(scope="module")
def upstreams(host):
    servers = {}
    for version in ("v1", "v2"):
        server = http.server.ThreadingHTTPServer((host, 0), Upstream)
        server.version = version
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers[version] = server
    yield {version: server.server_address[1] for version, server in servers.items()}
    for server in servers.values():
        server.shutdown()


SERVICE_PORT = free_port()


@pytest.fixture(scope="module")
def web(cluster, weftd, host, upstreams):
    """Two services (one a version each: their pods' labels cannot be faked without nodes)."""
    for version, port in upstreams.items():
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"web-{version}"},
                   "spec": {"ports": [{"name": "http", "port": SERVICE_PORT, "targetPort": port}]}}
        cluster.apply(json.dumps(service), DEMO)
        cluster.apply(json.dumps(slice_of(f"web-{version}", [host], "http", port)), DEMO)


def bootstrap(xds_port, api_type):
    http2 = {"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
             "explicit_http_config": {"http2_protocol_options": {}}}
    ads = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": xds_port}}
    return {
        "node": {"id": f"sidecar~127.0.0.1~client.{DEMO}~{DEMO}.svc.cluster.local", "cluster": f"client.{DEMO}",
                 "metadata": {"NAMESPACE": DEMO, "INTERCEPTION_MODE": "NONE", "ISTIO_VERSION": "1.31.0",
                              "LABELS": {"app": "client"}}},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
        "dynamic_resources": {
            "ads_config": {"api_type": api_type, "transport_api_version": "V3",
                           "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}]},
            "cds_config": ads, "lds_config": ads},
        "static_resources": {"clusters": [{
            "name": "xds", "type": "STATIC",
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
            "load_assignment": {"cluster_name": "xds", "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": address}}]}]}}]}}


class Sidecar:
    """A real Envoy that weftd drives."""
    def __init__(self, weftd, api_type, folder):
        self.weftd, self.admin = weftd, os.path.join(folder, "admin")
        path = os.path.join(folder, "envoy.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(bootstrap(weftd.ports["xds"], api_type), f)
        with open(os.path.join(folder, "envoy.log"), "wb") as log:
            self.process = subprocess.Popen([ENVOY, "-c", path, "-l", "warning", "--disable-hot-restart", "--concurrency", "1",
                                             "--admin-address-path", self.admin], stderr=log, stdout=log)
        wait_until(self.is_settled, 20, "Envoy did not accept everything")

    def is_settled(self):
        (proxy,) = self.weftd.proxies()
        assert all(t in proxy for t in TYPES), proxy
        assert all(proxy[t]["nacks"] == 0 for t in TYPES), proxy
        return all(proxy[t]["acked"] == proxy[t]["sent"] > 0 for t in TYPES)

    def call(self, name):
        return fetch(f"http://127.0.0.1:{SERVICE_PORT}/", {"host": f"{name}:{SERVICE_PORT}"})

    def stats(self):
        text = fetch(f"http://127.0.0.1:{told_port(self.admin)}/stats?filter=update_(rejected|success)|cluster_(added|updated)|lds")[1]
        return dict(line.split(": ") for line in text.splitlines() if ": " in line)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(params=["DELTA_GRPC", "GRPC"])
def sidecar(request, weftd, web, tmp_path):
    if not os.path.exists(ENVOY):
        pytest.skip(f"{ENVOY} is missing: tools/install-deps test")
    wait_until(lambda: not weftd.proxies(), 10, "a former proxy is still connected")
    envoy = Sidecar(weftd, request.param, tmp_path)
    yield envoy
    envoy.stop()


def virtual_service(destination, **more):
    return json.dumps({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "web"},
                       "spec": {"hosts": ["web-v1"], "http": [{"route": [{"destination": {"host": destination, **more}}]}]}})


def test_requests_are_routed_and_changes_are_fast(cluster, sidecar):
    wait_until(lambda: sidecar.call("web-v1") == (200, "v1"), 10, "the first request")
    assert sidecar.call(f"web-v2.{DEMO}.svc.cluster.local") == (200, "v2")
    cluster.apply(virtual_service("web-v2"), DEMO)
    began = time.monotonic()
    wait_until(lambda: sidecar.call("web-v1") == (200, "v2"), 5, "the VirtualService is not in force", 0.02)
    print(f"\nin force {time.monotonic() - began:.3f} s after kubectl apply returned")
    assert time.monotonic() - began < 1
    cluster.run("delete", "virtualservice", "web", "-n", DEMO)
    wait_until(lambda: sidecar.call("web-v1") == (200, "v1"), 5, "the VirtualService is still in force", 0.02)
    assert sidecar.is_settled() or wait_until(sidecar.is_settled, 5, "not all acknowledged")


def test_restart_of_weftd_disturbs_nothing(weftd, sidecar):
    wait_until(lambda: sidecar.call("web-v1") == (200, "v1"), 10, "the first request")
    before = sidecar.stats()
    weftd.kill()
    assert sidecar.call("web-v1") == (200, "v1")
    weftd.start()
    wait_until(sidecar.is_settled, 30, "Envoy is not back")
    assert sidecar.call("web-v1") == (200, "v1")
    after = sidecar.stats()
    for name in ("cluster_manager.cluster_updated", "listener_manager.listener_modified"):
        assert before.get(name) == after.get(name), f"{name}: the same configuration came as a change"


def test_unknown_destination_is_told_where_users_look(cluster, weftd, sidecar):
    cluster.apply(virtual_service("web-v1", subset="v9"), DEMO)
    wait_until(lambda: sidecar.call("web-v1")[0] == 503, 5, "the route should answer 503")
    assert sidecar.call("web-v2") == (200, "v2"), "another route suffers"

    def condition():
        found = cluster.get("virtualservice", "web", "-n", DEMO).get("status", {}).get("conditions", [])
        return [c for c in found if c["type"] == "PassedAnalysis" and c["status"] == "False" and "v9" in c["message"]]
    wait_until(condition, 30, "no status condition")    # the weftd before was killed: its Lease runs for 15 s more
    assert f"VirtualService/{DEMO}/web" in weftd.log()
    cluster.apply(virtual_service("web-v1"), DEMO)
    wait_until(lambda: sidecar.call("web-v1") == (200, "v1"), 5, "the mended route")
    wait_until(lambda: not condition(), 5, "the condition stays")
    cluster.run("delete", "virtualservice", "web", "-n", DEMO)


def test_invalid_objects_are_refused_at_admission(cluster, weftd):
    bad = json.loads(virtual_service("web-v1"))
    bad["spec"]["http"][0]["route"][0]["weight"] = -5
    said = cluster.fails("apply", "-n", DEMO, "-f", "-", stdin=json.dumps(bad))
    assert "weight" in said and "spec.http[0].route[0]" in said, said
    bad["spec"]["http"] = [{"match": [{"uri": {"regex": "["}}], "route": [{"destination": {"host": "web-v1"}}]}]
    said = cluster.fails("apply", "-n", DEMO, "-f", "-", stdin=json.dumps(bad))
    assert "spec.http[0].match[0].uri" in said and "regular expression" in said, said


def test_pods_are_injected(cluster, weftd):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "injected", "labels": {"app": "x"}},
           "spec": {"containers": [{"name": "app", "image": "example.org/app"}]}}

    def created(tree):
        done = cluster.run("create", "-n", DEMO, "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(tree))
        return json.loads(done.stdout)
    got = created(pod)
    assert [c["name"] for c in got["spec"]["containers"]] == ["app", "istio-proxy"]
    assert [c["name"] for c in got["spec"]["initContainers"]] == ["istio-init"]
    assert "sidecar.istio.io/status" in got["metadata"]["annotations"]
    pod["metadata"]["labels"]["sidecar.istio.io/inject"] = "false"
    assert len(created(pod)["spec"]["containers"]) == 1
    pod["metadata"] = {"name": "injected", "annotations": {"traffic.sidecar.istio.io/excludeInboundPorts": "http"}}
    said = cluster.fails("create", "-n", DEMO, "--dry-run=server", "-f", "-", stdin=json.dumps(pod))
    assert "excludeInboundPorts" in said, said


def test_every_namespace_has_the_root(cluster, weftd):
    name = "weft-interop-later"
    cluster.run("create", "namespace", name)
    try:
        wait_until(lambda: "BEGIN CERTIFICATE" in cluster.out(
            "get", "configmap", "istio-ca-root-cert", "-n", name, "-o", "jsonpath={.data.root-cert\\.pem}"), 10,
                   "no root certificate in a new namespace")
        cluster.run("delete", "configmap", "istio-ca-root-cert", "-n", name)
        wait_until(lambda: cluster.get("configmap", "istio-ca-root-cert", "-n", name), 10, "it does not come back")
    finally:
        cluster.run("delete", "namespace", name, "--wait=false")
