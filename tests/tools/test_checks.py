# SPDX-License-Identifier: Apache-2.0
"""The checks find what they are there to find: each case plants one fault in a small tree of its own."""
import os
import shutil
import subprocess

import pytest

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
GOOD_H = """/* SPDX-License-Identifier: Apache-2.0 */
/* A thing.
 */
#ifndef WEFT_BASE_THING_H
#define WEFT_BASE_THING_H
int thing_count(int a);
#endif
"""
GOOD_C = """/* SPDX-License-Identifier: Apache-2.0 */
/* A thing, counted.
 */
#include "base/thing.h"

int thing_count(int a)
{
    return a;
}
"""


@pytest.fixture
def tree(tmp_path):
    """A repository with one clean folder, and the real tools."""
    for name in os.listdir(os.path.join(TOP, "tools")):
        if name.startswith("check"):
            os.makedirs(tmp_path / "tools", exist_ok=True)
            shutil.copy(os.path.join(TOP, "tools", name), tmp_path / "tools")
    shutil.copy(os.path.join(TOP, ".clang-format"), tmp_path)
    files = {"src/LAYERS": "base:\nwire: base\nproxy: wire\n", "src/base/thing.h": GOOD_H, "src/base/thing.c": GOOD_C,
             "src/base/meson.build": "# SPDX-License-Identifier: Apache-2.0\nx = files('thing.c')\n",
             "src/base/README.md": "base\n"}
    for path, text in files.items():
        write(tmp_path, path, text)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def write(tree, path, text):
    os.makedirs(os.path.dirname(tree / path), exist_ok=True)
    (tree / path).write_text(text)


def run(tree, check):
    done = subprocess.run([tree / "tools" / check], cwd=tree, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


CHECKS = ["check_tree", "check_layers", "check_banned", "check_sizes", "check_format", "check_headers"]


@pytest.mark.parametrize("check", CHECKS)
def test_clean_tree_passes(tree, check):
    code, out = run(tree, check)
    assert code == 0 and ": ok (" in out, out


def body(text):
    return GOOD_C.replace("    return a;\n", text)


LONG = body("".join(f"    a += {i};\n" for i in range(80)) + "    return a;\n")
TANGLED = body("".join(f"    if (a == {i})\n        a++;\n" for i in range(16)) + "    return a;\n")


@pytest.mark.parametrize("check, path, text, said", [
    ("check_tree", "src/base/thing.c", GOOD_C.split("\n", 1)[1], "has no SPDX line"),
    ("check_tree", "src/base/dead.c", GOOD_C, "src/base/dead.c: is in no meson.build"),
    ("check_layers", "src/base/thing.c", GOOD_C.replace("base/thing.h", "wire/json.h"), "base may not use wire"),
    ("check_layers", "src/base/thing.c", GOOD_C.replace('"base/thing.h"', "<openssl/ssl.h>"), "<openssl/ssl.h> is seen"),
    ("check_layers", "src/base/thing.c", GOOD_C.replace("base/thing.h", "thing.h"), "write includes from src/"),
    ("check_banned", "src/base/thing.c", body("    return atoi(0);\n"), "src/base/thing.c:8: atoi() is banned"),
    ("check_banned", "src/proxy/thing.c", body("    return time(0);\n"), "time() belongs to src/base/"),
    ("check_sizes", "src/base/thing.c", LONG, "thing_count() has 84 lines"),
    ("check_sizes", "src/base/thing.c", TANGLED, "thing_count() has McCabe 17"),
    ("check_sizes", "src/base/thing.c", body("    return a; /* " + "x" * 90 + " */\n"), "columns, at most 100"),
    ("check_sizes", "src/base/thing.c", GOOD_C.replace("int a)", "int a, " + ", ".join(f"int b{i}" for i in range(7)) + ")"),
     "has 8 parameters"),
    ("check_sizes", "src/base/thing.h", GOOD_H + "\n" * 400, "lines, at most 400"),
    ("check_format", "src/base/thing.c", body("  return a;\n"), "is not formatted"),
    ("check_headers", "src/base/thing.h", GOOD_H.replace("int a", "size_t a"), "unknown type name"),
])
def test_fault_is_found(tree, check, path, text, said):
    write(tree, path, text)
    code, out = run(tree, check)
    assert code == 1 and said in out, out


@pytest.mark.parametrize("path, target, said", [
    ("src/wire/pure/thing.c", "wire/thing.h", "wire/pure may not use wire "),    # the inner folder has a line of its own
    ("src/wire/thing.c", "wire/pure/thing.h", None),
    ("src/proxy/thing.c", "wire/pure/thing.h", None),                            # who may use the outer may use the inner
    ("src/base/thing.c", "wire/pure/thing.h", "base may not use wire/pure "),
])
def test_a_folder_within_a_folder_has_its_own_line(tree, path, target, said):
    write(tree, "src/LAYERS", "base:\nwire: base\nwire/pure: base\nproxy: wire\n")
    write(tree, path, GOOD_C.replace("base/thing.h", target))
    code, out = run(tree, "check_layers")
    assert (code == 0) if said is None else (code == 1 and said in out), out


def test_words_in_comments_and_strings_are_not_calls(tree):
    write(tree, "src/base/thing.c", body('    /* atoi(x) and strcpy(y) */\n    return "sprintf(z)"[a];\n'))
    assert run(tree, "check_banned")[0] == 0


def test_exceptions_only_shrink(tree):
    write(tree, "src/base/thing.c", LONG)
    write(tree, "tools/exceptions.txt", "check_sizes src/base/thing.c:thing_count 84  # a table\n")
    assert run(tree, "check_sizes")[0] == 0
    write(tree, "tools/exceptions.txt", "check_sizes src/base/thing.c:thing_count 83\n")
    code, out = run(tree, "check_sizes")
    assert code == 1 and "the exception allows 83" in out
    write(tree, "src/base/thing.c", GOOD_C)
    code, out = run(tree, "check_sizes")
    assert code == 1 and "needs no exception any more" in out
