# SPDX-License-Identifier: Apache-2.0
"""Debian's docker-registry on a free port of the loopback, for tests that push and pull images."""
import contextlib
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request


@contextlib.contextmanager
def serve(folder):
    """Serves an empty registry whose files lie in `folder`; gives its address."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % probe.getsockname()[1]
    config = os.path.join(folder, "config.yml")
    with open(config, "w", encoding="utf-8") as f:
        f.write(f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{address}'}}\n"
                f"storage: {{filesystem: {{rootdirectory: '{folder}/registry'}}}}\n")
    process = subprocess.Popen(["docker-registry", "serve", config])
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(f"http://{address}/v2/", timeout=10).close()
                break
            except (urllib.error.URLError, ConnectionError):
                assert process.poll() is None and time.monotonic() < deadline, "docker-registry does not answer"
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(20)
