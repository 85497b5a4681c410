# SPDX-License-Identifier: Apache-2.0
"""Bad input gets an error that names object, field and reason where a Kubernetes user looks; the rest works on."""
import json
import os
import re
import subprocess
import uuid

import pytest

from bookinfo import Visitor, look, stars, wait_in_force
from cluster import TOP, wait_until

NS = "bookinfo"
NETWORKING = "bookinfo/networking/"
PROXY = os.environ.get("WEFT_PROXY", os.path.join(TOP, "build/bin/weft-proxy"))


# What kubectl says of a manifest, word for word as with a Kubernetes 1.34: (what, arguments, manifest, words).
REFUSED = [
    ("not YAML", ["apply"], "kind: [\n", "error parsing STDIN: error converting YAML to JSON: yaml: "),
    ("an unknown field", ["apply"], """
apiVersion: v1
kind: ConfigMap
metadata: {name: bad}
datas: {a: b}
""", 'Error from server (BadRequest): error when creating "STDIN": ConfigMap in version "v1" cannot be handled as a ConfigMap: '
     'strict decoding error: unknown field "datas"'),
    ("an unknown field, created", ["create", "--validate=strict"], """
apiVersion: v1
kind: Service
metadata: {name: bad}
spec: {ports: [{port: 80, prot: TCP}]}
""", 'Service in version "v1" cannot be handled as a Service: strict decoding error: unknown field "spec.ports[0].prot"'),
    ("a wrong type", ["apply"], """
apiVersion: apps/v1
kind: Deployment
metadata: {name: bad}
spec: {replicas: two, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: []}}}
""", 'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field '
     "DeploymentSpec.spec.replicas of type int32"),
    ("a wrong type, not validated", ["apply", "--validate=false"], """
apiVersion: v1
kind: Secret
metadata: {name: bad}
data: {a: "!!"}
""", 'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0'),
    ("a bad name", ["apply"], """
apiVersion: v1
kind: ConfigMap
metadata: {name: Bad_name}
""", 'The ConfigMap "Bad_name" is invalid: metadata.name: Invalid value: "Bad_name": a lowercase RFC 1123 subdomain must consist of'),
    ("two bad values", ["apply"], """
apiVersion: v1
kind: Service
metadata: {name: bad}
spec: {ports: [{port: 0, protocol: HTTP}]}
""", '* spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive\n'
     '* spec.ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"'),
    ("a missing container", ["apply"], """
apiVersion: v1
kind: Pod
metadata: {name: bad}
spec: {containers: []}
""", 'The Pod "bad" is invalid: spec.containers: Required value'),
    ("a kind of another version", ["apply"], """
apiVersion: apps/v1beta1
kind: Deployment
metadata: {name: bad}
""", 'no matches for kind "Deployment" in version "apps/v1beta1"'),
]


@pytest.fixture(scope="module")
def scratch(cluster):
    """A namespace for objects that nobody acts on."""
    name = "bad-" + uuid.uuid4().hex[:8]
    cluster.out("create", "namespace", name)
    wait_until(lambda: cluster.get("serviceaccount", "default", "-n", name), 20, "no default service account")
    yield name
    cluster.out("delete", "namespace", name, "--wait=false")


@pytest.mark.parametrize("arguments, manifest, words", [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused_in_words(cluster, scratch, arguments, manifest, words):
    said = cluster.fails(*arguments, "-n", scratch, "-f", "-", stdin=manifest)
    print(said)
    assert words in said


def test_unknown_field_warned_of(cluster, scratch):
    done = cluster.run("apply", "--validate=warn", "-n", scratch, "-f", "-", stdin="""
apiVersion: v1
kind: ConfigMap
metadata: {name: warned}
datas: {a: b}
""")
    assert done.stdout == "configmap/warned created\n"
    assert done.stderr == 'Warning: unknown field "datas"\n'


def test_stale_version(cluster, scratch):
    cluster.out("create", "configmap", "stale", "-n", scratch, "--from-literal=a=b")
    before = cluster.out("get", "configmap", "stale", "-n", scratch, "-o", "json")
    cluster.out("label", "configmap", "stale", "-n", scratch, "x=y")
    said = cluster.fails("replace", "-n", scratch, "-f", "-", stdin=before)
    assert ('Error from server (Conflict): error when replacing "STDIN": Operation cannot be fulfilled on configmaps "stale": the '
            "object has been modified; please apply your changes to the latest version and try again") in said


def test_frozen_configmap(cluster, scratch):
    cluster.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: frozen}, immutable: true, data: {a: b}}", scratch)
    said = cluster.fails("patch", "configmap", "frozen", "-n", scratch, "-p", '{"data":{"a":"c"}}')
    assert 'The ConfigMap "frozen" is invalid: data: Forbidden: field is immutable when `immutable` is set' in said


def test_explain(cluster):
    told = cluster.out("explain", "deployment.spec.template.spec.containers.ports")
    for line in ("FIELD: ports <[]ContainerPort>", "containerPort\t<integer> -required-", "hostIP\t<string>"):
        assert line in told, told
    assert "does not exist" in cluster.fails("explain", "pod.spec.nothing")


def test_explain_of_openapi_v2(cluster):
    """The protobuf document of older clients, of a built-in and of a custom kind."""
    told = cluster.out("explain", "deployment.spec.template.spec.containers.ports", "--output=plaintext-openapiv2")
    for line in ("RESOURCE: ports <[]Object>", "containerPort\t<integer> -required-", "hostIP\t<string>"):
        assert line in told, told
    told = cluster.out("explain", "virtualservice.spec.http", "--output=plaintext-openapiv2")
    assert "VERSION:  networking.istio.io/v1" in told and "timeout\t<string>" in told, told


def virtual_service(name, host, destination, extra=""):
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}}}
spec:
  hosts: [{host}]
  http:
  - route:
    - destination: {destination}
{extra}"""


def told(cluster, kind, name, *words):
    """Where a user looks for what is wrong with an object: its status, its events, the log of istiod."""
    status = json.dumps(cluster.get(kind, name, "-n", NS).get("status", {}))
    events = [e for e in cluster.get("events", "-n", NS)["items"] if e.get("involvedObject", {}).get("name") == name]
    log = cluster.out("logs", "-n", "istio-system", cluster.pod("app=istiod", "istio-system"), "--tail=500")
    places = [status] + [json.dumps(e) for e in events] + log.splitlines()
    return [place for place in places if all(word in place for word in words)]


def test_unknown_kind(cluster):
    said = cluster.fails("apply", "-n", NS, "-f", "-", stdin="""
apiVersion: networking.istio.io/v1
kind: VirtualServant
metadata: {name: x}
""")
    assert 'no matches for kind "VirtualServant" in version "networking.istio.io/v1"' in said


def test_field_of_a_wrong_type(cluster):
    said = cluster.fails("apply", "-n", NS, "-f", "-", stdin=virtual_service(
        "reviews", "reviews", "{host: reviews, subset: v1}", "      weight: most\n"))
    print(said)
    assert '"reviews"' in said and "weight" in said, said
    assert re.search(r"spec\.http\[0\]\.route\[0\]\.weight", said), said
    assert "most" in said or "integer" in said, said


def test_weights_that_make_no_sense(cluster):
    said = cluster.fails("apply", "-n", NS, "-f", "-", stdin=virtual_service(
        "reviews", "reviews", "{host: reviews, subset: v1}", "      weight: -1\n"))
    print(said)
    assert "weight" in said and "reviews" in said


def test_unknown_subset_breaks_its_route_alone(cluster, gateway, plain):
    cluster.apply_file(NETWORKING + "destination-rule-all.yaml", NS)
    cluster.apply(virtual_service("reviews", "reviews", "{host: reviews, subset: v9}"), NS)
    wait_in_force(gateway, {"Error fetching product reviews"})
    status, _, page = Visitor(gateway).page()
    assert status == 200 and "Book Details" in page
    pod = cluster.pod("app=ratings", NS)
    code = cluster.exec(pod, "ratings", NS, "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
                        "http://reviews:9080/reviews/0").stdout
    assert code == "503"
    wait_until(lambda: told(cluster, "virtualservice", "reviews", "reviews", "v9"), 20,
               "nobody says that subset v9 is unknown")


def test_unknown_host_breaks_its_route_alone(cluster, gateway, plain):
    cluster.apply(virtual_service("reviews", "reviews", "{host: nowhere}"), NS)
    wait_in_force(gateway, {"Error fetching product reviews"})
    wait_until(lambda: told(cluster, "virtualservice", "reviews", "reviews", "nowhere"), 20,
               "nobody says that host nowhere is unknown")
    cluster.out("delete", "virtualservice", "reviews", "-n", NS)
    wait_in_force(gateway, {"none", "black", "red"})


def test_duplicate_host(cluster, gateway, plain):
    """The older of two VirtualServices for one host stays in force; the other one is named."""
    cluster.apply_file(NETWORKING + "destination-rule-all.yaml", NS)
    cluster.apply_file(NETWORKING + "virtual-service-reviews-v3.yaml", NS)
    wait_in_force(gateway, {"red"})
    try:
        cluster.apply(virtual_service("reviews-again", "reviews", "{host: reviews, subset: v1}"), NS)
        wait_until(lambda: told(cluster, "virtualservice", "reviews-again", "reviews-again"), 20,
                   "nobody names the second VirtualService of host reviews")
        assert look(gateway, 40) == {"red": 40}
    finally:
        cluster.out("delete", "virtualservice", "reviews-again", "-n", NS, "--ignore-not-found")


def test_image_that_does_not_exist(cluster):
    cluster.apply("""
apiVersion: v1
kind: Pod
metadata: {name: lost, labels: {sidecar.istio.io/inject: "false"}}
spec:
  containers:
  - {name: app, image: "127.0.0.1:1/no/such-image:1"}
""", NS)
    try:
        def reason():
            statuses = cluster.get("pod", "lost", "-n", NS)["status"].get("containerStatuses", [])
            waiting = [s["state"]["waiting"] for s in statuses if "waiting" in s["state"]]
            return [w for w in waiting if w["reason"] in ("ErrImagePull", "ImagePullBackOff")]
        waiting = wait_until(reason, 30, "no ErrImagePull")
        print(waiting)
        wait_until(lambda: [e for e in cluster.get("events", "-n", NS)["items"]
                            if e["involvedObject"]["name"] == "lost" and "no/such-image:1" in e["message"]],
                   30, "no event names the image")
        assert "no/such-image:1" in cluster.out("describe", "pod", "lost", "-n", NS)
    finally:
        cluster.out("delete", "pod", "lost", "-n", NS, "--ignore-not-found")
    assert len(cluster.wait_ready(NS)) == 6


def test_truncated_xds_message(cluster, gateway, plain):
    """A gRPC frame that promises more than it brings ends that stream with an error, and nothing else."""
    pod = cluster.pod("app=ratings", NS)
    for frame in (r"\000\000\000\000\144\012\003abc", r"\000\000\000\000\003\377\377\377", r"\001"):
        answer = cluster.exec(
            pod, "istio-proxy", NS, "sh", "-c",      # its user is not captured
            f"printf '{frame}' | curl -sS -i --max-time 5 --http2-prior-knowledge -X POST -H 'te: trailers' "
            "-H 'content-type: application/grpc' --data-binary @- http://istiod.istio-system:15010/"
            "envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources", check=False)
        print(frame, answer.stdout, answer.stderr)
        assert "grpc-status: 0" not in answer.stdout
    cluster.apply_file(NETWORKING + "destination-rule-all.yaml", NS)
    cluster.apply_file(NETWORKING + "virtual-service-reviews-v3.yaml", NS)
    wait_in_force(gateway, {"red"})
    assert stars(Visitor(gateway).page()[2]) == "red"


@pytest.mark.parametrize("text, words", [
    ("static_resources: [", ["bootstrap.yaml"]),
    ("static_resources:\n  listeners:\n  - name: a\n    adress: {}\n", ["adress"]),
    ("static_resources:\n  clusters:\n  - name: a\n    connect_timeout: soon\n", ["connect_timeout", "soon"]),
])
def test_malformed_bootstrap(tmp_path, text, words):
    if not os.path.exists(PROXY):
        pytest.skip(f"{PROXY} is not built")
    file = tmp_path / "bootstrap.yaml"
    file.write_text(text)
    done = subprocess.run([PROXY, "-c", str(file)], capture_output=True, text=True, timeout=20)
    print(done.stderr)
    assert done.returncode not in (0, -11, -6)
    for word in words:
        assert word in done.stderr, done.stderr
