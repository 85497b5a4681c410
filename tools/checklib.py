# SPDX-License-Identifier: Apache-2.0
"""What the checks share: the list of files, the exceptions, and one way to report.

Place   imported by tools/check_*; each of them prints its findings as `path:line: text` and one result line
Limits  an exception in tools/exceptions.txt lets one finding pass up to a value; an unneeded one is a finding
"""
import os
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EXCEPTIONS = "tools/exceptions.txt"


def files(*suffixes, under=("src/", "tests/", "fuzz/", "samples/", "bench/")):
    """Tracked and new files with one of the suffixes, below one of the folders, relative to the top."""
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=TOP, check=True,
                         capture_output=True, text=True).stdout
    return sorted({f for f in out.splitlines()
                   if f.endswith(suffixes) and f.startswith(under) and os.path.isfile(os.path.join(TOP, f))})


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def strip_comments(text):
    """The C text with comments and string contents blanked; positions and line ends stay."""
    out, i, n = [], 0, len(text)
    while i < n:
        c, two = text[i], text[i:i + 2]
        if two == "/*":
            end = text.find("*/", i + 2)
            end = n if end < 0 else end + 2
        elif two == "//":
            end = text.find("\n", i)
            end = n if end < 0 else end
        elif c in "\"'":
            end = i + 1
            while end < n and text[end] != c and text[end] != "\n":
                end += 2 if text[end] == "\\" else 1
            end = min(end + 1, n)
            out.append(c + "".join(ch if ch == "\n" else " " for ch in text[i + 1:end - 1]) + text[end - 1:end])
            i = end
            continue
        else:
            out.append(c)
            i += 1
            continue
        out.append("".join(ch if ch == "\n" else " " for ch in text[i:end]))
        i = end
    return "".join(out)


class Check:
    """One run of one check: collects findings, applies the exceptions, prints and sets the exit code."""

    def __init__(self, name):
        self.name, self.started, self.findings, self.seen = name, time.monotonic(), [], 0
        self.allowed, self.used = {}, set()
        path = os.path.join(TOP, EXCEPTIONS)
        for number, line in enumerate(open(path, encoding="utf-8") if os.path.exists(path) else [], 1):
            words = line.split("#")[0].split()
            if len(words) >= 2 and words[0] == name:
                self.allowed[words[1]] = (int(words[2]) if len(words) > 2 else None, number)

    def find(self, where, text, key=None, value=None):
        """Reports a finding at `where`, unless the exception `key` allows it (up to `value`)."""
        if key in self.allowed:
            self.used.add(key)
            limit = self.allowed[key][0]
            if limit is None or value is None or value <= limit:
                return
            text += f" (the exception allows {limit})"
        self.findings.append(f"{where}: {text}")

    def skip(self, reason):
        print(f"{self.name}: skipped: {reason}")
        sys.exit(0)

    def finish(self, what):
        for key in sorted(set(self.allowed) - self.used):
            self.findings.append(f"{EXCEPTIONS}:{self.allowed[key][1]}: {key} needs no exception any more: remove it")
        for finding in self.findings:
            print(finding)
        took = time.monotonic() - self.started
        state = f"{len(self.findings)} findings" if self.findings else "ok"
        print(f"{self.name}: {state} ({self.seen} {what}, {took:.1f} s)")
        sys.exit(1 if self.findings else 0)
