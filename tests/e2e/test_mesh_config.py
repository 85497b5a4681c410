# SPDX-License-Identifier: Apache-2.0
"""Istio's configuration beyond the walk, with real requests: ServiceEntry, Sidecar, Ingress, TLS by server name, warnings."""
import http.client
import os
import socket
import ssl

import pytest

from cluster import wait_until

NS = "bookinfo"
SECONDS = 20
ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: books}}
spec:
  hosts: [books.example]
  location: MESH_INTERNAL
  ports: [{{number: 9080, name: http, protocol: HTTP}}]
  resolution: {resolution}
  endpoints: [{{address: {address}}}]
"""
NARROW = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: narrow}
spec:
  workloadSelector: {labels: {app: ratings}}
  egress: [{hosts: ["./productpage.bookinfo.svc.cluster.local"]}]
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
"""
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: books, annotations: {kubernetes.io/ingress.class: istio}}
spec:
  rules:
  - host: ingress.example
    http:
      paths:
      - {path: /api, pathType: Prefix, backend: {service: {name: productpage, port: {number: 9080}}}}
"""
NAMES = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: names}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 443, name: tls, protocol: TLS}, hosts: [names.example], tls: {mode: PASSTHROUGH}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: names}
spec:
  hosts: [names.example]
  gateways: [names]
  tls:
  - match: [{sniHosts: [names.example]}]
    route: [{destination: {host: istiod.istio-system.svc.cluster.local, port: {number: 443}}}]
"""


@pytest.fixture
def applied(cluster):
    """Applies a text; what was applied is deleted after the test."""
    texts = []

    def apply(text):
        texts.append(text)
        return cluster.run("apply", "-n", NS, "-f", "-", stdin=text)
    yield apply
    for text in texts:
        cluster.out("delete", "-n", NS, "--ignore-not-found", "-f", "-", stdin=text)


def asked(cluster, host, *options):
    """The status that the ratings pod's application gets from a host, 0 when there is no answer."""
    done = cluster.exec(cluster.pod("app=ratings", NS), "ratings", NS, "curl", "-s", "-m", "5", "-o", "/dev/null",
                        "-w", "%{http_code}", *options, f"http://{host}:9080/details/0", check=False)
    return int(done.stdout or 0)


@pytest.mark.parametrize("resolution", ("STATIC", "DNS"))
def test_a_service_entry_is_a_host_of_the_mesh(cluster, plain, applied, resolution):
    address = "details.bookinfo.svc.cluster.local" if resolution == "DNS" \
        else cluster.pods("app=details", NS)[0]["status"]["podIP"]
    applied(ENTRY.format(resolution=resolution, address=address))
    wait_until(lambda: asked(cluster, "books.example", "--resolve", "books.example:9080:192.0.2.1") == 200, SECONDS,
               f"no answer through a ServiceEntry of resolution {resolution}")


def test_a_sidecar_narrows_what_a_workload_sees(cluster, plain, applied):
    assert asked(cluster, "details") == 200
    applied(NARROW)
    wait_until(lambda: asked(cluster, "details") == 502, SECONDS, "the Sidecar has no effect")
    assert asked(cluster, "productpage") == 404     # it is seen, and knows no such path
    cluster.out("delete", "sidecar", "narrow", "-n", NS)
    wait_until(lambda: asked(cluster, "details") == 200, SECONDS, "the Sidecar is still in force")


def test_an_ingress_is_served_by_the_gateway(cluster, gateway, applied):
    applied(INGRESS)

    def status(path):
        connection = http.client.HTTPConnection(*gateway, timeout=5)
        connection.request("GET", path, headers={"Host": "ingress.example"})
        return connection.getresponse().status
    wait_until(lambda: status("/api/v1/products") == 200, SECONDS, "the Ingress is not served")
    assert status("/apis") == 404
    service = cluster.get("service", "istio-ingressgateway", "-n", "istio-system")
    wanted = [{k: v for k, v in item.items() if k in ("ip", "hostname")}
              for item in service["status"]["loadBalancer"].get("ingress", [])]
    wait_until(lambda: cluster.get("ingress", "books", "-n", NS)["status"]["loadBalancer"].get("ingress", []) == wanted,
               SECONDS, "the Ingress has not the gateway's address")


def test_tls_is_passed_on_by_server_name(cluster, applied):
    if os.environ.get("WEFT_E2E_GATEWAY"):
        pytest.skip("port 443 of the gateway cannot be reached from here")
    applied(NAMES)
    context, address = ssl._create_unverified_context(), cluster.gateway("https")

    def subject(name):
        with socket.create_connection(address, 5) as raw, context.wrap_socket(raw, server_hostname=name) as tls:
            return tls.getpeercert(binary_form=True)
    assert wait_until(lambda: subject("names.example"), SECONDS, "no TLS through the gateway")
    with pytest.raises(OSError):
        subject("other.example")


def test_what_has_no_effect_is_a_warning(cluster, applied):
    done = applied("apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: mutual}\n"
                   "spec: {host: nobody, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}\n")
    assert "Warning: spec.trafficPolicy.tls: not supported: mode ISTIO_MUTUAL" in done.stderr
    refused = cluster.fails("apply", "-n", NS, "-f", "-", stdin="apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
                            "metadata: {name: bad}\nspec: {hosts: ['*']}\n")
    assert 'configuration is invalid: ServiceEntry "bad": spec.hosts[0]: invalid host "*"' in refused
