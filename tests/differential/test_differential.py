# SPDX-License-Identifier: Apache-2.0
"""A real Envoy and weft-proxy on the same generated bootstraps and requests: same status, headers, bodies, and the
same seen by the upstream.

Each test is one bootstrap (its seed is the parameter) with 20 requests. WEFT_DIFF_CASES sets the number of requests
in all (300), WEFT_DIFF_SEED the first seed (1); WEFT_DIFF_PEER=envoy compares Envoy with itself, which shows what the
comparison itself tolerates.
"""
import os
import random
import socket
import subprocess
import time

import pytest

import generate
from echo import Echo
from ports import bind_free

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
TOOLS = os.environ.get("WEFT_TOOLS_DIR", os.path.join(TOP, ".cache/tools"))
ENVOY = os.environ.get("ENVOY", os.path.join(TOOLS, "bin/envoy"))
PROXY = os.environ.get("WEFT_PROXY", os.path.join(TOP, "build/bin/weft-proxy"))
PER_CONFIG = 20
CONFIGS = (int(os.environ.get("WEFT_DIFF_CASES", "300")) + PER_CONFIG - 1) // PER_CONFIG
FIRST = int(os.environ.get("WEFT_DIFF_SEED", "1"))

# Headers whose value is a time or random: only their presence counts.
PRESENCE = {"date", "x-envoy-upstream-service-time", "x-request-id"}


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        bind_free(s, "127.0.0.1")
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Proxy:
    def __init__(self, program, manager, echo, folder, name):
        self.name, (self.port, admin, dead) = name, free_ports(3)
        path = folder / f"{name}.json"
        path.write_text(generate.with_ports(manager, self.port, admin, echo.ports, dead))
        self.log = open(folder / f"{name}.log", "w+", encoding="utf-8")
        extra = ["--disable-hot-restart", "-l", "error"] if program == ENVOY else []
        self.process = subprocess.Popen([program, "-c", str(path), "--concurrency", "1", *extra], stdout=self.log,
                                        stderr=self.log)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.log.seek(0)
                    raise AssertionError(f"{program} -c {path} does not listen:\n{self.log.read()[-2000:]}") from None
                time.sleep(0.01)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


def read_answer(stream, head_only):
    """(interim statuses, status, headers, body, how it ended) of one answer."""
    interim = []
    while True:
        line = stream.readline()
        if not line:
            return interim, None, [], b"", "closed without an answer"
        status, headers = int(line.split()[1]), []
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name.lower(), value.strip()))
        if status >= 200 or status == 101:
            break
        interim.append(status)
    values = dict(headers)
    if head_only or status in (204, 304):
        return interim, status, headers, b"", "no body"
    if "chunked" in values.get("transfer-encoding", ""):
        body = b""
        while size := int(stream.readline().split(b";")[0] or b"0", 16):
            body += stream.read(size)
            stream.readline()
        stream.readline()
        return interim, status, headers, body, "chunked"
    if "content-length" in values:
        return interim, status, headers, stream.read(int(values["content-length"])), "length"
    return interim, status, headers, stream.read(), "close"


def ask(proxy, request, head_only):
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as s:
        s.settimeout(10)
        s.sendall(request)
        with s.makefile("rb") as stream:
            try:
                return read_answer(stream, head_only)
            except (ConnectionError, TimeoutError) as e:
                return [], None, [], b"", type(e).__name__


def plain(headers):
    """Headers for comparison: by name, the values of one name in their order."""
    out = {}
    for name, value in headers:
        out.setdefault(name, []).append("…" if name in PRESENCE and value else value)
    return out


def loosened(answer, request):
    """Takes out of an answer what weft may do otherwise, and Envoy does only for its own reasons.

    An early answer to a request with a body closes the connection in Envoy; weft reads the body and keeps it. An
    answer of the proxy itself to HEAD says `chunked` in Envoy.
    """
    for attempt in answer["upstream"]:         # an empty body may be framed either way
        if not attempt["body"]:
            for name in ("transfer-encoding", "content-length"):
                attempt["headers"].pop(name, None)
    if not answer["upstream"]:
        if answer["status"] == 400 or answer["headers"].get("grpc-status") == ["13"]:
            answer["headers"].pop("connection", None)
        if b"\r\nContent-Length:" in request or b"chunked" in request.lower():
            answer["headers"].pop("connection", None)
        if request.startswith(b"HEAD "):
            answer["headers"].pop("transfer-encoding", None)
            answer["headers"].pop("content-length", None)
    return answer


def own_addresses():
    """What Envoy may take for the address of a client on loopback: that of the machine."""
    out = subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split()
    return ["127.0.0.1"] + out


OWN = own_addresses()


def seen_plain(attempts, port):
    """What the upstream saw, ready for comparison: the time left for a retry is a matter of luck."""
    for number, attempt in enumerate(attempts):
        headers = plain(attempt["headers"])
        headers.pop("x-case", None)
        if number and "x-envoy-expected-rq-timeout-ms" in headers:
            headers["x-envoy-expected-rq-timeout-ms"] = ["…"]
        if "x-forwarded-for" in headers:
            headers["x-forwarded-for"] = [",".join("OWN" if a in OWN else a for a in v.split(","))
                                          for v in headers["x-forwarded-for"]]
        headers = {name: [v.replace(f":{port}", ":PORT") for v in values] for name, values in headers.items()}
        yield {**attempt, "headers": headers}


def outcome(proxy, echo, request, head_only, case):
    """The answer, and what the upstreams saw, in comparable form; `case` is the request's number, the proxy's is added."""
    mine = f"{case}-{proxy.name}"
    interim, status, headers, body, end = ask(proxy, request.replace(b"x-case: %d\r" % case, f"x-case: {mine}\r".encode()),
                                              head_only)
    answer = {"interim": interim, "status": status, "headers": plain(headers),
              "body": body.decode("latin-1").replace(f"x-case: {mine}", "x-case"), "end": end,
              "upstream": list(seen_plain(echo.take(mine), proxy.port))}
    return loosened(answer, request)


def copies(proxy, echo, case):
    """The mirrored requests of a case, in an order of their own. To them Envoy adds the machine's address as that of a
    proxy, which weft does not."""
    seen = list(seen_plain(echo.mirrored.get(f"{case}-{proxy.name}", []), proxy.port))
    for attempt in seen:
        attempt["headers"].pop("x-forwarded-for", None)
    return sorted(loosened({"upstream": seen, "status": None, "headers": {}}, b"")["upstream"], key=str)


def compare_copies(proxies, echo):
    """(number, differences) of the cases whose copies differ, once as many came from both proxies, or a time later."""
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        counts = [[len(echo.mirrored.get(f"{n}-{p.name}", [])) for n in range(PER_CONFIG)] for p in proxies]
        if counts[0] == counts[1]:
            break
        time.sleep(0.01)
    for number in range(PER_CONFIG):
        one, other = (copies(proxy, echo, number) for proxy in proxies)
        if different := differences(one, other, "copies"):
            yield number, different


def differences(one, other, path=""):
    """(path, Envoy's, the other's) of every leaf that differs."""
    if one == other:
        return []
    if isinstance(one, dict) and isinstance(other, dict):
        return [d for key in {**one, **other} for d in differences(one.get(key), other.get(key), f"{path}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [d for i, pair in enumerate(zip(one, other)) for d in differences(*pair, f"{path}[{i}]")]
    return [(path.lstrip("."), str(one)[:400], str(other)[:400])]


@pytest.fixture(scope="module")
def echo():
    echo = Echo(4, mirrors=1)
    yield echo
    echo.stop()


@pytest.mark.parametrize("seed", range(FIRST, FIRST + CONFIGS))
def test_same_as_envoy(seed, echo, tmp_path):
    other = ENVOY if os.environ.get("WEFT_DIFF_PEER") == "envoy" else PROXY
    for program in (ENVOY, other):
        if not os.path.exists(program):
            pytest.skip(f"{program} is missing: tools/install-deps test, make build")
    echo.mirrored.clear()
    rng = random.Random(seed)
    manager = generate.bootstrap(rng)
    requests = [generate.request(rng, number) for number in range(PER_CONFIG)]
    proxies, found = [], []
    try:
        proxies.append(Proxy(ENVOY, manager, echo, tmp_path, "envoy"))
        proxies.append(Proxy(other, manager, echo, tmp_path, "other"))
        for number, (request, head_only) in enumerate(requests):
            answers = [outcome(proxy, echo, request, head_only, number) for proxy in proxies]
            if different := differences(*answers):
                found.append((number, request, different))
        found += [(number, requests[number][0], different) for number, different in compare_copies(proxies, echo)]
        assert proxies[1].process.poll() is None, "the proxy died"
    finally:
        for proxy in proxies:
            proxy.stop()
    for number, request, different in found:
        print(f"\nseed {seed}, request {number}:\n{request[:500].decode('latin-1')}")
        for path, envoy, weft in different:
            print(f"  {path}:\n    envoy {envoy}\n    weft  {weft}")
    if found:
        print(f"\nconfiguration: {tmp_path}/other.json")
    assert not found, f"{len(found)} of {len(requests)} requests came out differently"
