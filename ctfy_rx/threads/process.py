"""Which process this is: a forked child must not touch what its parent holds.

It shares the parent's sockets and has none of its threads, of which one may have held a lock at that moment.
"""

from __future__ import annotations

import os

__all__ = ["this_process"]

_this = object()


def this_process() -> object:
    """Stands for this process: another object in a forked child. `os.getpid` asks the system each time, which
    costs more than an event."""
    return _this


def _forked() -> None:
    global _this  # noqa: PLW0603 - it is what the process is
    _this = object()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
