# SPDX-License-Identifier: Apache-2.0
"""No request fails while configuration changes, weftd dies, a pod goes, or a new version rolls out."""
import os
import signal
import subprocess
import time

import pytest

from bookinfo import wait_in_force
from cluster import wait_until
from load import PageLoad, PodLoad

NS = "bookinfo"
NETWORKING = "bookinfo/networking/"
DOUBLED = ("reviews-v1", "reviews-v3", "productpage-v1")
PAGE_RATE = int(os.environ.get("WEFT_E2E_PAGE_RATE", "100"))
REVIEWS_RATE = int(os.environ.get("WEFT_E2E_REVIEWS_RATE", "200"))
RESTART_S = int(os.environ.get("WEFT_E2E_RESTART_S", "30"))       # longer where it was killed before: the back-off grows
ANY = {"none", "black", "red"}


@pytest.fixture(scope="module")
def doubled(cluster):
    """reviews-v1, reviews-v3 and productpage at two replicas, updated without a gap."""
    patch = '{"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":0,"maxSurge":1}}}}'
    for name in DOUBLED:
        cluster.out("patch", "deployment", name, "-n", NS, "--type=merge", "-p", patch)
        cluster.out("scale", f"deployment/{name}", "--replicas=2", "-n", NS)
    cluster.wait_ready(NS, 9)
    cluster.apply_file(NETWORKING + "destination-rule-all.yaml", NS)
    yield
    cluster.delete_file(NETWORKING + "virtual-service-all-v1.yaml", NS)
    cluster.delete_file(NETWORKING + "destination-rule-all.yaml", NS)
    for name in DOUBLED:
        cluster.out("scale", f"deployment/{name}", "--replicas=1", "-n", NS)
    cluster.wait_ready(NS, 6)


@pytest.fixture
def load(cluster, gateway, doubled):
    """Both loads; at the test's end neither may have a failure."""
    wait_in_force(gateway, ANY)
    pod = cluster.pod("app=ratings", NS)
    loads = [PageLoad(gateway, PAGE_RATE),
             PodLoad(cluster, pod, "ratings", NS, "http://reviews:9080/reviews/0", REVIEWS_RATE)]
    yield loads
    for one in loads:
        one.stop()
    for one in loads:
        print(f"{type(one).__name__}: {one.summary()}")
    for one in loads:
        assert one.count > 100, one.summary()
        assert not one.failures, one.summary()


def steady(load, seconds=2.0):
    """Lets the load run for a while and shows that it really runs."""
    before = [one.count for one in load]
    wait_until(lambda: all(one.count > b + 50 for one, b in zip(load, before)), 30, "the load stands still")
    time.sleep(seconds)          # not a synchronisation: the time in which failures may show


def test_configuration_changes(cluster, gateway, load):
    for file, allowed in (("virtual-service-all-v1.yaml", {"none"}),
                          ("virtual-service-reviews-90-10.yaml", {"none", "black"}),
                          ("virtual-service-reviews-50-v3.yaml", {"none", "red"}),
                          ("virtual-service-reviews-v3.yaml", {"red"}),
                          ("virtual-service-reviews-jason-v2-v3.yaml", {"red"})):
        cluster.apply_file(NETWORKING + file, NS)
        print(f"{file}: in force after {wait_in_force(gateway, allowed):.2f} s")
    cluster.delete_file(NETWORKING + "virtual-service-reviews-jason-v2-v3.yaml", NS)
    steady(load, 1)


def test_rules_and_subsets_change_together(cluster, gateway, load):
    """Subsets vanish and come back in the same second as the rules that name them."""
    for _ in range(3):
        cluster.delete_file(NETWORKING + "virtual-service-all-v1.yaml", NS)
        cluster.delete_file(NETWORKING + "destination-rule-all.yaml", NS)
        cluster.apply_file(NETWORKING + "destination-rule-all.yaml", NS)
        cluster.apply_file(NETWORKING + "virtual-service-reviews-v3.yaml", NS)
        wait_in_force(gateway, {"red"}, quiet=0.3)
    steady(load, 1)


def process_of(pod, program):
    """The process id, seen from this machine, of a program in a pod."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == program:
                with open(f"/proc/{pid}/environ", "rb") as f:
                    if f"HOSTNAME={pod}".encode() in f.read().split(b"\0"):
                        return int(pid)
        except OSError:
            continue
    raise AssertionError(f"no process {program} of pod {pod} on this machine")


def test_weftd_killed(cluster, gateway, load, own_sandbox):
    pod = cluster.pod("app=istiod", "istio-system")
    restarts = cluster.get("pod", pod, "-n", "istio-system")["status"]["containerStatuses"][0]["restartCount"]
    os.kill(process_of(pod, "weftd"), signal.SIGKILL)
    steady(load)
    wait_until(lambda: cluster.get("pod", pod, "-n", "istio-system")["status"]["containerStatuses"][0]["restartCount"]
               > restarts, RESTART_S, "weftd was not started again")
    cluster.wait_ready("istio-system")
    cluster.apply_file(NETWORKING + "virtual-service-reviews-v3.yaml", NS)
    print(f"in force after the restart: {wait_in_force(gateway, {'red'}, seconds=30):.2f} s")
    steady(load, 1)


def test_pod_deleted(cluster, gateway, load):
    cluster.apply_file(NETWORKING + "virtual-service-reviews-v3.yaml", NS)
    wait_in_force(gateway, {"red"})
    for selector in ("app=reviews,version=v3", "app=productpage"):
        cluster.out("delete", "pod", cluster.pod(selector, NS), "-n", NS)
        cluster.wait_ready(NS, 9)
    steady(load, 1)


def test_rolling_update(cluster, gateway, load):
    for name in ("reviews-v3", "productpage-v1"):
        cluster.out("rollout", "restart", f"deployment/{name}", "-n", NS)
        try:
            cluster.out("rollout", "status", f"deployment/{name}", "-n", NS, "--timeout=120s", timeout=150)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the roll-out of {name} hangs")
    cluster.wait_ready(NS, 9)
    steady(load, 1)
