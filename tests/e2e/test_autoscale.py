# SPDX-License-Identifier: Apache-2.0
"""What pods use (`kubectl top`), and an autoscaler that raises replicas by it and tells why."""
import json
import re

import pytest

from cluster import wait_until

SPACE = "e2e-autoscale"
IMAGE = "docker.io/istio/examples-bookinfo-ratings-v1:1.20.3"     # holds a busybox
SCRIPT = """trap 'exit 0' TERM
while :; do if [ -e /tmp/burn ]; then i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; else sleep 0.1; fi; done"""
DEPLOYMENT = {
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "burn"},
    "spec": {"selector": {"matchLabels": {"app": "burn"}}, "template": {
        "metadata": {"labels": {"app": "burn"}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [
            {"name": "burn", "image": IMAGE, "command": ["/bin/sh", "-c", SCRIPT],
             "resources": {"requests": {"cpu": "100m"}}}]}}}}


@pytest.fixture(scope="module")
def space(cluster):
    cluster.run("create", "namespace", SPACE, check=False)
    cluster.apply(json.dumps(DEPLOYMENT), SPACE)
    cluster.out("rollout", "status", "-n", SPACE, "deployment/burn", "--timeout=60s")
    yield SPACE
    cluster.run("delete", "namespace", SPACE, "--wait=false")


def test_top_tells_what_pods_and_nodes_use(cluster, metrics, space):
    line = wait_until(lambda: cluster.out("top", "pods", "-n", space, "--no-headers"), 90, "no metrics of the pod")
    assert re.fullmatch(r"burn-\S+ +\d+m +\d+Mi *\n", line)
    assert re.search(r"burn-\S+ +burn +\d+m +\d+Mi", cluster.out("top", "pods", "-n", space, "--containers"))
    assert re.search(r"\d+m +\d+% +\d+Mi +\d+%", cluster.out("top", "nodes"))
    assert cluster.out("top", "pods", "-n", space, "-l", "app=other", "--no-headers") == ""


def test_an_autoscaler_raises_replicas_under_load(cluster, metrics, space):
    said = cluster.run("autoscale", "deployment", "burn", "-n", space, "--min=1", "--max=2", "--cpu=80%")
    assert "autoscaled" in said.stdout and "not supported" not in said.stderr

    def cells():
        return cluster.out("get", "hpa", "-n", space, "--no-headers").split()
    wait_until(lambda: re.fullmatch(r"\d+%/80%", cells()[3]), 90, "the autoscaler has no current value")
    assert cells()[:3] == ["burn", "Deployment/burn", "cpu:"]
    assert cells()[4:7] == ["1", "2", "1"]
    cluster.out("exec", "-n", space, "deployment/burn", "--", "touch", "/tmp/burn")
    wait_until(lambda: cells()[6] == "2", 90, f"no second replica: {cells()}")
    told = cluster.out("describe", "hpa", "burn", "-n", space)
    assert re.search(r"SuccessfulRescale .* New size: 2; reason: cpu .* above target", told)
    conditions = {c["type"]: c for c in cluster.get("hpa", "burn", "-n", space)["status"]["conditions"]}
    assert conditions["AbleToScale"]["status"] == conditions["ScalingActive"]["status"] == "True"
    assert conditions["ScalingActive"]["reason"] == "ValidMetricFound"


def test_a_missing_target_is_told(cluster, space):
    cluster.out("autoscale", "deployment", "burn", "-n", space, "--name=nobody", "--max=3", "--cpu=50%")
    cluster.out("patch", "hpa", "nobody", "-n", space, "--type=merge", "-p",
                '{"spec":{"scaleTargetRef":{"name":"nobody"}}}')
    wait_until(lambda: "FailedGetScale" in cluster.out("get", "hpa", "nobody", "-n", space, "-o", "yaml"), 60,
               "the missing target is not told")
