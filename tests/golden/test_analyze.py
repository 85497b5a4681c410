# SPDX-License-Identifier: Apache-2.0
"""What `weft analyze` prints for files of our own; UPDATE=1 rewrites what is expected.

  analyze/CASE/   input.yaml [arguments] -> expected.txt

The files are said to be complete, so every analyzer runs. Each code of the table of messages must stand in one of the
expected texts; those that no analyzer tells are named here.
"""
import difflib
import os
import re
import subprocess

import pytest

from test_golden import BUILD, HERE, TOP, cases

WEFT = os.path.join(BUILD, "src/bin/weft")

NO_ANALYZER = {
    "IST0001": "a fault of the tool",
    "IST0141": "told of by an installation", "IST0142": "told of by an installation",
    "IST0143": "needs a look into running pods", "IST0156": "told of by an installation",
    "IST0168": "told of by an upgrade", "IST0169": "told of by an upgrade",
    "IST0170": "compares clusters", "IST0172": "told of by an installation",
}


def printed(case):
    folder = os.path.join(HERE, "analyze", case)
    arguments = []
    if os.path.exists(os.path.join(folder, "arguments")):
        with open(os.path.join(folder, "arguments"), encoding="utf-8") as f:
            arguments = f.read().split()
    done = subprocess.run([WEFT, "analyze", "-A", "--use-kube=false", "--complete", "--color=false", *arguments,
                           "input.yaml"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 79), done.stderr
    return done.stdout


@pytest.mark.parametrize("case", cases("analyze"))
def test_analyze(case):
    made, path = printed(case), os.path.join(HERE, "analyze", case, "expected.txt")
    if os.environ.get("UPDATE"):
        with open(path, "w", encoding="utf-8") as f:
            f.write(made)
    with open(path, encoding="utf-8") as f:
        expected = f.read()
    diff = list(difflib.unified_diff(expected.splitlines(), made.splitlines(), "expected.txt", "made", lineterm=""))
    assert not diff, "\n".join(diff[:200])


def test_every_code_has_a_case():
    with open(os.path.join(TOP, "src/analyze/message_table.h"), encoding="utf-8") as f:
        known = set(re.findall(r'"(IST\d+)"', f.read()))
    told = set()
    for case in cases("analyze"):
        with open(os.path.join(HERE, "analyze", case, "expected.txt"), encoding="utf-8") as f:
            told |= set(re.findall(r"IST\d{4}", f.read()))
    assert known - told == set(NO_ANALYZER)


def test_the_reference_has_the_table_of_messages():
    """docs/reference/analyze.md: each message with its level and its text."""
    with open(os.path.join(TOP, "src/analyze/message_table.h"), encoding="utf-8") as f:
        table = re.sub(r"\s*\\\n\s*", " ", f.read())
    known = [(code, level.capitalize(), "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', texts)).replace('\\"', '"'))
             for code, level, texts in re.findall(r'"(IST\d+)", (\w+), \d+, ((?:"(?:[^"\\]|\\.)*"\s*)+)\)', table)]
    with open(os.path.join(TOP, "docs/reference/analyze.md"), encoding="utf-8") as f:
        listed = re.findall(r"^\| (IST\d+) \| (\w+) \| (.*?) \| .+ \|$", f.read(), re.M)
    assert len(known) == 68 and listed == known
