# SPDX-License-Identifier: Apache-2.0
"""Rows of requests and expected answers, run against whatever API server a kubeconfig names.

A file of rows is YAML, a list of sections; each section has a `name` and `rows`, which run in order in one namespace of
the section's own. A row:

  name     what it shows
  do       METHOD PATH; {ns} is the section's namespace, {x} what an earlier row kept as x
  type     Content-Type of the body, else application/json
  accept   Accept, else application/json
  headers  further headers
  body     sent as JSON; `text` is sent as it stands, `hex` as those bytes (protobuf)
  code     expected status
  has      expected answer: a subset of the object; lists must have equal length; `~RE` is a regular expression that
           the whole text must match, `absent` means that the member must not be there
  lines    the same for each line of a stream of JSON, in order
  said     the answer as text, or `~RE`
  sent     expected answer headers (name in lower case); a list of all `warning` texts under `warnings`
  keep     {x: path.in.the.answer}: for later rows
  until    true: repeated until it fits, for 20 s (what controllers do)

Place   tests/e2e/test_kube_api.py
Limits  one connection a request; TLS with the kubeconfig's CA and its client certificate or token
"""
import base64
import http.client
import json
import os
import re
import ssl
import tempfile
import time
import urllib.parse

import yaml

UNTIL_S = 20


class Server:
    """The API server that a kubeconfig's current context names."""

    def __init__(self, kubeconfig):
        with open(kubeconfig) as stream:
            config = yaml.safe_load(stream)
        context = self.named(config["contexts"], config["current-context"])["context"]
        cluster = self.named(config["clusters"], context["cluster"])["cluster"]
        user = self.named(config["users"], context["user"])["user"]
        self.url = urllib.parse.urlsplit(cluster["server"])
        self.token = user.get("token")
        self.tls = ssl.create_default_context(cadata=self.pem(cluster, "certificate-authority").decode())
        certificate = self.pem(user, "client-certificate")
        if certificate:
            with tempfile.NamedTemporaryFile(suffix=".pem") as file:
                file.write(certificate + b"\n" + self.pem(user, "client-key"))
                file.flush()
                self.tls.load_cert_chain(file.name)

    @staticmethod
    def named(items, name):
        return next(item for item in items if item["name"] == name)

    @staticmethod
    def pem(entry, key):
        if key + "-data" in entry:
            return base64.b64decode(entry[key + "-data"])
        if key not in entry:
            return None
        with open(entry[key], "rb") as stream:
            return stream.read()

    def call(self, method, path, headers, body):
        """(status, header pairs with names in lower case, body bytes)."""
        connection = http.client.HTTPSConnection(self.url.hostname, self.url.port, context=self.tls, timeout=60)
        if self.token:
            headers = {"Authorization": "Bearer " + self.token, **headers}
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, [(k.lower(), v) for k, v in answer.getheaders()], answer.read()
        finally:
            connection.close()


def fill(value, known):
    """Puts what is known in the place of {name}, in texts anywhere in a tree."""
    if isinstance(value, dict):
        return {fill(k, known): fill(v, known) for k, v in value.items()}
    if isinstance(value, list):
        return [fill(item, known) for item in value]
    if isinstance(value, str):
        for name, text in known.items():
            value = value.replace("{" + name + "}", str(text))
    return value


def text_fits(wanted, seen):
    if wanted.startswith("~"):
        return isinstance(seen, str) and re.fullmatch(wanted[1:], seen, re.S) is not None
    return wanted == seen


def differences(wanted, seen, path=""):
    """What a tree lacks of the wanted one, one text a difference."""
    if isinstance(wanted, dict):
        if not isinstance(seen, dict):
            return [f"{path}: want an object, saw {seen!r:.200}"]
        out = []
        for key, value in wanted.items():
            where = f"{path}.{key}" if path else key
            if value == "absent":
                out += [f"{where}: should be absent, is {seen[key]!r:.200}"] if key in seen else []
            elif key not in seen:
                out.append(f"{where}: is absent, want {value!r:.300}")
            else:
                out += differences(value, seen[key], where)
        return out
    if isinstance(wanted, list):
        if not isinstance(seen, list) or len(seen) != len(wanted):
            return [f"{path}: want {json.dumps(wanted):.600}, saw {json.dumps(seen):.600}"]
        return [line for i, item in enumerate(wanted) for line in differences(item, seen[i], f"{path}[{i}]")]
    fits = text_fits(wanted, seen) if isinstance(wanted, str) else wanted == seen and type(wanted) is type(seen)
    return [] if fits else [f"{path}: want {wanted!r:.600}, saw {seen!r:.600}"]


def path_get(tree, path):
    for step in path.split("."):
        tree = tree[int(step)] if isinstance(tree, list) else tree[step]
    return tree


class Section:
    """What the rows of a section share: the server, the namespace, what was kept."""

    def __init__(self, server, namespace):
        self.server, self.known = server, {"ns": namespace}

    def request(self, row):
        method, _, path = fill(row["do"], self.known).partition(" ")
        headers = {"Accept": row.get("accept", "application/json"), **fill(row.get("headers", {}), self.known)}
        body = None
        if "body" in row:
            body = json.dumps(fill(row["body"], self.known)).encode()
        elif "text" in row:
            body = fill(row["text"], self.known).encode()
        elif "hex" in row:
            body = bytes.fromhex(row["hex"])
        if body is not None:
            headers["Content-Type"] = row.get("type", "application/json")
        return self.server.call(method, path.replace(" ", "%20"), headers, body)

    def judge(self, row, status, headers, body):
        out = [] if status == row["code"] else [f"code: want {row['code']}, saw {status}"]
        text = body.decode("utf-8", "replace")
        if "said" in row and not text_fits(fill(row["said"], self.known), text):
            out.append(f"said: want {row['said']!r}, saw {text!r:.300}")
        try:
            lines = [json.loads(line) for line in text.splitlines()] if "lines" in row else []
            tree = json.loads(text) if text and "said" not in row and "lines" not in row else None
        except ValueError:
            return out + [f"not JSON: {text:.300}"]
        if "lines" in row:
            out += differences(fill(row["lines"], self.known), lines, "line")
        if "has" in row:
            out += differences(fill(row["has"], self.known), tree)
        for name, value in fill(row.get("sent", {}), self.known).items():
            found = [v for k, v in headers if k == ("warning" if name == "warnings" else name)]
            out += differences(value, found if name == "warnings" else ", ".join(found), name)
        if not out:
            for name, path in row.get("keep", {}).items():
                self.known[name] = path_get(tree, path)
        elif "has" in row and status != row["code"]:
            out.append(f"answer: {text:.500}")
        return out

    def run(self, row):
        """The differences, none when the row fits."""
        deadline = time.monotonic() + (UNTIL_S if row.get("until") else 0)
        while True:
            out = self.judge(row, *self.request(row))
            if not out or time.monotonic() >= deadline:
                return out
            time.sleep(0.1)


def load(folder):
    """[(section name, row)] of all files of a folder, in order."""
    out = []
    for file in sorted(os.listdir(folder)):
        if file.endswith(".yaml"):
            with open(os.path.join(folder, file)) as stream:
                out += [(section["name"], row) for section in yaml.safe_load(stream) for row in section["rows"]]
    return out
