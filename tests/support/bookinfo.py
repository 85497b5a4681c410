# SPDX-License-Identifier: Apache-2.0
"""BookInfo through the gateway: which stars a visitor sees, how often, and how soon after a change.

Place   the end to end tests of routing
"""
import http.client
import math
import re
import threading
import time
from collections import Counter
from urllib.parse import urlencode

SIGMA = 5          # a right share is called wrong once in 1.7 million runs
KINDS = {"none": "v1", "black": "v2", "red": "v3"}


class Visitor:
    """One browser: a kept connection, and a session cookie after sign_in."""

    def __init__(self, gateway):
        self.gateway, self.connection, self.cookie = gateway, None, None

    def request(self, method, path, body=None, headers=None):
        """(status, headers, text). A new connection when there is none; no retries."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection(*self.gateway, timeout=10)
        headers = dict(headers or {})
        if self.cookie:
            headers["Cookie"] = self.cookie
        try:
            self.connection.request(method, path, body=body, headers=headers)
            answer = self.connection.getresponse()
            text = answer.read().decode(errors="replace")
            if answer.getheader("Connection", "").lower() == "close":
                self.close()
            return answer.status, answer.headers, text
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def page(self):
        return self.request("GET", "/productpage")

    def sign_in(self, user):
        body = urlencode({"username": user, "passwd": "x"})
        host = f"{self.gateway[0]}:{self.gateway[1]}"
        status, headers, _ = self.request("POST", "/login", body, {
            "Content-Type": "application/x-www-form-urlencoded", "Referer": f"http://{host}/productpage"})
        assert status == 302, f"login answered {status}"
        self.cookie = headers["Set-Cookie"].split(";")[0]

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def stars(text):
    """'none', 'black', 'red', or what went wrong on the page."""
    for error in ("Error fetching product details", "Error fetching product reviews",
                  "Ratings service is currently unavailable"):
        if error in text:
            return error
    colours = set(re.findall(r"text-(\w+)-500\">\s*<svg", text))
    count = text.count("glyphicon glyphicon-star")
    if "Book Reviews" in text and not colours and count == 0:
        return "none"
    if len(colours) == 1 and count == 9:
        return colours.pop()
    return f"unexpected page: {count} stars, colours {colours}"


def look(gateway, count, user=None, threads=4):
    """Counter of what `count` page views showed."""
    seen, lock = Counter(), threading.Lock()

    def some(share):
        visitor = Visitor(gateway)
        if user:
            visitor.sign_in(user)
        for _ in range(share):
            try:
                status, _, text = visitor.page()
                what = stars(text) if status == 200 else f"status {status}"
            except (OSError, http.client.HTTPException) as e:
                what = f"no answer: {e!r}"
            with lock:
                seen[what] += 1
        visitor.close()

    workers = [threading.Thread(target=some, args=(count // threads + (i < count % threads),))
               for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return seen


def assert_shares(seen, shares):
    """Each kind of stars has its share of the views within SIGMA standard deviations, and nothing else was seen."""
    total = sum(seen.values())
    for what, count in seen.items():
        assert shares.get(what, 0) > 0, f"saw {what!r} {count} times of {total}: {dict(seen)}"
    for what, share in shares.items():
        spread = SIGMA * math.sqrt(total * share * (1 - share))
        assert abs(seen[what] - total * share) <= spread, \
            f"{what}: {seen[what]} of {total}, expected {total * share:.0f} ± {spread:.0f}"


def wait_in_force(gateway, allowed, user=None, seconds=10, quiet=0.5):
    """Waits until only `allowed` kinds are seen for `quiet` seconds; returns seconds until the last other one."""
    visitor = Visitor(gateway)
    if user:
        visitor.sign_in(user)
    started = last_wrong = time.monotonic()
    while time.monotonic() - last_wrong < quiet:
        try:
            status, _, text = visitor.page()
            what = stars(text) if status == 200 else f"status {status}"
        except (OSError, http.client.HTTPException) as e:
            what = f"no answer: {e!r}"
        now = time.monotonic()
        if what not in allowed:
            last_wrong = now
        assert now - started < seconds, f"after {seconds} s still {what!r} instead of {sorted(allowed)}"
    visitor.close()
    return last_wrong - started
