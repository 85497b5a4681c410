# SPDX-License-Identifier: Apache-2.0
"""The tutorial's commands, typed one by one by part_a.sh and part_b.sh, on a cluster without a mesh.

That cluster is the one of WEFT_E2E_KUBECONFIG, or a bare sandbox of the tests' own.
"""
import os
import subprocess

import pytest

from cluster import TOP
from sandbox import NAME, sandbox, sandbox_env

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = 600          # a part takes about a minute


@pytest.fixture
def kubeconfig():
    given = os.environ.get("WEFT_E2E_KUBECONFIG")
    if given:
        yield given
        return
    name = NAME + "-tutorial"
    sandbox("up", "--bare", name=name)
    yield sandbox_env(name)["KUBECONFIG"]
    sandbox("down", name=name)


@pytest.fixture(scope="module")
def download():
    """The folder that a newcomer downloads and unpacks."""
    done = subprocess.run([os.path.join(TOP, "tools/build-dist")], capture_output=True, text=True, timeout=SECONDS, check=True)
    return os.path.join(TOP, done.stdout.split("/")[0])


@pytest.mark.parametrize("part", ["part_a", "part_b"])
def test_tutorial(kubeconfig, download, part):
    """Prints the whole session; the differences stand where they came up."""
    path = os.path.join(download, "bin") + ":" + os.environ["PATH"]
    done = subprocess.run([os.path.join(HERE, part + ".sh"), download], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=SECONDS, env={**os.environ, "KUBECONFIG": kubeconfig, "PATH": path})
    print(done.stdout)
    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if line.startswith("NOT AS"))
