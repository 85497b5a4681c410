# SPDX-License-Identifier: Apache-2.0
"""Faults of the machine: processes killed under load, a namespace deleted in use, many writers, a store that cannot
write, a sandbox started anew. Nothing acknowledged is lost, nothing runs twice, nothing is left behind."""
import concurrent.futures
import json
import os
import signal
import subprocess
import threading

import pytest

from cluster import Cluster, wait_until
from conftest import sandbox, sandbox_env
from test_pods import IMAGE
from test_sandbox import named, unnamed

NAME = "e2e-chaos"
SPACE = "chaos"
DEPLOYMENT = {
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
    "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [
            {"name": "web", "image": IMAGE,
             "command": ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]}]}}}}


@pytest.fixture(scope="module")
def before():
    return unnamed()


@pytest.fixture(scope="module")
def chaos(own_sandbox, before):
    """A bare sandbox of its own with a Deployment of three; taken down at the end, and nothing may be left then."""
    sandbox("up", "--bare", name=NAME)
    cluster = Cluster(sandbox_env(NAME)["KUBECONFIG"])
    cluster.out("create", "namespace", SPACE)
    cluster.apply(json.dumps(DEPLOYMENT), SPACE)
    cluster.out("rollout", "status", "-n", SPACE, "deployment/web", "--timeout=60s")
    yield cluster
    sandbox("down", name=NAME, check=False)


def state_path():
    return os.path.dirname(sandbox_env(NAME)["KUBECONFIG"])


def pid_of(daemon):
    with open(os.path.join(state_path(), "run", daemon + ".pid"), encoding="utf-8") as f:
        return int(f.read())


def containers():
    """Ids of the containers that runc knows as running."""
    done = subprocess.run(["runc", "--root", os.path.join(state_path(), "run/runc"), "list", "-f", "json"],
                          capture_output=True, text=True, check=True)
    return [c["id"] for c in json.loads(done.stdout) or [] if c["status"] == "running"]


class Writers:
    """Clients that write to one ConfigMap each, one number after another, and know what was acknowledged."""

    def __init__(self, cluster, count):
        self.cluster, self.stop, self.acknowledged = cluster, threading.Event(), [0] * count
        self.threads = [threading.Thread(target=self.write, args=(i,)) for i in range(count)]

    def write(self, index):
        number = 0
        while not self.stop.is_set():
            number += 1
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"w{index}"},
                    "data": {"n": str(number)}}
            done = self.cluster.run("apply", "-n", SPACE, "-f", "-", stdin=json.dumps(body), check=False)
            if done.returncode == 0:
                self.acknowledged[index] = number

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_until(lambda: all(self.acknowledged), 30, "the writers did not begin")
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)


@pytest.mark.parametrize("daemon", ["apiserver", "controllers", "node"])
def test_a_killed_process_comes_back_and_nothing_is_lost(chaos, daemon):
    pods = {p["metadata"]["uid"] for p in chaos.pods("app=web", SPACE)}
    ran = set(containers())
    with Writers(chaos, 2) as writers:
        old = pid_of(daemon)
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: pid_of(daemon) != old and "running" in sandbox("status", name=NAME).stdout, 30,
                   f"{daemon} is not started again")
        seen = list(writers.acknowledged)
        wait_until(lambda: all(now > then for now, then in zip(writers.acknowledged, seen)), 60, "no writes any more")
    for index, number in enumerate(writers.acknowledged):
        assert int(chaos.get("configmap", f"w{index}", "-n", SPACE)["data"]["n"]) >= number, "an acknowledged write"
    assert {p["metadata"]["uid"] for p in chaos.pods("app=web", SPACE)} == pods, "pods were made anew"
    assert set(containers()) == ran, "containers were started again, or twice"
    chaos.out("scale", "-n", SPACE, "deployment/web", "--replicas=4")
    chaos.out("rollout", "status", "-n", SPACE, "deployment/web", "--timeout=60s")
    chaos.out("scale", "-n", SPACE, "deployment/web", "--replicas=3")
    wait_until(lambda: len(chaos.get("pods", "-n", SPACE, "-l", "app=web")["items"]) == 3 == len(containers()), 30,
               "the fourth pod stays")


def test_twenty_writers_of_one_object(chaos):
    """Each adds its own key, some by apply and some by patch: every acknowledged one is there."""
    chaos.out("create", "configmap", "shared", "-n", SPACE)

    def write(index):
        body = {"data": {f"k{index}": str(index)}}
        if index % 2:
            return chaos.run("patch", "configmap", "shared", "-n", SPACE, "--type=merge", "-p", json.dumps(body),
                             check=False)
        body.update(apiVersion="v1", kind="ConfigMap", metadata={"name": "shared"})
        return chaos.run("apply", "--server-side", f"--field-manager=m{index}", "-n", SPACE, "-f", "-",
                         stdin=json.dumps(body), check=False)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        done = list(pool.map(write, range(20)))
    assert [d.stderr for d in done if d.returncode] == []
    assert chaos.get("configmap", "shared", "-n", SPACE)["data"] == {f"k{i}": str(i) for i in range(20)}


def test_a_namespace_in_use_is_deleted(chaos):
    other = "chaos-gone"
    chaos.out("create", "namespace", other)
    chaos.apply(json.dumps(DEPLOYMENT), other)
    chaos.out("expose", "-n", other, "deployment/web", "--port=80")
    chaos.out("rollout", "status", "-n", other, "deployment/web", "--timeout=60s")
    follower = subprocess.Popen(["kubectl", "--kubeconfig", chaos.kubeconfig, "logs", "-f", "-n", other,
                                 "deployment/web"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    chaos.out("delete", "namespace", other, "--timeout=60s")
    assert follower.wait(20) is not None
    assert chaos.get("pods", "-A", "--field-selector", f"metadata.namespace={other}")["items"] == []
    wait_until(lambda: len(containers()) == 3, 20, f"containers of the namespace still run: {containers()}")


def test_a_store_that_cannot_write_refuses(chaos, own_sandbox):
    """A sandbox whose state lies on a small file system: writes are refused with the reason, what was
    acknowledged is still there after a restart, and with room again it goes on."""
    root = "/tmp/e2e-chaos-full"
    os.makedirs(root, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", root], check=True)
    environment = {**os.environ, "WEFT_STATE": root}
    try:
        sandbox("up", "--bare", name="e2e-full", env=environment)
        cluster = Cluster(os.path.join(root, "e2e-full/kubeconfig"))
        with open(os.path.join(root, "ballast"), "wb") as f:
            try:
                while True:
                    f.write(bytes(65536))
                    f.flush()
            except OSError:
                pass
        acknowledged, said = [], ""
        for index in range(200):
            done = cluster.run("create", "configmap", f"c{index}", f"--from-literal=a={'x' * 60000}", check=False)
            if done.returncode:
                said = done.stderr
                break
            acknowledged.append(f"c{index}")
        assert "the store cannot write" in said and "full" in said, said
        os.kill(int(open(os.path.join(root, "e2e-full/run/apiserver.pid"), encoding="utf-8").read()), signal.SIGKILL)
        os.unlink(os.path.join(root, "ballast"))

        def names():
            return {c["metadata"]["name"] for c in cluster.get("configmaps", "-n", "default")["items"]}
        wait_until(lambda: set(acknowledged) <= names(), 30, "an acknowledged object is lost")
        assert cluster.run("create", "configmap", "room", "--from-literal=a=b").returncode == 0
    finally:
        sandbox("down", name="e2e-full", env=environment, check=False)
        subprocess.run(["umount", "-l", root], check=False)
        os.rmdir(root)


def test_a_sandbox_started_anew_finds_its_pods(chaos):
    pods = {p["metadata"]["uid"] for p in chaos.pods("app=web", SPACE)}
    ran = set(containers())
    for daemon in ("supervisor", "node", "controllers", "apiserver"):
        os.kill(pid_of(daemon), signal.SIGKILL)
    sandbox("up", "--bare", name=NAME)
    assert {p["metadata"]["uid"] for p in chaos.pods("app=web", SPACE)} == pods
    assert set(containers()) == ran
    assert len(ran) == 3


def test_nothing_is_left_behind(chaos, before):
    os.kill(pid_of("node"), signal.SIGKILL)       # whatever it was doing
    sandbox("down", name=NAME)
    wait_until(lambda: not any(named(NAME).values()), 20, f"left behind: {named(NAME)}")
    wait_until(lambda: not unnamed() - before, 20, f"left behind: {unnamed() - before}")
