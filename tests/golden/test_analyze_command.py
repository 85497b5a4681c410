# SPDX-License-Identifier: Apache-2.0
"""`weft analyze` as a command: options, what goes to which stream, exit codes. No cluster takes part."""
import json
import os
import subprocess

import pytest

from test_golden import BUILD

WEFT = os.path.join(BUILD, "src/bin/weft")

GATEWAY_MISSING = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [a.example]
  gateways: [nowhere]
  http: [{route: [{destination: {host: a}}]}]
"""
UNVERIFIED = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: db, namespace: shop}
spec: {host: db.example.com, trafficPolicy: {tls: {mode: SIMPLE}}}
"""
GOOD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
MORE = "See https://istio.io/v1.31/docs/reference/config/analysis for more information about causes and resolutions.\n"


@pytest.fixture
def folder(tmp_path):
    files = {"gateway.yaml": GATEWAY_MISSING, "unverified.yml": UNVERIFIED, "good.yaml": GOOD, "notes.txt": "none",
             "broken.yaml": "a: [1\n", "deep/er/gateway.yaml": GATEWAY_MISSING.replace("name: a", "name: deep"),
             "unknown.yaml": "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\n",
             "list.json": json.dumps({"kind": "List", "apiVersion": "v1", "items": [
                 {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "listed"},
                  "spec": {"hosts": ["a"], "gateways": ["nowhere"], "http": [{"route": [{"destination": {"host": "a"}}]}]}}]})}
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def run(folder, *arguments, stdin=""):
    env = {**os.environ, "KUBECONFIG": "/nonexistent"}
    return subprocess.run([WEFT, "analyze", *arguments], cwd=folder, input=stdin, capture_output=True, text=True,
                          timeout=60, env=env)


def files_only(folder, *arguments, **options):
    return run(folder, "--use-kube=false", *arguments, **options)


def codes(done):
    return sorted({word[1:-1] for line in done.stdout.splitlines() for word in line.split()[1:2]})


def test_an_error_makes_79(folder):
    done = files_only(folder, "gateway.yaml")
    assert done.returncode == 79
    assert done.stdout.splitlines()[0] == 'Error [IST0101] (VirtualService default/a gateway.yaml:6) ' \
                                          'Referenced gateway not found: "nowhere"'
    assert done.stderr == "Error: Analyzers found issues when analyzing namespace: default.\n" + MORE


def test_all_namespaces_are_named_so(folder):
    done = files_only(folder, "-A", "gateway.yaml")
    assert (done.returncode, done.stderr) == (79, "Error: Analyzers found issues when analyzing all namespaces.\n" + MORE)


@pytest.mark.parametrize("arguments, code, found", [
    (["-n", "shop"], 0, ["IST0128"]),
    (["-n", "shop", "--failure-threshold", "Warning"], 79, ["IST0128"]),
    (["-n", "shop", "--failure-threshold", "warning", "-o", "json"], 0, None),
    (["-n", "shop", "--output-threshold", "Error"], 0, []),
    (["-n", "shop", "--output-threshold", "Error", "--failure-threshold", "Info"], 79, []),
    (["-n", "other"], 0, []),
    (["-n", "shop", "-S", "IST0128=DestinationRule shop/*"], 0, []),
    (["-n", "shop", "-S", "IST0128=DestinationRule db.shop"], 0, []),
    (["-n", "shop", "-S", "IST0128=DestinationRule other/*"], 0, ["IST0128"]),
    (["-n", "shop", "--analyzer", "virtualservice.GatewayAnalyzer"], 0, []),
    (["-n", "shop", "--analyzer", "no.such"], 0, ["IST0128"]),
])
def test_what_is_told_and_the_exit_code(folder, arguments, code, found):
    done = files_only(folder, *arguments, "unverified.yml")
    assert done.returncode == code, done.stderr
    if found is not None:
        assert codes(done) == found


def test_nothing_found_names_what_was_read(folder):
    done = files_only(folder, "good.yaml")
    assert (done.returncode, done.stdout) == (0, "\n")
    assert done.stderr == "\u2714 No validation issues found when analyzing good.yaml.\n"
    done = files_only(folder, "good.yaml", "unknown.yaml")
    assert done.stderr == "\u2714 No validation issues found when analyzing:\n  - good.yaml\n  - unknown.yaml\n"
    done = files_only(folder)
    assert done.stderr == "\u2714 No validation issues found when analyzing namespace: default.\n"
    done = files_only(folder, "-o", "json", "good.yaml")
    assert json.loads(done.stdout) == []


def test_folders_are_read_with_all_below_them(folder):
    (folder / "broken.yaml").unlink()
    done = files_only(folder, "-A", ".")
    assert done.returncode == 79
    for place in ("./gateway.yaml:6)", "./deep/er/gateway.yaml:6)", "./list.json:1)", "./unverified.yml:"):
        assert place in done.stdout


def test_standard_input_and_other_extensions(folder):
    done = files_only(folder, "-", "notes.txt", stdin=GATEWAY_MISSING)
    assert done.returncode == 79
    assert "(VirtualService default/a -:6)" in done.stdout
    assert "Skipping file notes.txt, recognized file extensions are: [.json .yaml .yml]\n" in done.stderr


def test_files_that_cannot_be_parsed(folder):
    done = files_only(folder, "broken.yaml")
    assert done.returncode == 65
    assert done.stderr.startswith('Error(s) adding files: 1 error occurred:\n\t* errors parsing content "broken.yaml": ')
    assert done.stderr.endswith("No validation issues found when analyzing namespace: default (but 1 file could not be "
                                "parsed).\nError: Some files couldn't be parsed.\n")
    done = files_only(folder, "--ignore-unknown", "broken.yaml")
    assert done.returncode == 0 and "Error: " not in done.stderr
    done = files_only(folder, "broken.yaml", "gateway.yaml")
    assert done.returncode == 79


@pytest.mark.parametrize("name, text", [
    ("aliases", "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9))),
    ("depth", "[" * 5000),
    ("binary", "\x00\x01\x02"),
    ("tab", "a:\n\tb: 1\n"),
    ("twice", "a: 1\na: 2\n"),
])
def test_hostile_yaml_ends_in_an_error_of_its_file(folder, name, text):
    (folder / "hostile.yaml").write_text(text)
    done = files_only(folder, "hostile.yaml")
    assert done.returncode == 65, done.stderr
    assert 'errors parsing content "hostile.yaml": ' in done.stderr


@pytest.mark.parametrize("document", [
    "{}", "[]", "null", "1", "kind: VirtualService", "apiVersion: 1\nkind: 2\nmetadata: 3\nspec: 4",
    "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: []\nspec: []",
    "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: 1, labels: x}\n"
    "spec: {hosts: x, gateways: [1, {}], http: [1, [], {match: x, route: {}}], tcp: {}, exportTo: 1}",
    "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}\n"
    "spec: {selector: [], servers: [1, {hosts: {}, port: x, tls: 1}]}",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {sidecar.istio.io/inject: 1}}\nspec: {containers: {}}",
    "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [1, {name: 2}], selector: 1}",
    "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: a}\nspec: {hosts: [1], ports: [[]]}",
    "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: a}\nspec: {configPatches: [1, {patch: 2}]}",
    "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: 1",
    "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {name: istio-sidecar-injector}\n"
    "webhooks: [1, {name: x, clientConfig: {url: 1, service: x}, namespaceSelector: {matchExpressions: [{}]}}]",
    "kind: List\nitems: [1, {}, {items: [{}]}]",
])
def test_objects_of_wrong_shape_do_no_harm(folder, document):
    (folder / "odd.yaml").write_text(document + "\n")
    done = files_only(folder, "--complete", "-A", "odd.yaml")
    assert done.returncode in (0, 79), done.stderr


@pytest.mark.parametrize("arguments, code, text", [
    (["-o", "xml"], 64, "xml not a valid option for format. See istioctl analyze --help"),
    (["--bogus"], 64, "unknown flag: --bogus"),
    (["--failure-threshold", "Fatal"], 64, "Info, Warning, Error"),
    (["--timeout", "soon"], 64, "--timeout"),
    (["--remote-contexts", "other"], 1, "--remote-contexts"),
    (["nofile.yaml"], 1, "Error: stat nofile.yaml: no such file or directory"),
    (["-S", "x"], 1, "Error: x is not a valid suppression value. See istioctl analyze --help"),
    (["--meshConfigFile", "nofile.yaml"], 1, "nofile.yaml"),
    (["-S", "IST9999=x"], 0, "Warning: Supplied message code 'IST9999' is an unknown message code and will not have any "
                             "effect."),
    (["-R"], 0, ""),
])
def test_options_that_are_wrong(folder, arguments, code, text):
    done = files_only(folder, *arguments)
    assert done.returncode == code, done.stderr
    assert text in done.stderr


def test_the_list_of_analyzers_is_sorted(folder):
    done = run(folder, "-L")
    names = [line[2:-1] for line in done.stdout.splitlines() if line.startswith("* ")]
    assert done.returncode == 0 and names == sorted(names) and len(names) == 51
    assert "schema.ValidationAnalyzer.VirtualService" in names


def test_verbose_says_what_was_skipped(folder):
    done = files_only(folder, "-v", "good.yaml")
    skipped, executed = done.stderr.split("Executed analyzers:\n")
    assert skipped.startswith("Analyzed resources in namespace: default\nSkipped analyzers:\n")
    assert "\t injection.Analyzer\n" in skipped and "\t virtualservice.GatewayAnalyzer\n" in executed
    done = files_only(folder, "-v", "--complete", "good.yaml")
    assert "Skipped" not in done.stderr and "\t injection.Analyzer\n" in done.stderr


def test_colors(folder):
    done = files_only(folder, "--color", "gateway.yaml")
    assert done.stdout.startswith("\x1b[1;31mError\x1b[0m [IST0101]")


def test_without_a_cluster_it_says_so(folder):
    done = run(folder)
    assert done.returncode == 1 and done.stderr.startswith("Error: ")
