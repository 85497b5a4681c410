# SPDX-License-Identifier: Apache-2.0
"""What a VirtualService does to traffic beside choosing where it goes: faults, delays, copies, cross-origin rules."""
import re

import pytest

from bookinfo import Visitor, look
from cluster import wait_until

NS = "bookinfo"
NETWORKING = "bookinfo/networking/"
VERSIONS = "destination-rule-all.yaml"
ALL_V1 = "virtual-service-all-v1.yaml"

DELAY = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - match: [{headers: {end-user: {exact: jason}}}]
    fault: {delay: {fixedDelay: 1s, percentage: {value: 100}}, abort: {httpStatus: 418, percentage: {value: 100}}}
    route: [{destination: {host: reviews, subset: v1}}]
  - route: [{destination: {host: reviews, subset: v1}}]
"""
MIRROR = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - route: [{destination: {host: reviews, subset: v1}}]
    mirror: {host: reviews, subset: v3}
    mirrorPercentage: {value: 100}
"""
CORS = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cors}
spec:
  hosts: [cors.example.com]
  gateways: [bookinfo-gateway]
  http:
  - corsPolicy:
      allowOrigins: [{regex: "https://.*[.]example[.]com"}]
      allowMethods: [GET, PUT]
      allowHeaders: [x-token]
      maxAge: 10m
      allowCredentials: true
    route: [{destination: {host: productpage, port: {number: 9080}}}]
"""


@pytest.fixture
def versions(cluster, plain):
    """All of version 1, by subsets; `plain` takes them away."""
    for file in (VERSIONS, ALL_V1):
        cluster.apply_file(NETWORKING + file, NS)
    yield
    cluster.run("delete", "-n", NS, "virtualservice", "cors", "--ignore-not-found")


def test_delay_then_abort(cluster, versions):
    cluster.apply(DELAY, NS)
    pod = cluster.pod("app=ratings", NS)

    def ask(*more):
        out = cluster.exec(pod, "ratings", NS, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{time_total}", *more,
                           "http://reviews:9080/reviews/0").stdout.split()
        return int(out[0]), float(out[1])
    wait_until(lambda: ask("-H", "end-user: jason")[0] == 418, 20, "the fault is not in force")
    status, seconds = ask("-H", "end-user: jason")
    assert (status, seconds >= 1) == (418, True)
    assert ask()[0] == 200


def requests_seen(cluster, app):
    """Requests that the sidecar of a version took in, by its own metrics."""
    text = cluster.exec(cluster.pod(app, NS), "istio-proxy", NS, "pilot-agent", "request", "GET", "stats/prometheus").stdout
    return sum(int(n) for n in re.findall(r'^istio_requests_total\{reporter="destination".*\} (\d+)$', text, re.M))


def test_copies(cluster, gateway, versions):
    cluster.apply(MIRROR, NS)
    wait_until(lambda: look(gateway, 1) and requests_seen(cluster, "app=reviews,version=v3") > 0, 20, "nothing is mirrored")
    before = requests_seen(cluster, "app=reviews,version=v3")
    assert set(look(gateway, 30)) == {"none"}          # the copies' red stars are seen by nobody
    wait_until(lambda: requests_seen(cluster, "app=reviews,version=v3") >= before + 30, 20, "copies are missing")


def test_cross_origin(cluster, gateway, versions):
    cluster.apply(CORS, NS)
    visitor = Visitor(gateway)

    def preflight(origin):
        return visitor.request("OPTIONS", "/productpage", headers={
            "Host": "cors.example.com", "Origin": origin, "Access-Control-Request-Method": "PUT"})
    good = "https://shop.example.com"
    wait_until(lambda: preflight(good)[1].get("access-control-allow-origin") == good, 20, "the policy is not in force")
    status, headers, body = preflight(good)
    assert (status, body) == (200, "")
    assert headers["access-control-allow-methods"] == "GET,PUT" and headers["access-control-max-age"] == "600"
    assert headers["access-control-allow-credentials"] == "true"
    assert preflight("https://example.org")[1].get("access-control-allow-origin") is None
    status, headers, _ = visitor.request("GET", "/productpage", headers={"Host": "cors.example.com", "Origin": good})
    assert status == 200 and headers["access-control-allow-origin"] == good
    visitor.close()
