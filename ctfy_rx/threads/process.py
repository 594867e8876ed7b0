"""Which process this is: a forked child must not touch what its parent holds.

It shares the parent's sockets and has none of its threads, of which one may have held a lock at that moment.
So it looks at the process before it takes a lock, and gives up its descriptors of those sockets when it
begins: it cannot use them, and nothing that it does, or that is collected in it, can then end the parent's
connection.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from types import TracebackType
from weakref import WeakSet

__all__ = ["OPENED_BEFORE_FORK", "OwnLock", "not_for_children", "this_process"]

OPENED_BEFORE_FORK = (
    "the stream was opened before fork: make one in this process with ctfy_rx.events(...), "
    "for a forked child has none of the threads that read it"
)

_this = object()
_sockets: WeakSet[socket.socket] = WeakSet()
_locks: WeakSet[OwnLock] = WeakSet()


def this_process() -> object:
    """Stands for this process: another object in a forked child. `os.getpid` asks the system each time, which
    costs more than an event."""
    return _this


def not_for_children(sock: socket.socket) -> None:
    """Have a forked child close its descriptor of `sock`; the connection stays as it is."""
    _sockets.add(sock)


class OwnLock:
    """A reentrant lock that a forked child finds free, unless it holds it itself: another thread that did is
    not there."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def begin_anew(self) -> None:
        """In a child, before anything else happens there."""
        if self._lock.acquire(blocking=False):
            self._lock.release()
        else:
            self._lock = threading.RLock()


def _forked() -> None:
    global _this  # noqa: PLW0603 - it is what the process is
    _this = object()
    for lock in tuple(_locks):
        lock.begin_anew()
    for sock in tuple(_sockets):
        with suppress(OSError):
            sock.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
