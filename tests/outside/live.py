# SPDX-License-Identifier: Apache-2.0
"""Puts objects of a case, which are often no more than sketches, into an API server.

  with server(PROGRAM, FOLDER) as api:     an API server of its own, gone at the end
  with emptied(KUBECONFIG, ETCD) as api:   one that stays, a real one; its objects are taken out of its etcd before
      api.define(definitions)              CRDs, until they are served
      api.load(documents)                  namespaces and all objects; returns those that were refused

Place   test_analyze.py
Limits  what the API server insists on and no analyzer looks at is filled in: a container, an image, a selector; names
        are put in lower case, and protocols that no Service can have become TCP
"""
import base64
import contextlib
import http.client
import json
import os
import ssl
import subprocess
import urllib.parse

import yaml

from cluster import wait_until
from ports import free_port


class Api:
    def __init__(self, kubeconfig):
        with open(kubeconfig, encoding="utf-8") as f:
            config = yaml.safe_load(f)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        address = urllib.parse.urlsplit(cluster["server"])
        context = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        if "client-certificate-data" in user:
            files = {name: f"{kubeconfig}.{name}" for name in ("client-certificate-data", "client-key-data")}
            for name, path in files.items():
                with open(path, "wb") as f:
                    f.write(base64.b64decode(user[name]))
            context.load_cert_chain(*files.values())
        self.headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        self.connection = http.client.HTTPSConnection(address.hostname, address.port, context=context, timeout=30)
        self.kubeconfig, self.paths = kubeconfig, {}

    def call(self, method, path, body=None, kind="application/json"):
        self.connection.request(method, path, body and json.dumps(body), {**self.headers, "Content-Type": kind})
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if "json" in answer.getheader("Content-Type", "") else {"message": text}

    def resource(self, api_version, kind):
        """(path of its group and version, plural, namespaced), or None when the server has no such kind."""
        base = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
        if base not in self.paths:
            status, found = self.call("GET", base)
            if status != 200:
                return None
            self.paths[base] = {r["kind"]: r for r in found["resources"] if "/" not in r["name"]}
        found = self.paths[base].get(kind)
        return found and (base, found["name"], found["namespaced"])

    def put(self, document):
        """Creates an object, or changes the one that is there. Returns the server's complaint, or None."""
        found = self.resource(document["apiVersion"], document["kind"])
        if not found:
            return f"no kind {document['kind']} in {document['apiVersion']}"
        base, plural, namespaced = found
        meta = document["metadata"]
        path = f"{base}/namespaces/{meta.setdefault('namespace', 'default')}/{plural}" if namespaced \
            else f"{base}/{plural}"
        status, answer = self.call("POST", path, document)
        if status == 409:
            status, answer = self.call("PATCH", f"{path}/{meta['name']}", document, "application/merge-patch+json")
        if status in (200, 201) and document.get("status"):
            status, answer = self.call("PATCH", f"{path}/{meta['name']}/status", {"status": document["status"]},
                                       "application/merge-patch+json")
        return None if status in (200, 201) else f"{document['kind']} {meta['name']}: {answer.get('message')}"

    def define(self, definitions):
        refused = [complaint for complaint in map(self.put, definitions) if complaint]
        assert not refused, refused
        for spec in (definition["spec"] for definition in definitions):
            version = f"{spec['group']}/{spec['versions'][0]['name']}"
            wait_until(lambda: self.served(version, spec["names"]["kind"]), 30, f"{version} {spec['names']['kind']} is served")

    def served(self, api_version, kind):
        self.paths.pop(f"/apis/{api_version}", None)
        return self.resource(api_version, kind)

    def load(self, documents):
        """Namespaces that nobody declares are made too, without injection and so without a message of their own."""
        documents = [complete(d) for d in flattened(documents)]
        declared = {d["metadata"]["name"] for d in documents if d["kind"] == "Namespace"}
        used = {d["metadata"].get("namespace", "default") for d in documents} | {"default", "istio-system"}
        quiet = [{"apiVersion": "v1", "kind": "Namespace",
                  "metadata": {"name": name, "labels": {"istio-injection": "disabled"}}}
                 for name in sorted(used - declared)]
        accounts = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}}
                    for name in sorted(used | declared)]
        ordered = sorted(quiet + accounts + documents, key=order)
        return [complaint for complaint in map(self.put, ordered) if complaint]


def order(document):
    """Namespaces and CRDs first; webhooks, which could refuse what follows, last."""
    kind = document["kind"]
    return {"Namespace": 0, "ServiceAccount": 1, "CustomResourceDefinition": 1}.get(
        kind, 3 if kind.endswith("WebhookConfiguration") else 2)


def flattened(documents):
    for document in documents:
        if document and document.get("kind") == "List":
            yield from flattened(document["items"])
        elif document and "kind" in document:
            yield document


def complete(document):
    kind, spec = document["kind"], document.setdefault("spec", {}) or {}
    document["metadata"]["name"] = document["metadata"]["name"].lower()
    if kind in ("Secret", "ConfigMap", "Namespace") or kind.endswith("WebhookConfiguration"):
        document.pop("spec")
    if kind == "Pod":
        document["spec"] = spec
        complete_pod(spec)
    elif kind == "Deployment":
        labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {"sketch": "true"})
        spec["selector"] = {"matchLabels": labels}
        complete_pod(spec["template"].setdefault("spec", {}))
    elif kind == "Service":
        document["spec"] = spec
        if spec.get("type") == "ExternalName":
            spec.setdefault("externalName", "example.com")
        elif not spec.get("ports"):
            spec["ports"] = [{"name": "http", "port": 80}]
        for index, port in enumerate(spec.get("ports") or []):
            port.setdefault("name", "" if len(spec["ports"]) == 1 else f"port-{index}")
            port.pop("nodePort", None)
            if port.get("protocol") not in ("TCP", "UDP", "SCTP"):
                port["protocol"] = "TCP"
    elif kind == "Secret" and document.get("type") == "kubernetes.io/tls" and \
            not {"tls.crt", "tls.key"} <= set(document.get("data") or {}):
        document["type"] = "Opaque"
    elif kind == "ServiceEntry":
        document["spec"] = spec
        spec.setdefault("hosts", ["sketch.example"])
    elif kind == "CustomResourceDefinition":
        document["metadata"].setdefault("annotations", {})["api-approved.kubernetes.io"] = "https://example.com"
    elif kind.endswith("WebhookConfiguration"):
        for hook in document.get("webhooks") or []:
            hook.setdefault("sideEffects", "None")
            hook.setdefault("admissionReviewVersions", ["v1"])
    return document


def complete_pod(spec):
    if not spec.get("containers"):
        spec["containers"] = [{"name": "app"}]
    for index, container in enumerate(spec["containers"] + (spec.get("initContainers") or [])):
        container.setdefault("name", f"app-{index}")
        container.setdefault("image", "app")


def generic_crd(group, version, kind, plural):
    """A definition that takes any object of a kind whose real one we do not ship."""
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}",
                         "annotations": {"api-approved.kubernetes.io": "https://example.com"}},
            "spec": {"group": group, "scope": "Namespaced",
                     "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": kind + "List"},
                     "versions": [{"name": version, "served": True, "storage": True, "subresources": {"status": {}},
                                   "schema": {"openAPIV3Schema": {
                                       "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}}


@contextlib.contextmanager
def server(program, folder):
    port = free_port()
    with open(folder / "log", "w", encoding="utf-8") as log:
        process = subprocess.Popen([program, str(folder), str(port)], stderr=log)
    try:
        wait_until(lambda: process.poll() is not None or os.path.exists(folder / "ready"), 30, "the API server is ready")
        assert process.poll() is None, (folder / "log").read_text()
        yield Api(str(folder / "admin.conf"))
    finally:
        process.terminate()
        process.wait(30)


PREFIXES = ("pods services endpointslices deployments secrets configmaps minions namespaces serviceaccounts "
            "mutatingwebhookconfigurations validatingwebhookconfigurations networking.istio.io security.istio.io "
            "telemetry.istio.io extensions.istio.io gateway.networking.k8s.io").split()


@contextlib.contextmanager
def emptied(kubeconfig, etcd):
    """A server without controllers, which could not take its namespaces away itself. `etcd` is host:port, plain HTTP."""
    connection = http.client.HTTPConnection(etcd, timeout=30)
    for prefix in PREFIXES:
        key, end = (base64.b64encode(f"/registry/{prefix}{last}".encode()).decode() for last in "/0")
        connection.request("POST", "/v3/kv/deleterange", json.dumps({"key": key, "range_end": end}))
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
    api = Api(kubeconfig)
    wait_until(lambda: not api.call("GET", "/api/v1/pods")[1]["items"], 30, "the server has no Pods")
    yield api
