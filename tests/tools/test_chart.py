# SPDX-License-Identifier: Apache-2.0
"""deploy/helm/weft against `weft manifest generate`: the same objects, field by field, for every profile.

What helm renders and what install/ builds are two programs over one set of defaults. Texts that hold JSON or YAML
(ConfigMaps, PROXY_CONFIG) are compared by what they mean.
"""
import json
import os
import re
import subprocess

import pytest
import yaml

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
CHART = os.path.join(TOP, "deploy/helm/weft")
WEFT = os.path.join(TOP, "build/bin/weft")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)      # the C one reads the CRDs ten times as fast
PROFILES = sorted(re.match(r"profile-(.*)\.yaml", name).group(1) for name in os.listdir(os.path.join(CHART, "files")))

CASES = [(profile, []) for profile in PROFILES] + [
    ("default", ["global.hub=registry.example/mesh", "global.tag=1.2.3", "global.imagePullPolicy=Always"]),
    ("default", ["revision=canary"]),
    ("demo", ["revision=default", "meshConfig.accessLogEncoding=JSON", "meshConfig.defaultConfig.concurrency=1"]),
    ("minimal", ["pilot.autoscaleMax=9", "pilot.cpu.targetAverageUtilization=60", "pilot.env.LOG=debug"]),
    ("minimal", ["pilot.autoscaleEnabled=false", "pilot.replicaCount=3", "pilot.resources.requests.cpu=1"]),
    ("empty", ["gateways.istio-egressgateway.enabled=true", "gateways.istio-egressgateway.type=NodePort"]),
    ("default", ["gateways.istio-ingressgateway.loadBalancerIP=192.0.2.1",
                 "gateways.istio-ingressgateway.externalTrafficPolicy=Local",
                 r"gateways.istio-ingressgateway.serviceAnnotations.service\.beta\.kubernetes\.io/internal=yes",
                 "gateways.istio-ingressgateway.loadBalancerSourceRanges={192.0.2.0/24,198.51.100.0/24}"]),
    ("default", ["gateways.shop.namespace=shop", "gateways.shop.labels.istio=shop", "gateways.shop.type=ClusterIP",
                 "gateways.exit.kind=egress", "gateways.exit.enabled=true", "gateways.exit.autoscaleEnabled=false"]),
    ("default", [r"pilot.nodeSelector.kubernetes\.io/os=linux", "global.imagePullSecrets={one,two}",
                 "global.meshID=m1", r"pilot.podAnnotations.example\.org/a=b"]),
]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def meaning(value):
    """Texts that hold a mapping become that mapping; the rest stays."""
    if isinstance(value, dict):
        return {key: meaning(item) for key, item in value.items()}
    if isinstance(value, list):
        return [meaning(item) for item in value]
    if isinstance(value, str) and ("\n" in value or value.startswith("{")):
        parsed = yaml.load(value, LOADER)
        return meaning(parsed) if isinstance(parsed, (dict, list)) else value
    return value


def by_name(text):
    objects = [o for o in yaml.load_all(text, LOADER) if o and o["kind"] != "CustomResourceDefinition"]
    table = {(o["apiVersion"], o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]): meaning(o)
             for o in objects}
    assert len(table) == len(objects), "an object is there twice"
    return table


def differences(path, ours, charts):
    if type(ours) is not type(charts):
        yield f"{path}: install {ours!r}, chart {charts!r}"
    elif isinstance(ours, dict):
        for key in ours.keys() | charts.keys():
            yield from differences(f"{path}.{key}", ours.get(key), charts.get(key))
    elif isinstance(ours, list) and len(ours) == len(charts):
        for i, pair in enumerate(zip(ours, charts)):
            yield from differences(f"{path}[{i}]", *pair)
    elif ours != charts:
        yield f"{path}: install {ours!r}, chart {charts!r}"


def sets(profile, settings, prefix):
    words = ["--set", f"profile={profile}"]
    for setting in settings:
        words += ["--set", setting if setting.startswith(("meshConfig.", "revision=")) else prefix + setting]
    return words


@pytest.mark.parametrize("profile,settings", CASES)
def test_chart_renders_what_install_builds(profile, settings):
    charts = by_name(run("helm", "template", "weft", CHART, "-n", "istio-system", *sets(profile, settings, "")))
    ours = by_name(run(WEFT, "manifest", "generate", *sets(profile, settings, "values.")))
    assert sorted(map(str, ours)) == sorted(map(str, charts))
    found = [line for name in ours for line in differences(" ".join(map(str, name)), ours[name], charts[name])]
    assert not found, "\n".join(sorted(found))


def test_another_namespace():
    """weftd looks for the injector's configuration under a name that ends in its namespace, unless that is Istio's."""
    text = run("helm", "template", "weft", CHART, "-n", "mesh", "--set", "profile=demo", "--set", "revision=r")
    assert "istio-system" not in text
    names = {(o["kind"], o["metadata"]["name"]) for o in yaml.load_all(text, LOADER) if o}
    assert ("MutatingWebhookConfiguration", "istio-sidecar-injector-r-mesh") in names
    assert ("ValidatingWebhookConfiguration", "istio-validator-r-mesh") in names
    assert ("ClusterRole", "istiod-clusterrole-r-mesh") in names


def test_profiles_are_those_of_the_cli():
    listed = run(WEFT, "profile", "list")
    assert sorted(line.strip() for line in listed.splitlines()[1:]) == PROFILES


@pytest.mark.parametrize("setting", ["pilot.nonsense=1", "pilot.autoscaleMax=many", "profile=nosuch", "bogus=1",
                                     "gateways.istio-ingressgateway.type=Nothing",
                                     "gateways.shop.kind=mesh"])
def test_both_refuse(setting):
    for command in (["helm", "template", "weft", CHART], [WEFT, "manifest", "generate"]):
        word = setting if command[0] == "helm" or setting.startswith(("profile", "bogus")) else "values." + setting
        done = subprocess.run([*command, "--set", word], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0, command
        assert setting.split("=")[0].split(".")[-1] in done.stderr or "nosuch" in done.stderr


def test_version_is_the_project_s():
    with open(os.path.join(CHART, "Chart.yaml"), encoding="utf-8") as f:
        chart = yaml.safe_load(f)
    shown = json.loads(run(WEFT, "version", "--remote=false", "-o", "json"))["clientVersion"]["version"]
    assert chart["version"] == chart["appVersion"] == shown
