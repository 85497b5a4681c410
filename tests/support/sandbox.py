# SPDX-License-Identifier: Apache-2.0
"""Sandbox instances of the tests' own: started, asked and taken down by `weft sandbox`.

Place   the end to end tests and the tutorial; WEFT_E2E_NAME names the instance, so that two runs do not meet
"""
import os
import subprocess

from cluster import TOP

NAME = os.environ.get("WEFT_E2E_NAME", "e2e")
WEFT = os.environ.get("WEFT", os.path.join(TOP, "build/bin/weft"))

os.environ.setdefault("WEFT_IMAGES", os.path.join(TOP, "build/images"))


def sandbox(*args, name=NAME, timeout=300, check=True, **options):
    """Runs `weft sandbox ...` for an instance; returns the finished process."""
    done = subprocess.run([WEFT, "sandbox", *args, "--name", name], capture_output=True, text=True, timeout=timeout,
                          **options)
    if check:
        assert done.returncode == 0, f"weft sandbox {' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def sandbox_env(name=NAME):
    """The variables that `weft sandbox env` exports."""
    values = {}
    for line in sandbox("env", name=name).stdout.splitlines():
        if line.startswith("export "):
            key, _, value = line[len("export "):].rstrip(";").partition("=")
            values[key] = value.strip("'\"")
    return values
