# SPDX-License-Identifier: Apache-2.0
"""kubectl 1.34, verb by verb, without pods that run: what it prints and changes, as on a real Kubernetes 1.34."""
import json
import re
import threading

import pytest
import yaml

from cluster import wait_until

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: one, image: "127.0.0.1:1/one:1", env: [{name: A, value: a}], ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c1, labels: {app: web}}
data: {a: "1", b: "2"}
"""
CHANGED = WEB.replace('a: "1"', 'a: "9"').replace("one:1", "one:2")


@pytest.fixture
def kubectl(cluster, ns):
    """kubectl in a namespace of the test's own; .fails and .get as a cluster has them."""
    def call(*args, **options):
        return cluster.out("-n", ns, *args, **options)
    call.fails = lambda *args, **options: cluster.fails("-n", ns, *args, **options)
    call.get = lambda *args: cluster.get(*args, "-n", ns)
    call.run = lambda *args, **options: cluster.run("-n", ns, *args, **options)
    call.namespace = ns
    return call


@pytest.fixture
def web(kubectl):
    kubectl("apply", "-f", "-", stdin=WEB)


def data(kubectl, name="c1"):
    return kubectl.get("configmap", name)["data"]


def managers(kubectl, *what):
    entries = kubectl.get(*what, "--show-managed-fields")["metadata"]["managedFields"]
    return {(entry["manager"], entry["operation"]) for entry in entries}


def test_apply_by_the_client(kubectl):
    assert kubectl("apply", "-f", "-", stdin=WEB) == "deployment.apps/web created\nconfigmap/c1 created\n"
    assert kubectl("apply", "-f", "-", stdin=WEB) == "deployment.apps/web unchanged\nconfigmap/c1 unchanged\n"
    for mode, note in (("server", "server dry run"), ("client", "dry run")):
        said = kubectl("apply", f"--dry-run={mode}", "-f", "-", stdin=CHANGED)
        assert said == f"deployment.apps/web configured ({note})\nconfigmap/c1 configured ({note})\n"
    assert data(kubectl)["a"] == "1"
    diff = kubectl.run("diff", "-f", "-", stdin=CHANGED, check=False)
    assert diff.returncode == 1 and '-  a: "1"\n+  a: "9"' in diff.stdout and "+        image: 127.0.0.1:1/one:2" in diff.stdout
    kubectl("apply", "-f", "-", stdin=CHANGED)
    assert kubectl.run("diff", "-f", "-", stdin=CHANGED).stdout == ""
    assert managers(kubectl, "configmap", "c1") == {("kubectl-client-side-apply", "Update")}


def test_apply_by_the_server(kubectl):
    said = "deployment.apps/web serverside-applied\nconfigmap/c1 serverside-applied\n"
    assert kubectl("apply", "--server-side", "-f", "-", stdin=WEB) == said
    before = kubectl.get("configmap", "c1")["metadata"]["resourceVersion"]
    assert kubectl("apply", "--server-side", "-f", "-", stdin=WEB) == said
    assert kubectl.get("configmap", "c1")["metadata"]["resourceVersion"] == before
    diff = kubectl.run("diff", "--server-side", "-f", "-", stdin=CHANGED, check=False)
    assert diff.returncode == 1 and '-  a: "1"\n+  a: "9"' in diff.stdout

    refused = kubectl.fails("apply", "--server-side", "--field-manager=other", "-f", "-", stdin=CHANGED)
    assert 'Apply failed with 1 conflict: conflict with "kubectl": .data.a' in refused
    assert '.spec.template.spec.containers[name="one"].image' in refused
    kubectl("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-", stdin=CHANGED)
    assert 'conflict with "other": .data.a' in kubectl.fails("apply", "--server-side", "-f", "-", stdin=WEB)
    kubectl("apply", "--server-side", "--field-manager=other", "-f", "-", stdin=CHANGED.replace('a: "9", ', ""))
    assert data(kubectl) == {"b": "2"}
    assert managers(kubectl, "configmap", "c1") == {("kubectl", "Apply"), ("other", "Apply")}
    assert "managedFields" not in kubectl("get", "configmap", "c1", "-o", "yaml")


def test_apply_changes_sides(kubectl, web):
    """kubectl moves what it owns by client-side apply when it applies by the server, and keeps its annotation in step."""
    kubectl("apply", "--server-side", "-f", "-", stdin=CHANGED)
    assert ("kubectl-client-side-apply", "Update") not in managers(kubectl, "configmap", "c1")
    note = kubectl.get("configmap", "c1")["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
    assert json.loads(note)["data"]["a"] == "9"
    kubectl("apply", "-f", "-", stdin=WEB)
    assert data(kubectl)["a"] == "1"


def test_replace_patch_and_edit(kubectl, web, monkeypatch, tmp_path):
    assert kubectl("replace", "-f", "-", stdin=CHANGED) == "deployment.apps/web replaced\nconfigmap/c1 replaced\n"
    assert kubectl("patch", "configmap", "c1", "--type=merge", "-p", '{"data":{"z":"1"}}') == "configmap/c1 patched\n"
    kubectl("patch", "configmap", "c1", "--type=json", "-p", '[{"op":"remove","path":"/data/z"}]')
    assert data(kubectl) == {"a": "9", "b": "2"}
    assert kubectl("patch", "configmap", "c1", "-p", '{"data":{"a":"9"}}') == "configmap/c1 patched (no change)\n"
    assert "The request is invalid: the server rejected our request due to an error in our request" in \
        kubectl.fails("patch", "configmap", "c1", "--type=json", "-p", '[{"op":"test","path":"/data/a","value":"no"}]')
    kubectl("patch", "deployment", "web", "-p", '{"spec":{"template":{"spec":{"containers":[{"name":"one","image":"x:3"}]}}}}')
    container = kubectl.get("deployment", "web")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "x:3" and container["env"] == [{"name": "A", "value": "a"}]

    script = tmp_path / "editor"
    script.write_text("#!/bin/sh\nsed -i 's/a: \"9\"/a: edited/' \"$1\"\n")
    script.chmod(0o755)
    monkeypatch.setenv("KUBE_EDITOR", str(script))
    assert kubectl("edit", "configmap", "c1") == "configmap/c1 edited\n"
    assert data(kubectl)["a"] == "edited"
    assert ("kubectl-edit", "Update") in managers(kubectl, "configmap", "c1")


def test_scale_and_rollout(kubectl, web):
    assert kubectl("scale", "deployment", "web", "--replicas=0") == "deployment.apps/web scaled\n"
    assert "Expected replicas to be 5, was 0" in \
        kubectl.fails("scale", "deployment", "web", "--current-replicas=5", "--replicas=1")
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    kubectl("set", "image", "deployment/web", "one=x:2")
    kubectl("set", "env", "deployment/web", "B=b")
    assert "A=a\nB=b\n" in kubectl("set", "env", "deployment/web", "--list")
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    assert kubectl("rollout", "restart", "deployment/web") == "deployment.apps/web restarted\n"
    kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    history = kubectl("rollout", "history", "deployment/web")
    last = max(int(n) for n in re.findall(r"^(\d+)\s", history, re.M))
    assert "Image:\t127.0.0.1:1/one:1" in kubectl("rollout", "history", "deployment/web", "--revision=1")
    assert kubectl("rollout", "undo", "deployment/web", "--to-revision=1") == "deployment.apps/web rolled back\n"
    kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    assert kubectl.get("deployment", "web")["spec"]["template"]["spec"]["containers"][0]["image"] == "127.0.0.1:1/one:1"
    assert f"{last + 1} " in kubectl("rollout", "history", "deployment/web")
    assert kubectl("rollout", "pause", "deployment/web") == "deployment.apps/web paused\n"
    assert "is already paused" in kubectl.fails("rollout", "pause", "deployment/web")
    assert kubectl("rollout", "resume", "deployment/web") == "deployment.apps/web resumed\n"


def test_run_and_expose(kubectl, web):
    assert kubectl("run", "p1", "--image=127.0.0.1:1/x:1", "--labels=a=b", "--port=80") == "pod/p1 created\n"
    assert 'pods "p1" already exists' in kubectl.fails("run", "p1", "--image=x")
    assert kubectl("expose", "deployment", "web", "--port=80", "--name=ex") == "service/ex exposed\n"
    assert kubectl("get", "service", "ex", "-o", "jsonpath={.spec.selector}") == '{"app":"web"}'
    kubectl("expose", "pod", "p1", "--name=of-pod")
    assert kubectl.get("service", "of-pod")["spec"]["ports"][0]["port"] == 80
    assert 'pod "p1" force deleted' in kubectl("delete", "pod", "p1", "--force")


def test_labels_annotations_and_wait(kubectl, web):
    assert kubectl("label", "configmap", "c1", "k=v") == "configmap/c1 labeled\n"
    assert "'k' already has a value (v), and --overwrite is false" in kubectl.fails("label", "configmap", "c1", "k=w")
    kubectl("label", "configmap", "c1", "k=w", "--overwrite")
    assert kubectl("label", "configmap", "c1", "k-") == "configmap/c1 unlabeled\n"
    assert "a valid label must be" in kubectl.fails("label", "configmap", "c1", "bad=-x")
    assert kubectl("annotate", "configmap", "c1", "n=1") == "configmap/c1 annotated\n"
    assert kubectl("annotate", "configmap", "c1", "n-") == "configmap/c1 annotated\n"
    assert kubectl("wait", "--for=condition=Available", "deployment/web", "--timeout=30s") == "deployment.apps/web condition met\n"
    assert kubectl("wait", "--for=jsonpath={.data.a}=1", "configmap/c1", "--timeout=10s") == "configmap/c1 condition met\n"
    assert "timed out waiting" in kubectl.fails("wait", "--for=condition=No", "deployment/web", "--timeout=1s")

    gone = []
    waiter = threading.Thread(target=lambda: gone.append(kubectl("wait", "--for=delete", "configmap/c1", "--timeout=30s")))
    waiter.start()
    kubectl("delete", "configmap", "c1")
    waiter.join(40)
    assert gone and "error" not in gone[0]


def sets(kubectl):
    return kubectl("get", "replicasets", "-l", "app=web", "-o", "name").split()


@pytest.mark.parametrize("cascade", ["background", "foreground", "orphan"])
def test_delete_with_cascade(kubectl, web, cascade):
    wait_until(lambda: sets(kubectl), 30, "no replica set")
    said = kubectl("delete", "deployment", "web", f"--cascade={cascade}", "--timeout=60s")
    assert said.startswith('deployment.apps "web" deleted')
    if cascade == "foreground":
        assert sets(kubectl) == []
    elif cascade == "background":
        wait_until(lambda: sets(kubectl) == [], 30, "the replica set stays")
    else:
        assert "ownerReferences" not in kubectl.get(*sets(kubectl))["metadata"]
    assert kubectl("delete", "configmap", "c1", "--dry-run=server").endswith("(server dry run)\n")
    assert 'configmaps "none" not found' in kubectl.fails("delete", "configmap", "none")
    assert kubectl("delete", "configmap", "none", "--ignore-not-found") == ""


def test_forms_of_output(kubectl, web):
    assert kubectl("get", "deploy,cm", "-l", "app=web", "-o", "name") == "deployment.apps/web\nconfigmap/c1\n"
    wide = kubectl("get", "deployment", "web", "-o", "wide").splitlines()
    assert wide[0].split() == "NAME READY UP-TO-DATE AVAILABLE AGE CONTAINERS IMAGES SELECTOR".split()
    assert re.match(r"web +0/0 +0 +0 +\S+ +one +127.0.0.1:1/one:1 +app=web$", wide[1])
    assert kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.template.spec.containers[*].name}") == "one"
    assert kubectl("get", "deployment", "web", "-o", "custom-columns=N:.metadata.name,R:.spec.replicas,X:.no") == \
        "N     R     X\nweb   0     <none>\n"
    assert kubectl("get", "deployment", "web", "-o", "go-template={{.metadata.name}}") == "web"
    assert yaml.safe_load(kubectl("get", "configmap", "c1", "-o", "yaml"))["data"] == {"a": "1", "b": "2"}
    assert 'configmaps "no" not found' in kubectl.fails("get", "configmap", "c1", "no")
    assert 'the server doesn\'t have a resource type "nosuch"' in kubectl.fails("get", "nosuch")


def test_accounts_and_reviews(kubectl, cluster):
    assert kubectl("auth", "can-i", "create", "pods") == "yes\n"
    assert re.search(r"^\*\.\*\s+\[\]\s+\[\]\s+\[\*\]$", kubectl("auth", "can-i", "--list"), re.M)
    assert re.search(r"^Groups\s+\[system:masters system:authenticated\]$", kubectl("auth", "whoami"), re.M)
    assert kubectl("create", "token", "default").count(".") == 2
    assert "may not specify a duration less than 10 minutes" in kubectl.fails("create", "token", "default", "--duration=10s")
    listed = cluster.out("api-resources", "--namespaced=true", "-o", "name").split()
    assert {"pods", "deployments.apps", "horizontalpodautoscalers.autoscaling", "leases.coordination.k8s.io"} <= set(listed)


def test_events(kubectl, web):
    kubectl("scale", "deployment", "web", "--replicas=1")
    wait_until(lambda: "ScalingReplicaSet" in kubectl("events", "--for", "deployment/web"), 30, "no event")
    assert re.search(r"Normal\s+ScalingReplicaSet\s+deployment/web\s+Scaled up replica set web-\S+ from 0 to 1",
                     kubectl("get", "events"))
