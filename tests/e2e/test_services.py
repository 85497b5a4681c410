# SPDX-License-Identifier: Apache-2.0
"""Services of every kind, from pods and from the node; budgets that hold evictions back; the node's lease."""
import json
import re
import time
import urllib.request

import pytest

from cluster import wait_until
from test_pods import pod, sh

SPACE = "e2e-services"
SERVE = ("mkdir -p /tmp/www; hostname > /tmp/www/index.html; busybox httpd -p 8080 -h /tmp/www; "
         "trap 'exit 0' TERM; while :; do sleep 0.1; done")


def service(name, **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {
        "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}], **spec}}


@pytest.fixture(scope="module")
def space(cluster):
    """Two servers and a client."""
    cluster.run("create", "namespace", SPACE, check=False)
    ready = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    template = pod("x", sh("web", SERVE, readinessProbe=ready))["spec"]
    cluster.apply(json.dumps({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": template}}}), SPACE)
    cluster.apply(json.dumps(pod("client", sh("client", "trap 'exit 0' TERM; while :; do sleep 0.1; done"))), SPACE)
    cluster.out("rollout", "status", "-n", SPACE, "deployment/web", "--timeout=60s")
    cluster.out("wait", "-n", SPACE, "--for=condition=Ready", "pod/client", "--timeout=60s")
    yield SPACE
    cluster.run("delete", "namespace", SPACE, "--wait=false")


def fetch(cluster, host, times=1):
    """What a client pod gets from a host, as a list."""
    script = f"for i in $(busybox seq {times}); do curl -s -m 5 http://{host}/ || echo failed; done"
    return cluster.exec("client", "client", SPACE, "sh", "-c", script).stdout.split()


def test_node_ports_are_reachable_on_the_node(cluster, space):
    cluster.apply(json.dumps(service("ported", type="NodePort")), space)
    port = cluster.get("service", "ported", "-n", space)["spec"]["ports"][0]["nodePort"]
    assert 30000 <= port <= 32767
    addresses = cluster.get("nodes")["items"][0]["status"]["addresses"]
    node = [a["address"] for a in addresses if a["type"] == "InternalIP"][0]

    def get():
        with urllib.request.urlopen(f"http://{node}:{port}/", timeout=5) as answer:
            return answer.read().decode().strip()
    assert wait_until(get, 20, "the node's port does not answer").startswith("web-")
    assert fetch(cluster, f"{node}:{port}")[0].startswith("web-")


def test_affinity_keeps_a_client_at_one_endpoint(cluster, space):
    cluster.apply(json.dumps(service("plain")), space)
    cluster.apply(json.dumps(service("sticky", sessionAffinity="ClientIP")), space)
    wait_until(lambda: len(set(fetch(cluster, "plain", 20)) - {"failed"}) == 2, 20, "not both endpoints are used")
    wait_until(lambda: "failed" not in fetch(cluster, "sticky"), 20, "no answer")
    first = set(fetch(cluster, "sticky", 20))
    assert len(first) == 1
    cluster.out("scale", "-n", space, "deployment/web", "--replicas=4")
    try:
        cluster.out("rollout", "status", "-n", space, "deployment/web", "--timeout=60s")
        wait_until(lambda: len(set(fetch(cluster, "plain", 20)) - {"failed"}) == 4, 20, "not all four endpoints are used")
        assert set(fetch(cluster, "sticky", 20)) == first, "new endpoints took the client away"
    finally:
        cluster.out("scale", "-n", space, "deployment/web", "--replicas=2")
        cluster.out("rollout", "status", "-n", space, "deployment/web", "--timeout=60s")


def test_affinity_ends_with_its_timeout(cluster, space):
    cluster.apply(json.dumps(service("hasty", sessionAffinity="ClientIP",
                                     sessionAffinityConfig={"clientIP": {"timeoutSeconds": 1}})), space)
    wait_until(lambda: "failed" not in fetch(cluster, "hasty"), 20, "no answer")
    idle = "for i in $(busybox seq 4); do busybox sleep 1.5; curl -s -m 5 http://hasty/ || echo failed; done"
    seen = set()

    def both():
        seen.update(cluster.exec("client", "client", space, "sh", "-c", idle).stdout.split())
        return len(seen - {"failed"}) == 2
    wait_until(both, 60, "a client that was away for longer than the timeout always comes to the same endpoint")


def test_names_of_other_kinds(cluster, space):
    cluster.apply(json.dumps(service("peers", clusterIP="None")), space)
    cluster.apply(json.dumps({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "out"}, "spec": {
        "type": "ExternalName", "externalName": "plain.e2e-services.svc.cluster.local"}}), space)
    cluster.apply(json.dumps(service("early", clusterIP="None", publishNotReadyAddresses=True,
                                     selector={"app": "late"})), space)
    cluster.apply(json.dumps(pod("late", sh("late", SERVE, readinessProbe={
        "exec": {"command": ["false"]}, "periodSeconds": 60}))), space)

    def addresses(name):
        found = cluster.exec("client", "client", space, "busybox", "nslookup", name, check=False).stdout
        return set(re.findall(r"Address(?: \d)?: (10\.\d+\.\d+\.\d+)(?!:)", found))
    ips = {p["status"]["podIP"] for p in cluster.pods("app=web", space)}
    wait_until(lambda: ips <= addresses(f"peers.{space}.svc.cluster.local"), 20, "the headless name has no pods")
    wait_until(lambda: "failed" not in fetch(cluster, "out"), 20, "the external name leads nowhere")
    late = wait_until(lambda: cluster.get("pod", "late", "-n", space)["status"]["podIP"], 20, "no address")
    wait_until(lambda: late in addresses(f"early.{space}.svc.cluster.local"), 20, "a pod not ready is not published")


def test_a_budget_holds_evictions_back(cluster, space):
    cluster.out("create", "poddisruptionbudget", "web", "-n", space, "--selector=app=web", "--min-available=1")

    def budget():
        return cluster.get("pdb", "web", "-n", space)["status"]
    wait_until(lambda: budget().get("disruptionsAllowed") == 1, 20, "the budget allows nothing")
    assert (budget()["currentHealthy"], budget()["desiredHealthy"], budget()["expectedPods"]) == (2, 1, 2)
    first, second = [p["metadata"]["name"] for p in cluster.pods("app=web", space)]

    def evict(name):
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": space}}
        return cluster.run("create", "--raw", f"/api/v1/namespaces/{space}/pods/{name}/eviction", "-f", "-",
                           stdin=json.dumps(body), check=False)
    assert evict(first).returncode == 0
    refused = evict(second)
    assert refused.returncode != 0 and "would violate the pod's disruption budget" in refused.stderr
    wait_until(lambda: budget()["disruptionsAllowed"] == 1, 40, "the budget does not recover")
    assert second in {p["metadata"]["name"] for p in cluster.pods("app=web", space)}


def test_the_node_renews_its_lease(cluster):
    name = cluster.get("nodes")["items"][0]["metadata"]["name"]

    def renewed():
        return cluster.get("lease", name, "-n", "kube-node-lease")["spec"]["renewTime"]
    first = wait_until(renewed, 30, "there is no lease")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", first)
    wait_until(lambda: renewed() > first, 40, "the lease is not renewed", every=1)
    assert abs(time.time() - time.mktime(time.strptime(renewed()[:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone) < 60
