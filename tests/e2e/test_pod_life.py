# SPDX-License-Identifier: Apache-2.0
"""A pod's life as its manifest asks for it: probes, hooks, sidecars, limits, users, volumes, images that are missing."""
import json
import os
import re

import pytest

from cluster import wait_until
from test_pods import pod, sh

SPACE = "e2e-pod-life"
SYNC_S = 150 if os.environ.get("WEFT_E2E_KUBECONFIG") else 30     # a kubelet looks after a volume once a minute or so
WAIT = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
ROOT = {"runAsUser": 0}
HTTPD = "mkdir -p /tmp/www; echo ok > /tmp/www/ok; busybox httpd -p 8080 -h /tmp/www; "


@pytest.fixture(scope="module")
def space(cluster):
    cluster.run("create", "namespace", SPACE, check=False)
    yield SPACE
    cluster.run("delete", "namespace", SPACE, "--wait=false")


@pytest.fixture
def start(cluster, space):
    """Applies a pod; returns a function that gets its newest state."""
    def begin(manifest):
        cluster.apply(json.dumps(manifest), space)
        name = manifest["metadata"]["name"]
        return lambda: cluster.get("pod", "-n", space, name)
    return begin


def events(cluster, name):
    """The pod's events as `Reason: message` lines."""
    items = cluster.get("events", "-n", SPACE, "--field-selector", f"involvedObject.name={name}")["items"]
    return [f"{e['reason']}: {e['message']}" for e in items]


def status(state, name="app"):
    return {c["name"]: c for c in state["status"].get("containerStatuses", [])}[name]


def is_ready(state):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in state["status"].get("conditions", []))


def test_probes_of_every_kind_make_ready(cluster, start):
    probes = {"http": {"httpGet": {"path": "/ok", "port": "web", "httpHeaders": [{"name": "X-A", "value": "b"}]}},
              "tcp": {"tcpSocket": {"port": 8080}}, "exec": {"exec": {"command": ["test", "-e", "/tmp/www/ok"]}}}
    states = {}
    for kind, probe in probes.items():
        states[kind] = start(pod(f"ready-{kind}", sh(
            "app", HTTPD + WAIT, ports=[{"name": "web", "containerPort": 8080}],
            startupProbe={**probe, "periodSeconds": 1}, readinessProbe={**probe, "periodSeconds": 1})))
    for kind, state in states.items():
        wait_until(lambda s=state: is_ready(s()), 30, f"the pod with a probe by {kind} is not ready")


def test_readiness_comes_and_goes_and_liveness_restarts(cluster, space, start):
    live = {"exec": {"command": ["test", "!", "-e", "/dir/sick"]}, "periodSeconds": 1, "failureThreshold": 1,
            "timeoutSeconds": 10}   # a loaded machine needs longer than a second for an exec, and one failure is enough
    ready = {"httpGet": {"path": "/ok", "port": 8080}, "periodSeconds": 1, "failureThreshold": 1}
    state = start(pod("sick", sh("app", "rm -f /dir/sick; " + HTTPD + WAIT, livenessProbe=live, readinessProbe=ready,
                                 volumeMounts=[{"name": "dir", "mountPath": "/dir"}]),
                      volumes=[{"name": "dir", "emptyDir": {}}]))
    wait_until(lambda: is_ready(state()), 30, "not ready")
    cluster.exec("sick", "app", space, "rm", "/tmp/www/ok")
    wait_until(lambda: not is_ready(state()), 30, "still ready without its page")
    assert status(state())["restartCount"] == 0, "a readiness probe does not restart"
    cluster.exec("sick", "app", space, "touch", "/dir/sick")
    wait_until(lambda: status(state())["restartCount"] == 1 and is_ready(state()), 40, "not restarted")
    told = events(cluster, "sick")
    assert any(e.startswith("Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 404") for e in told)
    assert any(e.startswith("Unhealthy: Liveness probe failed") for e in told)
    assert "Killing: Container app failed liveness probe, will be restarted" in told


def test_a_probe_by_https_asks_nobody_for_a_certificate(cluster, start):
    """The API server is the HTTPS server that every cluster has; nobody tells the node its authority."""
    api = cluster.get("endpointslice", "kubernetes", "-n", "default")
    host, port = api["endpoints"][0]["addresses"][0], api["ports"][0]["port"]

    def probe(scheme):
        return {"httpGet": {"host": host, "port": port, "path": "/livez", "scheme": scheme}, "periodSeconds": 1}
    tls = start(pod("probe-https", sh("app", WAIT, readinessProbe=probe("HTTPS"))))
    plain = start(pod("probe-not-https", sh("app", WAIT, readinessProbe=probe("HTTP"))))
    wait_until(lambda: is_ready(tls()), 30, "the pod with a probe by HTTPS is not ready")
    wait_until(lambda: any(e.startswith("Unhealthy: Readiness probe failed") for e in events(cluster, "probe-not-https")),
               30, "no event about the probe without TLS")
    assert not is_ready(plain())


def test_a_grpc_probe_says_why_it_fails(cluster, start):
    start(pod("grpc", sh("app", WAIT, readinessProbe={"grpc": {"port": 9, "service": "x"}, "periodSeconds": 1})))
    told = re.compile('Unhealthy: Readiness probe failed: (error|timeout): failed to connect service .*"[0-9.]+:9"')
    wait_until(lambda: any(map(told.match, events(cluster, "grpc"))), 30, "the probe's failure is not told")


def test_hooks_run_around_the_container(cluster, space, start):
    hooks = {"postStart": {"exec": {"command": ["sh", "-c", "echo started > /dir/hooks"]}},
             "preStop": {"exec": {"command": ["sh", "-c", "echo stopping >> /dir/hooks"]}}}
    other = {"postStart": {"httpGet": {"path": "/any", "port": 8080}}, "preStop": {"sleep": {"seconds": 1}}}
    volume = {"volumeMounts": [{"name": "dir", "mountPath": "/dir"}]}
    state = start(pod("hooks", sh("app", WAIT, lifecycle=hooks, **volume), sh("other", HTTPD + WAIT, lifecycle=other),
                      sh("reader", WAIT, **volume, lifecycle={"preStop": {"sleep": {"seconds": 2}}}),
                      volumes=[{"name": "dir", "emptyDir": {}}], terminationGracePeriodSeconds=5))
    wait_until(lambda: is_ready(state()), 30, "not ready")
    assert cluster.exec("hooks", "reader", space, "cat", "/dir/hooks").stdout == "started\n"
    cluster.out("delete", "pod", "-n", space, "hooks", "--wait=false")
    wait_until(lambda: cluster.exec("hooks", "reader", space, "cat", "/dir/hooks").stdout == "started\nstopping\n", 10,
               "the preStop hook did not run")
    cluster.out("wait", "-n", space, "--for=delete", "pod/hooks", "--timeout=20s")


def test_sidecars_start_first_and_end_last(cluster, start):
    log = {"volumeMounts": [{"name": "dir", "mountPath": "/dir"}]}
    side = "echo side-up >> /dir/log; trap 'echo side-down >> /dir/log; exit 0' TERM; while :; do sleep 0.1; done"
    image = pod("x", {"name": "x"})["spec"]["containers"][0]["image"]
    state = start(pod("sidecar", sh("app", "echo app-up >> /dir/log; sleep 0.5; cat /dir/log; exit 0", **log),
                      restartPolicy="Never", volumes=[{"name": "dir", "emptyDir": {}}], initContainers=[
                          {**sh("side", side, **log), "image": image, "restartPolicy": "Always",
                           "startupProbe": {"exec": {"command": ["test", "-e", "/dir/log"]}, "periodSeconds": 1}}]))
    wait_until(lambda: state()["status"]["phase"] == "Succeeded", 30, "the pod did not end with its last container")
    assert cluster.out("logs", "-n", SPACE, "sidecar", "-c", "app") == "side-up\napp-up\n"
    side_status = wait_until(lambda: state()["status"]["initContainerStatuses"][0]["state"].get("terminated"), 20,
                             "the sidecar still runs")
    assert side_status["exitCode"] in (0, 137)


def test_limits_users_and_a_read_only_root(cluster, space, start):
    own = {"runAsUser": 1234, "runAsGroup": 2345, "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False,
           "capabilities": {"drop": ["ALL"]}}
    state = start(pod("secure", sh("app", "echo $(id -u) $(id -g); touch /x || echo read-only; grep -i capeff "
                                          "/proc/self/status; grep -i seccomp: /proc/self/status; touch /dir/y; "
                                          "busybox stat -c %g /dir; " + WAIT,
                                   securityContext=own, volumeMounts=[{"name": "dir", "mountPath": "/dir"}]),
                      securityContext={"fsGroup": 3456, "seccompProfile": {"type": "RuntimeDefault"}},
                      volumes=[{"name": "dir", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}]))
    wait_until(lambda: is_ready(state()), 30, "not ready")
    log = wait_until(lambda: (text := cluster.out("logs", "-n", space, "secure")) and "3456" in text and text, 10, "log")
    assert "1234 2345" in log and "read-only" in log
    assert "CapEff:\t0000000000000000" in log
    full = cluster.exec("secure", "app", space, "sh", "-c", "head -c 3000000 /dev/zero > /dir/big", check=False)
    assert full.returncode != 0, "the volume is larger than its limit"


def test_a_volume_beyond_its_limit_evicts_the_pod(cluster, start):
    fill = "head -c 3000000 /dev/zero > /dir/big; "
    failing = "trap 'exit 3' TERM; while :; do sleep 0.2; done"     # a cluster calls a pod that ends with 0 Succeeded
    state = start(pod("greedy", sh("app", fill + failing, volumeMounts=[{"name": "dir", "mountPath": "/dir"}]),
                      volumes=[{"name": "dir", "emptyDir": {"sizeLimit": "1Mi"}}]))
    small = start(pod("modest", sh("app", fill + WAIT, volumeMounts=[{"name": "dir", "mountPath": "/dir"}]),
                      volumes=[{"name": "dir", "emptyDir": {"sizeLimit": "8Mi"}}]))
    wait_until(lambda: state()["status"].get("reason") == "Evicted", SYNC_S + 30, "it is not evicted")
    why = 'Usage of EmptyDir volume "dir" exceeds the limit "1Mi". '
    wait_until(lambda: "terminated" in status(state())["state"], 30, "its container goes on")
    assert (state()["status"]["phase"], state()["status"]["message"]) == ("Failed", why)
    wait_until(lambda: f"Evicted: {why}" in events(cluster, "greedy"), 10, "no event")
    assert small()["status"]["phase"] == "Running"


def test_too_much_memory_is_told(cluster, start):
    state = start(pod("hungry", sh("app", "x=$(head -c 60000000 /dev/zero | tr '\\0' a); echo ${#x}",
                                   resources={"limits": {"memory": "24Mi"}}), restartPolicy="Never"))
    ended = wait_until(lambda: status(state())["state"].get("terminated"), 40, "it did not end")
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


def test_missing_images_and_references_are_told(cluster, start):
    image = start(pod("no-image", {"name": "app", "image": "registry.invalid/none:1"}))
    never = start(pod("never", {"name": "app", "image": "none/none:1", "imagePullPolicy": "Never"}))
    config = start(pod("no-config", sh("app", WAIT, env=[{"name": "A", "valueFrom": {
        "configMapKeyRef": {"name": "nowhere", "key": "a"}}}])))
    crash = start(pod("crash", sh("app", "exit 3")))

    def reason(state):
        return status(state())["state"].get("waiting", {}).get("reason")
    wait_until(lambda: reason(image) in ("ErrImagePull", "ImagePullBackOff"), 40, "no reason for the image")
    wait_until(lambda: reason(never) == "ErrImageNeverPull", 20, f"never: {reason(never)}")
    wait_until(lambda: reason(config) == "CreateContainerConfigError", 20, "no reason for the ConfigMap")
    assert 'configmap "nowhere" not found' in status(config())["state"]["waiting"]["message"]
    wait_until(lambda: reason(crash) == "CrashLoopBackOff", 30, "no back-off")
    assert status(crash())["lastState"]["terminated"]["exitCode"] == 3
    cluster.out("create", "configmap", "-n", SPACE, "nowhere", "--from-literal=a=1")
    wait_until(lambda: is_ready(config()), 20, "it does not start once its ConfigMap is there")


def test_config_in_volumes_follows_changes(cluster, space, start):
    cluster.out("create", "configmap", "-n", space, "live", "--from-literal=key=old")
    state = start(pod("live", sh("app", WAIT, volumeMounts=[{"name": "c", "mountPath": "/c"}]),
                      volumes=[{"name": "c", "configMap": {"name": "live"}}]))
    wait_until(lambda: is_ready(state()), 30, "not ready")
    assert cluster.exec("live", "app", space, "cat", "/c/key").stdout == "old"
    cluster.out("patch", "configmap", "-n", space, "live", "--type=merge", "-p", '{"data":{"key":"new"}}')
    wait_until(lambda: cluster.exec("live", "app", space, "cat", "/c/key").stdout == "new", SYNC_S, "still the old text")
