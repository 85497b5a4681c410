# SPDX-License-Identifier: Apache-2.0
"""Istio's own cases of its analyzers, through our command: what it finds must be what Istio's analyzer finds.

  files      the case's files alone, as the command reads them without a cluster
  complete   the same, said to be complete (--complete): Pods, Services and Namespaces count
  live       no files: the objects are in an API server, the sandbox's, one for each case; or in a real one without
             controllers that WEFT_OUTSIDE_KUBECONFIG names, emptied through its etcd at WEFT_OUTSIDE_ETCD (host:port)

A case passes when the messages, as pairs of code and object, are the same; texts, lines and levels are not
compared. ISTIO_SRC names Istio's sources; without it everything is skipped.
"""
import json
import os
import subprocess

import pytest
import yaml

import istio_cases
import live

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
WEFT = os.environ.get("WEFT", os.path.join(TOP, "build/bin/weft"))
APISERVER = os.path.join(os.environ.get("WEFT_BUILD", os.path.join(TOP, "build/dev")), "tests/outside/apiserver")
SOURCES = os.environ.get("ISTIO_SRC", "")
CASES = istio_cases.cases(SOURCES) if SOURCES else []

pytestmark = pytest.mark.skipif(not SOURCES, reason="ISTIO_SRC is not set")


def identifiers():
    """The cases' names; those that two cases have get a number."""
    seen = {}
    for case in CASES:
        seen[case.name] = seen.get(case.name, 0) + 1
        yield case.name + (f"-{seen[case.name]}" if seen[case.name] > 1 else "")


# Cases of objects that no API server takes, so that they cannot be live.
IMPOSSIBLE = {
    "externalControlPlaneMissingWebhooks": "a webhook must have a url or a service",
    "externalControlPlaneMissingWebhooks-2": "a webhook must have a url or a service",
    "virtualServiceDestinationHosts": "a route must have a destination",
    "serviceMultipleDeployments": "the protocol of a Service's port may not be HTTP",
}

EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=list(identifiers()))


def analyze(*arguments, env=None):
    return subprocess.run([WEFT, "analyze", "-A", *arguments], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(env or {})})


def pair(code, origin):
    """Istio's table leaves the namespace out where an object names none; here that is `default`. An API server takes
    names in lower case only."""
    return code, origin.replace(" default/", " ").lower()


def found(*arguments, env=None):
    """Pairs of code and object that the command tells."""
    done = analyze("-o", "json", *arguments, env=env)
    assert done.returncode == 0, done.stderr
    return sorted(pair(m["code"], m["origin"]) for m in json.loads(done.stdout))


def wanted(case):
    return sorted(pair(code, origin) for code, origin in case.expected)


def mesh_networks_file(case, folder):
    """The case's networks as the mesh has them: a key of ConfigMap istio."""
    with open(case.mesh_networks, encoding="utf-8") as f:
        text = f.read()
    path = folder / "networks.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "data": {"meshNetworks": text},
                                "metadata": {"name": "istio", "namespace": "istio-system"}}))
    return str(path)


@EVERY_CASE
@pytest.mark.parametrize("mode", ["files", "complete"])
def test_files(case, mode, tmp_path):
    arguments = ["--use-kube=false", "--analyzer", case.analyzer, *case.files]
    if case.mesh_config:
        arguments += ["--meshConfigFile", case.mesh_config]
    if case.mesh_networks:
        arguments.append(mesh_networks_file(case, tmp_path))
    if mode == "complete":
        arguments.append("--complete")
    told = found(*arguments)
    if not told and wanted(case) and case.analyzer in analyze("-v", *arguments).stderr:
        pytest.skip("this analyzer needs objects of a cluster, as Istio's does")
    assert told == wanted(case)


def gateway_objects(case):
    """The ingress gateway that Istio's cases take for granted, unless the mesh has none."""
    if case.mesh_config and "ingressControllerMode: OFF" in istio_cases.read(case.mesh_config):
        return []
    labels = {"istio": "ingressgateway"}
    ports = [{"name": name, "port": port, "protocol": "TCP"}
             for name, port in (("http2", 80), ("https", 443), ("tcp", 31400), ("tls", 15443))]
    meta = {"namespace": "istio-system", "name": "istio-ingressgateway", "labels": labels}
    return [{"apiVersion": "v1", "kind": "Pod", "metadata": meta,
             "spec": {"containers": [{"name": "istio-proxy", "image": "proxyv2"}]}},
            {"apiVersion": "v1", "kind": "Service", "metadata": dict(meta), "spec": {"ports": ports, "selector": labels}}]


@pytest.fixture(scope="session")
def definitions():
    """The CRDs of Istio as we install them, and stand-ins for those of the Gateway API."""
    done = subprocess.run([WEFT, "manifest", "generate"], capture_output=True, text=True, timeout=60, check=True)
    ours = [d for d in yaml.safe_load_all(done.stdout) if d and d["kind"] == "CustomResourceDefinition"]
    group = "gateway.networking.k8s.io"
    return ours + [live.generic_crd(group, "v1", "Gateway", "gateways"),
                   live.generic_crd(group, "v1", "HTTPRoute", "httproutes"),
                   live.generic_crd(group, "v1", "GRPCRoute", "grpcroutes")]


def api_server(folder):
    kubeconfig = os.environ.get("WEFT_OUTSIDE_KUBECONFIG")
    if kubeconfig:
        return live.emptied(kubeconfig, os.environ["WEFT_OUTSIDE_ETCD"])
    if not os.path.exists(APISERVER):
        pytest.skip(f"{APISERVER} is not built")
    return live.server(APISERVER, folder)


@EVERY_CASE
def test_live(case, definitions, tmp_path, request):
    name = request.node.callspec.id
    if name in IMPOSSIBLE:
        request.applymarker(pytest.mark.xfail(reason=IMPOSSIBLE[name], strict=True))
    documents = gateway_objects(case)
    paths = case.files + ([mesh_networks_file(case, tmp_path)] if case.mesh_networks else [])
    for path in paths:
        documents += yaml.safe_load_all(istio_cases.read(path))
    arguments = ["--analyzer", case.analyzer] + (["--meshConfigFile", case.mesh_config] if case.mesh_config else [])
    with api_server(tmp_path) as api:
        api.define(json.loads(json.dumps(definitions)))
        refused = api.load(documents)
        told = found("--kubeconfig", api.kubeconfig, *arguments)
    assert told == wanted(case), refused
