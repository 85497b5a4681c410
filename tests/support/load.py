# SPDX-License-Identifier: Apache-2.0
"""Load that runs beside a test and forgives nothing: every request that fails is kept, with its time.

Place   tests/e2e/test_load.py
Owns    threads and one kubectl exec; stop() ends them
"""
import http.client
import subprocess
import threading
import time

from bookinfo import Visitor, stars
from cluster import KUBECTL


class Load:
    """What both kinds of load report."""

    def __init__(self):
        self.started, self.count, self.failures, self.slowest = time.monotonic(), 0, [], 0.0
        self.lock, self.stopping = threading.Lock(), threading.Event()

    def record(self, failure, took):
        with self.lock:
            self.count += 1
            self.slowest = max(self.slowest, took)
            if failure:
                self.failures.append(f"{time.monotonic() - self.started:.2f} s: {failure}")

    def summary(self):
        return f"{self.count} requests in {time.monotonic() - self.started:.1f} s, {len(self.failures)} failed, " \
               f"slowest {self.slowest * 1000:.0f} ms" + "".join("\n  " + f for f in self.failures[:20])


class PageLoad(Load):
    """Product pages through the gateway, `rate` a second in all, on kept connections."""

    def __init__(self, gateway, rate, connections=4):
        super().__init__()
        self.gateway, self.pause = gateway, connections / rate
        self.threads = [threading.Thread(target=self.visit, args=(i / rate,)) for i in range(connections)]
        for thread in self.threads:
            thread.start()

    def visit(self, offset):
        visitor, due = Visitor(self.gateway), time.monotonic() + offset
        while not self.stopping.is_set():
            time.sleep(max(0.0, due - time.monotonic()))
            due = max(due + self.pause, time.monotonic() - 1)
            began = time.monotonic()
            try:
                status, _, text = visitor.page()
                what = stars(text)
                failure = None if status == 200 and what in ("none", "black", "red") else f"status {status}, {what}"
            except (OSError, http.client.HTTPException) as e:
                failure = f"no answer: {e!r}"
            self.record(failure, time.monotonic() - began)
        visitor.close()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


class PodLoad(Load):
    """One path from inside a pod, by its curl, `rate` a second on one kept connection."""

    def __init__(self, cluster, pod, container, namespace, url, rate, seconds=600):
        super().__init__()
        self.cluster, self.place = cluster, (pod, container, namespace)
        mark = "&" if "?" in url else "?"
        script = (f"timeout {seconds} curl -sS --rate {rate}/s --max-time 10 -o /dev/null "
                  f"-w '%{{http_code}} %{{time_total}} %{{errormsg}}\\n' '{url}{mark}n=[1-100000000]' & "
                  "echo pid $!; wait")
        self.process = subprocess.Popen(
            [KUBECTL, "--kubeconfig", cluster.kubeconfig, "exec", pod, "-c", container, "-n", namespace, "--",
             "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        first = self.process.stdout.readline().split()
        assert first[:1] == ["pid"], f"the load did not start: {first} {self.process.stderr.read()}"
        self.pid = first[1]
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            words = line.split(None, 2)
            if len(words) >= 2 and not self.stopping.is_set():
                error = words[2].strip() if len(words) > 2 else ""
                self.record(None if words[0] == "200" else f"status {words[0]} {error}", float(words[1]))

    def stop(self):
        self.stopping.set()
        pod, container, namespace = self.place
        self.cluster.exec(pod, container, namespace, "sh", "-c", f"kill {self.pid}; kill $(pidof curl)", check=False)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.reader.join()
