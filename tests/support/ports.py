# SPDX-License-Identifier: Apache-2.0
"""Ports for servers that a test starts a moment later."""
import random
import socket


def bind_free(s, host):
    """Binds to a free port below those that outgoing connections take, so that none is taken before its server starts."""
    for port in random.sample(range(20000, 32000), 200):
        try:
            s.bind((host, port))
            return port
        except OSError:
            continue
    raise AssertionError("no free port")


def free_port(host="127.0.0.1"):
    """A port that was free a moment ago, for a program that binds it itself."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return bind_free(s, host)


def told_port(path):
    """The port that Envoy chose for its admin interface (port_value 0), out of the file of --admin-address-path."""
    with open(path, encoding="utf-8") as f:
        return int(f.read().rpartition(":")[2])
