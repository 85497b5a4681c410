# SPDX-License-Identifier: Apache-2.0
"""Golden tests: what a pure function makes of an input equals the file beside it; UPDATE=1 rewrites that file.

  translate/CASE/   input.yaml scope.yaml -> expected.json, which weft-proxy and a real Envoy that rejects unknown fields accept
  inject/CASE/      input.yaml (pod)      -> expected.json
"""
import difflib
import json
import os
import subprocess

import pytest

import proxy_accepts
from envoy_accepts import complaints

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(os.path.join(HERE, "../.."))
TOOLS = os.environ.get("WEFT_TOOLS_DIR", os.path.join(TOP, ".cache/tools"))
ENVOY = os.environ.get("ENVOY", os.path.join(TOOLS, "bin/envoy"))
BUILD = os.environ.get("WEFT_BUILD", os.path.join(TOP, "build/dev"))


def cases(area):
    folder = os.path.join(HERE, area)
    return sorted(name for name in os.listdir(folder) if os.path.isdir(os.path.join(folder, name))) \
        if os.path.isdir(folder) else []


def made(area, case):
    """What the program makes of the case; it is compared with, or written to, expected.json."""
    program, folder = os.path.join(BUILD, "tests/golden", area + "_dump"), os.path.join(HERE, area, case)
    if not os.path.exists(program):
        pytest.skip(f"{program} is not built")
    done = subprocess.run([program, folder], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    path = os.path.join(folder, "expected.json")
    if os.environ.get("UPDATE"):
        with open(path, "w", encoding="utf-8") as f:
            f.write(done.stdout)
    with open(path, encoding="utf-8") as f:
        expected = f.read()
    diff = list(difflib.unified_diff(expected.splitlines(), done.stdout.splitlines(), "expected.json", "made", lineterm=""))
    assert not diff, "\n".join(diff[:200])
    return json.loads(done.stdout)


@pytest.mark.parametrize("case", cases("inject"))
def test_inject(case):
    made("inject", case)


@pytest.mark.parametrize("case", cases("translate"))
def test_translate(case, tmp_path):
    resources = made("translate", case)
    proxy = os.path.join(BUILD, "src/bin/weft-proxy")
    if os.path.exists(proxy):
        assert not (found := proxy_accepts.complaints(proxy, resources, tmp_path)), found
    if not os.path.exists(ENVOY):
        pytest.skip(f"{ENVOY} is missing: tools/install-deps test")
    assert not (found := complaints(ENVOY, resources, tmp_path)), "\n".join(found)
