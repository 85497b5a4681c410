# SPDX-License-Identifier: Apache-2.0
"""What a person does with one pod: its logs, programs in it, files to and from it, its ports."""
import json
import os
import pty
import re
import select
import subprocess
import time
import urllib.request

import pytest

from cluster import KUBECTL, wait_until

SPACE = "e2e-pods"
IMAGE = "docker.io/istio/examples-bookinfo-ratings-v1:1.20.3"     # holds a busybox
SCRIPT = """echo one; echo two >&2; mkdir -p /tmp/www; echo hello > /tmp/www/index.html
busybox httpd -p 127.0.0.1:8080 -h /tmp/www
trap 'exit 0' TERM; while :; do sleep 0.1; done"""


@pytest.fixture(scope="module")
def space(cluster):
    """A namespace of the tests' own, gone afterwards."""
    cluster.run("create", "namespace", SPACE, check=False)
    yield SPACE
    cluster.run("delete", "namespace", SPACE, "--wait=false")


def pod(name, *containers, **spec):
    """A pod of containers (name, script or fields)."""
    def container(fields):
        return {"image": IMAGE, "imagePullPolicy": "IfNotPresent", **fields}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [container(c) for c in containers], **spec}}


def sh(name, script, **fields):
    return {"name": name, "command": ["/bin/sh", "-c", script], **fields}


@pytest.fixture(scope="module")
def box(cluster, space):
    cluster.apply(json.dumps(pod("box", sh("box", SCRIPT))), space)
    cluster.out("wait", "-n", space, "--for=condition=Ready", "pod/box", "--timeout=60s")
    return "box"


class Forward:
    """`kubectl port-forward` to a port, on a local port that it chose."""

    def __init__(self, cluster, *target):
        self.process = subprocess.Popen([KUBECTL, "--kubeconfig", cluster.kubeconfig, "port-forward", *target],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+) ->", line)
        assert found, line
        self.port = int(found[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            return answer.read()


def test_port_forward_reaches_a_loopback_port(cluster, space, box):
    cluster.exec(box, "box", space, "sh", "-c", "head -c 3000000 /dev/urandom > /tmp/www/big")
    with Forward(cluster, "-n", space, f"pod/{box}", ":8080") as forward:
        assert [forward.get("/") for _ in range(5)] == [b"hello\n"] * 5
        assert len(forward.get("/big")) == 3000000


def test_port_forward_says_why_a_port_is_closed(cluster, space, box):
    with Forward(cluster, "-n", space, f"pod/{box}", ":9999") as forward:
        with pytest.raises(OSError):
            forward.get("/")
        assert "refused" in forward.process.stdout.read().lower()


def test_files_are_copied_both_ways(cluster, space, box, tmp_path):
    sent = os.urandom(4 << 20)
    (tmp_path / "up").write_bytes(sent)
    cluster.out("cp", "-n", space, str(tmp_path / "up"), f"{box}:/tmp/up")
    cluster.out("cp", "-n", space, f"{box}:/tmp/up", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == sent


def test_a_command_may_be_long_and_is_never_cut(cluster, space, box):
    words = [str(i) for i in range(3000)]
    assert cluster.exec(box, "box", space, "echo", *words).stdout.split() == words
    words = [str(i) for i in range(5000)]          # more than the sandbox takes; another node has no such bound
    said = cluster.exec(box, "box", space, "echo", *words, check=False)
    if os.environ.get("WEFT_E2E_KUBECONFIG"):
        assert (said.returncode, said.stdout.split()) == (0, words)
    else:
        assert said.returncode != 0 and "1 to 4096 words" in said.stderr


def test_exit_code_and_both_outputs_come_back(cluster, space, box):
    done = cluster.exec(box, "box", space, "sh", "-c", "cat; echo err >&2; exit 5", stdin="in", check=False)
    assert (done.returncode, done.stdout) == (5, "in")
    assert done.stderr.splitlines()[0] == "err"


def terminal(cluster, *args, feed, seconds=30):
    """Runs kubectl on a terminal, typing `feed` once a prompt is there; returns exit code and screen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([KUBECTL, "--kubeconfig", cluster.kubeconfig, *args], stdin=theirs, stdout=theirs,
                               stderr=theirs, start_new_session=True)
    os.close(theirs)
    screen, typed, deadline = b"", False, time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                screen += os.read(ours, 65536)
            except OSError:
                break
        elif not typed and (b"$ " in screen or b"# " in screen):
            os.write(ours, feed)
            typed = True
        elif not typed and b"pressing enter" in screen:
            os.write(ours, b"\n")
    code = process.wait(10)
    os.close(ours)
    return code, screen.decode(errors="replace")


def test_run_with_a_terminal(cluster, space):
    code, screen = terminal(cluster, "run", "-n", space, "shell", "-it", "--rm", "--restart=Never", f"--image={IMAGE}",
                            "--command", "--", "/bin/sh", feed=b"test -t 0 && echo it is''a tty; exit 4\n")
    assert "it isa tty" in screen
    assert code == 4
    assert 'pod "shell" deleted' in screen


def test_run_attached_to_a_pipe(cluster, space):
    done = cluster.run("run", "-n", space, "piped", "-i", "--rm", "--restart=Never", f"--image={IMAGE}", "--command",
                       "--", "/bin/sh", "-c", "read x; echo got $x", stdin="a line\n")
    assert "got a line" in done.stdout


def test_logs(cluster, space, box):
    def logs(*args, **options):
        return cluster.out("logs", "-n", space, box, *args, **options)
    wait_until(lambda: logs().count("\n") == 2, 20, "both lines are not in the log")
    assert sorted(logs().split()) == ["one", "two"]
    assert len(logs("--tail=1").split()) == 1
    assert logs("--limit-bytes=2") in ("on", "tw")
    assert logs("--since-time=2020-01-01T00:00:00Z").count("\n") == 2
    assert logs("--since-time=2099-01-01T00:00:00Z") == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (one|two)\n", logs("--timestamps", "--tail=1"))
    assert 'previous terminated container "box" in pod "box" not found' in cluster.fails("logs", "-n", space, box, "-p")
    assert "container nope is not valid for pod box" in cluster.fails("logs", "-n", space, box, "-c", "nope")


def test_logs_follow_and_previous(cluster, space):
    # the second run stays: a node keeps one ended container of a name, so that a third would take the first one's log
    script = "n=$(cat /dir/n 2>/dev/null || echo 0); echo run $n; echo 1 > /dir/n; [ $n = 1 ] || exit 1; exec sleep 600"
    cluster.apply(json.dumps(pod("twice", sh("app", script, volumeMounts=[{"name": "dir", "mountPath": "/dir"}]),
                                 volumes=[{"name": "dir", "emptyDir": {}}])), space)
    wait_until(lambda: cluster.get("pod", "-n", space, "twice")["status"]["containerStatuses"][0]["restartCount"] >= 1,
               30, "the container was not restarted")
    wait_until(lambda: cluster.out("logs", "-n", space, "twice") == "run 1\n", 20, "no log of the second run")
    assert cluster.out("logs", "-n", space, "twice", "--previous") == "run 0\n"
    cluster.apply(json.dumps(pod("talks", sh("app", "for i in 1 2 3; do echo $i; sleep 0.3; done"),
                                 restartPolicy="Never")), space)
    wait_until(lambda: cluster.get("pod", "-n", space, "talks")["status"]["phase"] in ("Running", "Succeeded"), 30,
               "the container did not start")
    assert cluster.out("logs", "-n", space, "-f", "talks", timeout=30) == "1\n2\n3\n"
