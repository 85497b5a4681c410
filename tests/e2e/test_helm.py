# SPDX-License-Identifier: Apache-2.0
"""Helm 4 as it comes, with a chart of the kinds that charts make: the life of a release, by server-side apply and
without, hooks, tests, and a wait that ends badly."""
import json
import os
import shutil
import subprocess

import pytest

from cluster import wait_until

CHART = os.path.join(os.path.dirname(__file__), "charts/shop")
HELM = shutil.which("helm") or "helm"


class Helm:
    def __init__(self, kubeconfig, home, namespace):
        self.args = [HELM, "--kubeconfig", kubeconfig, "-n", namespace]
        self.env = {**os.environ, "HELM_CACHE_HOME": f"{home}/cache", "HELM_CONFIG_HOME": f"{home}/config",
                    "HELM_DATA_HOME": f"{home}/data"}

    def run(self, *args, check=True):
        done = subprocess.run([*self.args, *args], env=self.env, text=True, capture_output=True, timeout=120)
        if check:
            assert done.returncode == 0, f"helm {' '.join(args)}: {done.stdout}{done.stderr}"
        return done

    def json(self, *args):
        return json.loads(self.run(*args, "-o", "json").stdout)


@pytest.fixture
def helm(cluster, ns, tmp_path):
    return Helm(cluster.kubeconfig, tmp_path, ns)


def test_life_of_a_release(cluster, ns, helm):
    said = helm.run("install", "web", CHART).stdout
    assert "STATUS: deployed" in said and "REVISION: 1" in said
    kinds = "serviceaccount,role,rolebinding,configmap,secret,service,deployment,hpa,pdb,ingress"
    assert cluster.out("get", kinds, "web", "-n", ns, "-o", "name").count("/web\n") == 10
    assert cluster.get("configmap", "web", "-n", ns)["data"] == {"colour": "red", "known": "true"}
    assert cluster.get("configmap", "web-before", "-n", ns)["data"] == {"revision": "1"}
    owner = cluster.get("deployment", "web", "-n", ns, "--show-managed-fields")["metadata"]["managedFields"]
    assert ("helm", "Apply") in [(entry["manager"], entry["operation"]) for entry in owner]
    assert "already exists" in helm.run("install", "web", CHART, check=False).stderr or \
        "cannot reuse" in helm.run("install", "web", CHART, check=False).stderr

    helm.run("upgrade", "web", CHART, "--set", "colour=blue")
    assert cluster.get("configmap", "web", "-n", ns)["data"]["colour"] == "blue"
    assert cluster.get("configmap", "web-before", "-n", ns)["data"] == {"revision": "2"}
    assert [(r["revision"], r["status"]) for r in helm.json("history", "web")] == [(1, "superseded"), (2, "deployed")]

    helm.run("rollback", "web", "1", "--wait")
    assert cluster.get("configmap", "web", "-n", ns)["data"]["colour"] == "red"
    assert [r["name"] for r in helm.json("list")] == ["web"] and helm.json("list")[0]["revision"] == "3"
    assert helm.json("status", "web")["info"]["status"] == "deployed"

    said = helm.run("uninstall", "web", "--wait").stdout
    assert said == 'release "web" uninstalled\n'
    assert "/web\n" not in cluster.out("get", kinds, "-n", ns, "-o", "name", "--ignore-not-found")
    assert helm.json("list") == []


def test_upgrade_of_what_others_changed(cluster, ns, helm):
    helm.run("install", "web", CHART)
    cluster.out("patch", "configmap", "web", "-n", ns, "--type=merge", "-p", '{"data":{"colour":"green","mine":"1"}}')
    refused = helm.run("upgrade", "web", CHART, "--set", "colour=blue", check=False)
    assert refused.returncode != 0 and 'conflict with "kubectl-patch" using v1: .data.colour' in refused.stderr
    helm.run("upgrade", "web", CHART, "--set", "colour=blue", "--force-conflicts")
    assert cluster.get("configmap", "web", "-n", ns)["data"] == {"colour": "blue", "known": "true", "mine": "1"}
    helm.run("upgrade", "web", CHART, "--set", "colour=grey", "--server-side=false")
    assert cluster.get("configmap", "web", "-n", ns)["data"]["colour"] == "grey"


def test_wait_and_test_with_pods(cluster, ns, helm):
    helm.run("install", "web", CHART, "--set", "replicas=1", "--wait", "--timeout", "60s")
    assert cluster.get("deployment", "web", "-n", ns)["status"]["readyReplicas"] == 1
    assert "Phase:          Succeeded" in helm.run("test", "web").stdout
    assert cluster.out("logs", "web-test", "-n", ns) == "the shop is red\n"

    # nothing listens there: refused at once, where a node without a resolver would wait for a name
    late = helm.run("upgrade", "web", CHART, "--set", "image=127.0.0.1:1/none:1", "--set", "replicas=1", "--wait",
                    "--timeout", "3s", check=False)
    assert late.returncode != 0 and "not ready" in late.stderr
    assert helm.json("status", "web")["info"]["status"] == "failed"
    helm.run("rollback", "web", "--wait", "--timeout", "60s")
    helm.run("uninstall", "web")
    wait_until(lambda: cluster.out("get", "pods", "-l", "app=web", "-n", ns, "-o", "name") == "", 30, "pods stay")
