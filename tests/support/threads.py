"""The library's threads that a test has started: what another test left behind is not blamed on it."""

from __future__ import annotations

import sys
import threading

_before: frozenset[threading.Thread] = frozenset()


def begin() -> None:
    """A test begins: the threads that there are now are not its own."""
    global _before  # noqa: PLW0603 - one test at a time
    _before = frozenset(threading.enumerate())


def started(name: str = "ctfy_rx") -> list[threading.Thread]:
    """The threads whose names begin with `name`, that were started since the test began, and live."""
    return [each for each in threading.enumerate() if each.name.startswith(name) and each not in _before]


def stands_in(thread: threading.Thread, *functions: str) -> bool:
    """Whether one of these functions is what `thread` runs now; one that blocks in C stands in its caller."""
    frame = sys._current_frames().get(thread.ident or 0)
    return frame is None or frame.f_code.co_name in functions


def readers() -> list[threading.Thread]:
    """The threads of this test that read connections."""
    return started("ctfy_rx reader")
