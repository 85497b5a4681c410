# SPDX-License-Identifier: Apache-2.0
"""Istio's own cases of its analyzers, through our command: what it finds must be what Istio's analyzer finds.

  files      the case's files alone, as the command reads them without a cluster
  complete   the same, said to be complete (--complete): Pods, Services and Namespaces count

A case passes when the messages, as pairs of code and object, are the same; texts, lines and levels are not
compared. ISTIO_SRC names Istio's sources; without it everything is skipped.
"""
import json
import os
import subprocess

import pytest

import istio_cases

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
WEFT = os.environ.get("WEFT", os.path.join(TOP, "build/bin/weft"))
SOURCES = os.environ.get("ISTIO_SRC", "")
CASES = istio_cases.cases(SOURCES) if SOURCES else []

pytestmark = pytest.mark.skipif(not SOURCES, reason="ISTIO_SRC is not set")


def identifiers():
    """The cases' names; those that two cases have get a number."""
    seen = {}
    for case in CASES:
        seen[case.name] = seen.get(case.name, 0) + 1
        yield case.name + (f"-{seen[case.name]}" if seen[case.name] > 1 else "")


EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=list(identifiers()))


def analyze(*arguments, env=None):
    return subprocess.run([WEFT, "analyze", "-A", *arguments], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(env or {})})


def pair(code, origin):
    """Istio's table leaves the namespace out where an object names none; here that is `default`."""
    return code, origin.replace(" default/", " ")


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
