# SPDX-License-Identifier: Apache-2.0
"""Ports for servers that a test starts a moment later."""
import random


def bind_free(s, host):
    """Binds to a free port below those that outgoing connections take, so that none is taken before its server starts."""
    for port in random.sample(range(20000, 32000), 200):
        try:
            s.bind((host, port))
            return port
        except OSError:
            continue
    raise AssertionError("no free port")
