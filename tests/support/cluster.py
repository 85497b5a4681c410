# SPDX-License-Identifier: Apache-2.0
"""A cluster as a user meets it: the stock kubectl, a KUBECONFIG, and the gateway's address.

Place   every end to end test; nothing here knows whether a sandbox or a real Kubernetes answers
Limits  every wait is bounded and says at its end what it last saw
"""
import json
import os
import subprocess
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
SAMPLES = os.path.join(TOP, "samples")
KUBECTL = os.environ.get("KUBECTL", "kubectl")


class CommandFailed(AssertionError):
    """A command ended with a code that nobody expected; carries what it printed."""


def wait_until(probe, seconds, what, every=0.1):
    """Calls `probe` until it returns something true, and returns that. An exception counts as not yet."""
    deadline, last = time.monotonic() + seconds, None
    while True:
        try:
            last = probe()
            if last:
                return last
        except (AssertionError, OSError, KeyError, IndexError, ValueError) as e:
            last = e
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s: {what}; last seen: {last}")
        time.sleep(every)


class Cluster:
    def __init__(self, kubeconfig):
        self.kubeconfig = kubeconfig

    # --- kubectl ---

    def run(self, *args, stdin=None, check=True, timeout=120):
        """Runs kubectl; returns the finished process with text output."""
        done = subprocess.run([KUBECTL, "--kubeconfig", self.kubeconfig, *args], input=stdin, text=True,
                              capture_output=True, timeout=timeout)
        if check and done.returncode != 0:
            raise CommandFailed(f"kubectl {' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def out(self, *args, **options):
        return self.run(*args, **options).stdout

    def fails(self, *args, stdin=None):
        """Runs kubectl, which must fail; returns what it said on standard error."""
        done = self.run(*args, stdin=stdin, check=False)
        if done.returncode == 0:
            raise CommandFailed(f"kubectl {' '.join(args)} should have failed; it said:\n{done.stdout}")
        return done.stderr

    def get(self, *args):
        return json.loads(self.out("get", *args, "-o", "json"))

    def apply(self, text, namespace):
        return self.out("apply", "-n", namespace, "-f", "-", stdin=text)

    def apply_file(self, path, namespace):
        return self.out("apply", "-n", namespace, "-f", os.path.join(SAMPLES, path))

    def delete_file(self, path, namespace):
        return self.out("delete", "-n", namespace, "--ignore-not-found", "-f", os.path.join(SAMPLES, path))

    # --- pods ---

    def pods(self, selector, namespace):
        """Running pods that are not on their way out, oldest first."""
        items = self.get("pods", "-l", selector, "-n", namespace)["items"]
        return sorted((p for p in items if "deletionTimestamp" not in p["metadata"]),
                      key=lambda p: p["metadata"]["creationTimestamp"])

    def pod(self, selector, namespace):
        return self.pods(selector, namespace)[0]["metadata"]["name"]

    def exec(self, pod, container, namespace, *command, check=True, stdin=None):
        args = ["exec", pod, "-c", container, "-n", namespace]
        if stdin is not None:
            args.append("-i")
        return self.run(*args, "--", *command, check=check, stdin=stdin)

    def wait_ready(self, namespace, count=None, seconds=120):
        """Waits until every pod of the namespace is Ready, and there are `count` of them."""
        def ready():
            items = self.get("pods", "-n", namespace)["items"]
            states = {p["metadata"]["name"]: pod_ready(p) for p in items}
            fine = states and all(states.values()) and (count is None or len(states) == count)
            if not fine:
                raise AssertionError(states)
            return items
        return wait_until(ready, seconds, f"the pods of {namespace} are not all Ready (want {count or 'some'})", 0.3)

    def address(self, service, namespace):
        """The service's cluster address, which this machine reaches on the sandbox and on a node of its own."""
        return self.get("service", service, "-n", namespace)["spec"]["clusterIP"]

    # --- the gateway ---

    def gateway(self, name="http2"):
        """(host, port) of a named port, as Istio's tutorials find them: the load balancer's, or a node's without one."""
        service = self.get("service", "istio-ingressgateway", "-n", "istio-system")
        port = next(p for p in service["spec"]["ports"] if p["name"] == name)
        ingress = service["status"].get("loadBalancer", {}).get("ingress")
        if ingress:
            return ingress[0]["ip"], port["port"]
        [pod, *_] = self.pods("istio=ingressgateway", "istio-system")
        return pod["status"]["hostIP"], port["nodePort"]


def pod_ready(pod):
    conditions = {c["type"]: c["status"] for c in pod.get("status", {}).get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]
