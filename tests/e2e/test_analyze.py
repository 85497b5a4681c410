# SPDX-License-Identifier: Apache-2.0
"""`weft analyze` against a cluster, as the tutorial walks: not injected, unnamed ports, pods without proxy, nothing."""
import os
import subprocess

import pytest

from cluster import TOP, SAMPLES, wait_until

WEFT = os.environ.get("WEFT", os.path.join(TOP, "build/bin/weft"))
NS = "analyze-walk"
SERVICES = ("ratings-api", "ratings-web")
NOTHING = "\u2714 No validation issues found when analyzing namespace: %s.\n"


def analyze(cluster, *arguments, stdin=None):
    return subprocess.run([WEFT, "--kubeconfig", cluster.kubeconfig, "analyze", *arguments], input=stdin,
                          capture_output=True, text=True, timeout=60)


def analyze_walk(cluster, *arguments):
    """The lines for the walk's namespace; nothing in it is an error."""
    done = analyze(cluster, "-n", NS, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def pods(cluster):
    return cluster.pods("app in (ratings-api, ratings-web)", NS)


@pytest.fixture(scope="module")
def walk(cluster):
    """Two Deployments with their Services, in a namespace of their own without any label."""
    cluster.out("create", "namespace", NS)
    for name in SERVICES:
        for kind in ("deployment", "service"):
            cluster.apply_file(f"ratingsapp/{name}-{kind}.yaml", NS)
    wait_until(lambda: len(pods(cluster)) == len(SERVICES), 30, "a pod of each Deployment")
    yield cluster
    cluster.out("delete", "namespace", NS)


def test_a_new_namespace_is_not_injected_and_ports_have_no_names(walk):
    lines = analyze_walk(walk)
    assert lines == [
        f"Info [IST0102] (Namespace {NS}) The namespace is not enabled for Istio injection. Run 'kubectl label namespace "
        f"{NS} istio-injection=enabled' to enable it, or 'kubectl label namespace {NS} istio-injection=disabled' to "
        f"explicitly mark it as not needing injection.",
        f"Info [IST0118] (Service {NS}/ratings-api) Port name  (port: 80, targetPort: 3000) doesn't follow the naming "
        f"convention of Istio port.",
        f"Info [IST0118] (Service {NS}/ratings-web) Port name  (port: 80, targetPort: 8080) doesn't follow the naming "
        f"convention of Istio port."]


def test_files_count_instead_of_what_the_cluster_holds(walk):
    with open(os.path.join(SAMPLES, "ratingsapp/ratings-api-service.yaml"), encoding="utf-8") as f:
        named = f.read().replace("- protocol", "- name: http\n    protocol")
    done = analyze(walk, "-n", NS, "-", stdin=named)
    assert f"Service {NS}/ratings-web)" in done.stdout and f"Service {NS}/ratings-api" not in done.stdout


def test_pods_from_before_the_label_miss_the_proxy(walk):
    walk.out("label", "namespace", NS, "istio-injection=enabled")
    for name in SERVICES:
        walk.out("patch", "service", name, "-n", NS, "--type=json",
                 "-p", '[{"op": "add", "path": "/spec/ports/0/name", "value": "tcp"}]')
    expected = [f"Warning [IST0103] (Pod {NS}/{pod['metadata']['name']}) The pod {NS}/{pod['metadata']['name']} is missing "
                f"the Istio proxy. This can often be resolved by restarting or redeploying the workload."
                for pod in pods(walk)]
    assert analyze_walk(walk) == sorted(expected)


def test_new_pods_have_it_and_nothing_is_left_to_say(walk):
    old = {pod["metadata"]["name"] for pod in pods(walk)}
    walk.out("delete", "pods", "-n", NS, *sorted(old))
    wait_until(lambda: len([p for p in pods(walk) if p["metadata"]["name"] not in old]) == len(SERVICES), 60,
               "new pods of both Deployments")
    done = analyze(walk, "-n", NS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", NOTHING % NS)


def test_a_route_to_nowhere_is_an_error_and_exits_with_79(walk):
    rule = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: lost, namespace: %s}\nspec:\n" \
           "  hosts: [ratings-api]\n  http: [{route: [{destination: {host: nowhere}}]}]\n" % NS
    walk.apply(rule, NS)
    done = analyze(walk, "-n", NS)
    walk.out("delete", "virtualservice", "lost", "-n", NS)
    assert done.stdout == f'Error [IST0101] (VirtualService {NS}/lost) Referenced host not found: "nowhere"\n'
    assert done.returncode == 79
    assert done.stderr.startswith(f"Error: Analyzers found issues when analyzing namespace: {NS}.\nSee https://istio.io/")


def test_an_installation_has_nothing_to_answer_for(cluster):
    done = analyze(cluster, "-n", "istio-system")
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", NOTHING % "istio-system")


def test_an_unknown_namespace_is_told(cluster):
    done = analyze(cluster, "-n", "no-such-namespace")
    assert (done.returncode, done.stderr) == (0, 'namespace "no-such-namespace" not found\n')
