# SPDX-License-Identifier: Apache-2.0
"""What docs/samples.md promises of the samples' files: each applies or is refused as its row says, and does what it is for."""
import os
import re
import socket
import time
import urllib.error
import urllib.request

import pytest

from bookinfo import assert_shares, look, stars, Visitor, wait_in_force
from cluster import SAMPLES, TOP, wait_until

NS = "bookinfo"
DEMO = "samples-demo"
KUBE, NETWORKING = "bookinfo/platform/kube/", "bookinfo/networking/"
ROW = re.compile(r"^\| `([^`]+\.yaml)` \|([^|]*)\|([^|]*)\|([^|]*)\|$", re.M)
ONE_FAMILY = re.compile("not configured on this cluster|not configured for dual-stack")    # so a cluster with IPv4 alone


def rows():
    """(file, column, what the row says) of every row of docs/samples.md; exactly one column of a row is filled."""
    with open(os.path.join(TOP, "docs/samples.md"), encoding="utf-8") as f:
        text = f.read()
    for file, *columns in ROW.findall(text):
        filled = [i for i, column in enumerate(columns) if column.strip()]
        assert len(filled) == 1, f"docs/samples.md: {file} is in {len(filled)} columns"
        yield file, ("works", "later", "refused")[filled[0]], columns[filled[0]]


def files():
    """Every manifest of the samples but those of ratingsapp, which the tutorial applies."""
    for folder, _, names in os.walk(SAMPLES):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), SAMPLES)
            if name.endswith(".yaml") and not path.startswith("ratingsapp/"):
                yield path


def test_every_file_has_a_row():
    assert sorted(file for file, *_ in rows()) == sorted(files())


@pytest.mark.parametrize("file, column, text", rows())
def test_file_is_taken_or_refused(cluster, file, column, text):
    path = os.path.join(SAMPLES, file)
    with open(path, encoding="utf-8") as f:
        where = [] if re.search(r"^  namespace:|namespace: istio-system", f.read(), re.M) else ["-n", "default"]
    done = cluster.run("apply", "--dry-run=server", *where, "-f", path, check=False)
    if column == "refused":
        assert done.returncode != 0 and re.search("no matches for kind|not supported", done.stderr), done.stderr
    elif "dual stack" not in text or not ONE_FAMILY.search(done.stderr):
        assert done.returncode == 0, done.stderr


# --- BookInfo: faults, databases, Ingress ---

def apply_all(cluster, *names):
    for name in names:
        cluster.apply_file(name, NS)


def test_abort_for_jason(cluster, gateway, plain):
    apply_all(cluster, NETWORKING + "destination-rule-all.yaml", NETWORKING + "virtual-service-reviews-test-v2.yaml",
              NETWORKING + "virtual-service-ratings-test-abort.yaml")
    wait_in_force(gateway, {"Ratings service is currently unavailable"}, user="jason")
    wait_in_force(gateway, {"none"})
    assert look(gateway, 20) == {"none": 20}


def test_delay_for_jason_breaks_reviews_after_two_tries(cluster, gateway, plain):
    apply_all(cluster, NETWORKING + "destination-rule-all.yaml", NETWORKING + "virtual-service-reviews-test-v2.yaml")
    wait_in_force(gateway, {"black"}, user="jason")
    cluster.apply_file(NETWORKING + "virtual-service-ratings-test-delay.yaml", NS)
    jason = Visitor(gateway)
    jason.sign_in("jason")

    def delayed():
        began = time.monotonic()
        page = stars(jason.page()[2])
        return page == "Error fetching product reviews" and time.monotonic() - began >= 5.5
    wait_until(delayed, 60, "jason's page does not lose its reviews after 6 s")
    assert look(gateway, 4) == {"none": 4}


def test_abort_of_details(cluster, gateway, plain):
    apply_all(cluster, NETWORKING + "destination-rule-all.yaml", NETWORKING + "fault-injection-details-v1.yaml")
    wait_in_force(gateway, {"Error fetching product details"})


@pytest.mark.parametrize("database, ratings, rule, pod", [
    ("bookinfo-db.yaml", "bookinfo-ratings-v2.yaml", "virtual-service-ratings-db.yaml", "mongodb"),
    ("bookinfo-mysql.yaml", "bookinfo-ratings-v2-mysql.yaml", "virtual-service-ratings-mysql.yaml", "mysqldb"),
])
def test_ratings_come_from_a_database(cluster, gateway, plain, database, ratings, rule, pod):
    """Nine red stars while the database lives, an error on the page when it does not."""
    apply_all(cluster, KUBE + database, KUBE + ratings, NETWORKING + "destination-rule-all.yaml")
    try:
        cluster.wait_ready(NS, 8)
        cluster.apply_file(NETWORKING + rule, NS)
        wait_in_force(gateway, {"red"}, seconds=30)
        cluster.out("scale", f"deployment/{pod}-v1", "--replicas=0", "-n", NS)
        wait_in_force(gateway, {"Ratings service is currently unavailable"}, seconds=60)
    finally:
        cluster.delete_file(KUBE + ratings, NS)
        cluster.delete_file(KUBE + database, NS)
    cluster.wait_ready(NS, 6)


def test_ingress_in_place_of_the_gateway(cluster, gateway, plain):
    def status(path):
        """0 when the gateway has no port open, as without any Gateway and Ingress."""
        try:
            return Visitor(gateway).request("GET", path)[0]
        except OSError:
            return 0
    cluster.delete_file(NETWORKING + "bookinfo-gateway.yaml", NS)
    try:
        wait_until(lambda: status("/productpage") in (0, 404), 10, "the page is still there without a gateway")
        cluster.apply_file(KUBE + "bookinfo-ingress.yaml", NS)
        wait_until(lambda: status("/productpage") == 200, 10, "the Ingress opens nothing")
        assert status("/api/v1/products/0") == 200
        assert status("/nothing") == 404
    finally:
        cluster.delete_file(KUBE + "bookinfo-ingress.yaml", NS)
        cluster.apply_file(NETWORKING + "bookinfo-gateway.yaml", NS)
    wait_until(lambda: status("/productpage") == 200, 10, "the page is not back")


# --- BookInfo: ratings that do wrong, and what a visitor sees of it through retries and time-outs ---

RULES = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: ratings}}
spec:
  host: ratings
  subsets: [{{name: chosen, labels: {{version: {version}}}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: ratings}}
spec:
  hosts: [ratings]
  http:
  - route: [{{destination: {{host: ratings, subset: chosen}}}}]
    {policy}
"""
TO_REVIEWS_V2 = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - route: [{destination: {host: reviews, subset: v2}}]
"""
NO_STARS = "Ratings service is currently unavailable"


@pytest.fixture
def wronged(cluster, gateway, plain):
    """A version of ratings that does wrong, beside v1; call with its name to get rules(policy), which sends everybody to it."""
    started = []

    def start(version):
        with open(os.path.join(SAMPLES, KUBE, "bookinfo-ratings.yaml"), encoding="utf-8") as f:
            [deployment] = [part for part in f.read().split("---") if "kind: Deployment" in part]
        started.append(f"ratings-{version}")
        cluster.apply(re.sub(r"ratings-v1\b", f"ratings-{version}", deployment).replace("version: v1", f"version: {version}"), NS)
        cluster.wait_ready(NS, 7)
        return lambda policy: cluster.apply(RULES.format(version=version, policy=policy), NS)
    yield start
    for name in started:
        cluster.out("delete", "deployment", name, "-n", NS)
    cluster.wait_ready(NS, 6)


def test_retries_make_a_faulty_version_whole(cluster, gateway, wronged):
    """One of two answers is 503: without retries the stars are often missing, with enough of them never."""
    apply_all(cluster, NETWORKING + "destination-rule-reviews.yaml", NETWORKING + "virtual-service-reviews-v3.yaml")
    rules = wronged("v-faulty")
    rules("retries: {attempts: 0}")
    wait_until(lambda: NO_STARS in look(gateway, 10), 30, "the faulty version does no wrong")
    seen = look(gateway, 100)
    assert_shares(seen, {"red": 0.5, NO_STARS: 0.5})
    rules("retries: {attempts: 20, retryOn: 5xx}")
    wait_in_force(gateway, {"red"}, seconds=30)
    assert look(gateway, 100) == {"red": 100}


def test_timeouts_save_the_page_from_a_delayed_version(cluster, gateway, wronged):
    """One of two answers is 7 s late, for which reviews v2 waits and productpage does not: a time-out loses the stars
    alone, and a time-out for each of several tries loses nothing."""
    apply_all(cluster, NETWORKING + "destination-rule-reviews.yaml")
    cluster.apply(TO_REVIEWS_V2, NS)
    rules = wronged("v-delayed")
    rules("")
    wait_until(lambda: look(gateway, 4)["Error fetching product reviews"], 60, "the delayed version breaks no page")
    rules("timeout: 0.5s")
    wait_until(lambda: NO_STARS in look(gateway, 4), 30, "no page runs into the time-out")
    wait_in_force(gateway, {"black", NO_STARS}, seconds=60, quiet=1)
    seen = look(gateway, 40)
    assert set(seen) == {"black", NO_STARS}, seen
    rules("retries: {attempts: 20, perTryTimeout: 0.3s, retryOn: 5xx}")
    wait_in_force(gateway, {"black"}, seconds=30, quiet=2)
    assert look(gateway, 40) == {"black": 40}


# --- helloworld, httpbin, tcp-echo ---

@pytest.fixture(scope="module")
def demo(cluster):
    """Namespace with helloworld, httpbin, curl and tcp-echo in the mesh."""
    cluster.out("create", "namespace", DEMO)
    cluster.out("label", "namespace", DEMO, "istio-injection=enabled")
    for file in ("helloworld/helloworld.yaml", "httpbin/httpbin.yaml", "curl/curl.yaml", "sleep/sleep.yaml",
                 "tcp-echo/tcp-echo-services.yaml"):
        cluster.apply_file(file, DEMO)
    cluster.wait_ready(DEMO, 7)
    yield cluster
    cluster.out("delete", "namespace", DEMO)


def get(gateway, path):
    """(status, text) of a new request through the gateway."""
    try:
        with urllib.request.urlopen(f"http://{gateway[0]}:{gateway[1]}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def test_helloworld_answers_in_two_versions(demo, gateway):
    demo.apply_file("helloworld/helloworld-gateway.yaml", DEMO)
    wait_until(lambda: get(gateway, "/hello")[0] == 200, 10, "/hello is not open")
    seen = {re.match(r"Hello version: (v\d), instance: helloworld-\1-", get(gateway, "/hello")[1])[1] for _ in range(40)}
    assert seen == {"v1", "v2"}


def test_httpbin_through_the_gateway(demo, gateway):
    demo.apply_file("httpbin/httpbin-gateway.yaml", DEMO)
    wait_until(lambda: get(gateway, "/status/418")[0] == 418, 10, "httpbin is not open")
    assert get(gateway, "/delay/0")[0] == 200


def in_curl(cluster, *command):
    return cluster.exec(cluster.pod("app=curl", DEMO), "curl", DEMO, *command).stdout


TIMEOUT = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: httpbin-mesh}
spec:
  hosts: [httpbin]
  http:
  - match: [{uri: {prefix: /delay}}]
    timeout: 0.5s
    route: [{destination: {host: httpbin}}]
  - route: [{destination: {host: helloworld, port: {number: 5000}}}]
    mirror: {host: httpbin, port: {number: 8000}}
    retries: {attempts: 2, retryOn: 5xx}
"""


def httpbin_requests(cluster):
    """Requests that httpbin's proxy has passed to it."""
    stats = cluster.exec(cluster.pod("app=httpbin", DEMO), "istio-proxy", DEMO, "pilot-agent", "request", "GET", "stats").stdout
    return sum(int(n) for n in re.findall(r"^http\.inbound_\S*downstream_rq_completed: (\d+)$", stats, re.M))


def test_timeout_and_mirror(demo):
    demo.apply(TIMEOUT, DEMO)
    wait_until(lambda: in_curl(demo, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "httpbin:8000/delay/2") == "504",
               20, "a delay of two seconds does not run into the time-out")
    before = httpbin_requests(demo)
    assert in_curl(demo, "curl", "-s", "httpbin:8000/hello").startswith("Hello version")
    wait_until(lambda: httpbin_requests(demo) > before, 20, "httpbin gets no copy of the request")


def echo(address):
    """The word with which tcp-echo answers on a new connection."""
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(b"hello\n")
        return connection.makefile().readline().split(" ")[0]


def test_tcp_echo_by_weight(demo):
    """Port 31400 of the gateway's pod, which the default profile's Service does not list."""
    demo.apply_file("tcp-echo/tcp-echo-all-v1.yaml", DEMO)
    pod = demo.pods("istio=ingressgateway", "istio-system")[0]
    address = (pod["status"]["podIP"], 31400)
    wait_until(lambda: echo(address) == "one", 20, "port 31400 does not answer")
    assert {echo(address) for _ in range(20)} == {"one"}
    demo.apply_file("tcp-echo/tcp-echo-20-v2.yaml", DEMO)
    wait_until(lambda: echo(address) == "two", 20, "version 2 gets nothing")
    twos = sum(echo(address) == "two" for _ in range(200))
    assert 10 < twos < 75, f"{twos} of 200 connections went to version 2, expected about 40"
