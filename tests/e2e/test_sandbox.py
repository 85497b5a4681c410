# SPDX-License-Identifier: Apache-2.0
"""The sandbox comes and goes: up twice, down, up again, two at a time, and a clear word when it cannot."""
import os
import subprocess
import time

import pytest

from bookinfo import look
from cluster import Cluster, wait_until
from sandbox import WEFT, sandbox, sandbox_env

SECOND = "e2e-second"


def named(name):
    """What a sandbox has on this machine under its own name: processes, mounts, network namespaces, cgroups."""
    def lines(*command):
        return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    with open("/proc/mounts", encoding="utf-8") as f:
        mounts = [line.split()[1] for line in f]
    cgroups = [path for path, _, _ in os.walk("/sys/fs/cgroup")]
    return {what: [line for line in found if name in line] for what, found in (
        ("processes", lines("ps", "-ww", "-eo", "args")), ("mounts", mounts), ("namespaces", lines("ip", "netns")),
        ("cgroups", cgroups))}


def unnamed():
    """What cannot be told by name: links, packet rules and routes of the machine, as one set of lines."""
    def lines(*command):
        return set(subprocess.run(command, capture_output=True, text=True).stdout.splitlines())
    links = {line.split(":")[1].strip() for line in lines("ip", "-o", "link")}
    return links | lines("nft", "list", "ruleset") | lines("ip", "route", "show", "table", "all")


@pytest.fixture(scope="module")
def second(own_sandbox):
    """A second instance beside the tests' own, taken down at the end whatever happened."""
    yield SECOND
    sandbox("down", name=SECOND, check=False)


def test_second_instance_comes_and_goes(cluster, gateway, second):
    before = unnamed()
    uids = {p["metadata"]["uid"] for p in cluster.get("pods", "-A")["items"]}

    began = time.monotonic()
    out = sandbox("up", name=second).stdout
    print(out, f"up after {time.monotonic() - began:.1f} s")
    assert "/productpage" in out and "export " in out
    other = Cluster(sandbox_env(second)["KUBECONFIG"])
    other_gateway = other.gateway()
    assert other_gateway != gateway
    assert set(look(other_gateway, 30)) == {"none", "black", "red"}
    pods = {p["metadata"]["uid"] for p in other.get("pods", "-A")["items"]}
    assert not pods & uids

    began = time.monotonic()
    sandbox("up", name=second)
    took = time.monotonic() - began
    print(f"up again after {took:.1f} s")
    assert took < 50
    assert {p["metadata"]["uid"] for p in other.get("pods", "-A")["items"]} == pods
    assert "running" in sandbox("status", name=second).stdout.lower()

    sandbox("down", name=second)
    wait_until(lambda: not any(named(second).values()), 10, f"left behind: {named(second)}")
    wait_until(lambda: not unnamed() - before, 10, f"left behind: {unnamed() - before}")
    sandbox("down", name=second)          # twice is harmless

    assert {p["metadata"]["uid"] for p in cluster.get("pods", "-A")["items"]} == uids, "the first sandbox was disturbed"
    assert set(look(gateway, 30)) == {"none", "black", "red"}


def test_up_after_down(second, cluster):
    sandbox("up", name=second)
    other = Cluster(sandbox_env(second)["KUBECONFIG"])
    other.wait_ready("bookinfo", 6)
    assert sum(look(other.gateway(), 20).values()) == 20
    sandbox("down", name=second)


def test_environment_puts_the_tools_on_the_path(own_sandbox):
    done = subprocess.run(["bash", "-c", f'eval "$({WEFT} sandbox env --name {own_sandbox})" && for t in weft istioctl '
                           'kubectl helm; do command -v $t || exit 1; done && kubectl get namespace istio-system'],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("wrapper, words", [
    (["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], ["root"]),
    (["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"], ["namespace"]),
])
def test_missing_capability(wrapper, words, tmp_path):
    """Without root, or without the right to make namespaces: one sentence that says what to do, and nothing begun."""
    if os.getuid() != 0:
        pytest.skip("needs root to give up its rights")
    done = subprocess.run([*wrapper, WEFT, "sandbox", "up", "--name", "e2e-none"], capture_output=True, text=True,
                          timeout=60)
    print(done.stderr)
    assert done.returncode != 0
    assert 0 < len(done.stderr.strip().splitlines()) <= 2, done.stderr
    assert all(word in done.stderr.lower() for word in words), done.stderr
