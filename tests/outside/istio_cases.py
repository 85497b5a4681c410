# SPDX-License-Identifier: Apache-2.0
"""Reads the cases of Istio's analyzers out of its sources: which files, which analyzer, which messages.

  cases(SOURCES)   every case of the table in analyzers_test.go, in order

Place   test_analyze.py; the sources lie where ISTIO_SRC says and are never part of this tree
Limits  reads the table's text, not Go: a case is what stands between two `name:` keys
"""
import collections
import os
import re

FOLDER = "pkg/config/analysis"

Case = collections.namedtuple("Case", "name files mesh_config mesh_networks analyzer expected")


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


def message_codes(sources):
    """Name of a message -> its code, from the list of messages."""
    text = read(sources, FOLDER, "msg/messages.yaml")
    return dict(re.findall(r'- name: "(\w+)"\s+code: (IST\d+)', text))


def analyzer_names(sources):
    """package.Type -> the analyzer's name, from the Metadata method of each type."""
    names, folder = {}, os.path.join(sources, FOLDER, "analyzers")
    for package in os.listdir(folder):
        for file in os.listdir(os.path.join(folder, package)) if os.path.isdir(os.path.join(folder, package)) else []:
            if not file.endswith(".go") or file.endswith("_test.go"):
                continue
            text = read(folder, package, file)
            for kind, name in re.findall(r'func \((?:\w+ )?\*(\w+)\) Metadata\(\).*?Name:\s+"([^"]+)"', text, re.S):
                names[re.search(r"^package (\w+)", text, re.M).group(1) + "." + kind] = name
    return names


def one_case(text, codes, names, folder):
    def field(pattern):
        found = re.search(pattern, text)
        return found.group(1) if found else None

    inputs = re.search(r"inputFiles:\s*\[\]string\{(.*?)\}", text, re.S).group(1)
    schema = field(r"analyzer:\s*schema\w*\.\w+\(collections\.(\w+)")
    mesh, networks = field(r'meshConfigFile:\s*"([^"]+)"'), field(r'meshNetworksFile:\s*"([^"]+)"')
    expected = [(codes[kind], origin) for kind, origin in re.findall(r'\{msg\.(\w+),\s*"([^"]*)"\}', text)]
    return Case(name=re.match(r'\s*"([^"]+)"', text).group(1),
                files=[os.path.join(folder, path) for path in re.findall(r'"([^"]+)"', inputs)],
                mesh_config=mesh and os.path.join(folder, mesh),
                mesh_networks=networks and os.path.join(folder, networks),
                analyzer=f"schema.ValidationAnalyzer.{schema}" if schema
                else names[field(r"analyzer:\s*&([\w.]+)\{")],
                expected=sorted(expected))


def cases(sources):
    codes, names = message_codes(sources), analyzer_names(sources)
    folder = os.path.join(sources, FOLDER, "analyzers")
    text = read(folder, "analyzers_test.go")
    table = text[text.index("var testGrid"):text.index("\n}\n", text.index("var testGrid"))]
    table = re.sub(r"^\s*//.*$", "", table, flags=re.M)
    return [one_case(part, codes, names, folder) for part in re.split(r"\bname:", table)[1:]]
