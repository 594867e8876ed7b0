"""Ports of the loopback that are a test's own, whether a server listens at them or not."""

from __future__ import annotations

import socket

_held: list[socket.socket] = []


def own_port() -> int:
    """A port that nobody else gets until the tests are over, and that refuses connections.

    A server that reuses addresses, as all that are started here do, can listen at it nevertheless, and again
    after it was ended.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _held.append(holder)
    return int(holder.getsockname()[1])
