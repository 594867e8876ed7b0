"""How far long work is, shown where somebody looks: on a terminal, or in a notebook's cell."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from html import escape
from importlib import import_module
from types import TracebackType
from typing import Any, Self

__all__ = ["Progress"]

_SOON = 0.5  # seconds: what is done sooner needs no bar
_EVERY = 0.2
_WIDTH = 30  # characters


class Progress:
    """A bar for `what`, which appears when it takes a while, and vanishes at its end.

    `shown` None: where standard error is a terminal, or in a notebook. `clock` counts seconds.
    """

    def __init__(
        self, what: str, *, shown: bool | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._what = what
        self._clock = clock
        self._show = _nowhere if shown is False else _place(force=shown is True)
        self._began = clock()
        self._next = self._began + _SOON
        self._shows = False

    def at(self, done: float, total: float) -> None:
        """So much of `total` is done."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + _EVERY
        self._shows = True
        share = min(done / total, 1.0) if total else 0.0
        left = (now - self._began) * (1 - share) / share if share else 0.0
        self._show(self._what, share, left)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shows:
            self._show(self._what, None, 0.0)


Show = Callable[[str, float | None, float], None]
"""Shows a share that is done, and how many seconds are left; None takes it away again."""


def _place(*, force: bool) -> Show:
    return _notebook() or (_terminal if force or _is_terminal() else _nowhere)


def _nowhere(what: str, share: float | None, left: float) -> None: ...


def _is_terminal() -> bool:
    stream: Any = sys.stderr  # None where the caller has closed it
    return stream is not None and stream.isatty()


def _terminal(what: str, share: float | None, left: float) -> None:
    if share is None:
        sys.stderr.write("\r\x1b[K")
    else:
        done = round(share * _WIDTH)
        bar = "━" * done + "─" * (_WIDTH - done)
        sys.stderr.write(f"\r\x1b[K{what} {bar} {share:4.0%}, {left:.0f} s left")
    sys.stderr.flush()


def _notebook() -> Show | None:
    """In the cell that runs, by a display with an id: it is updated in its place."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    shown_as: Any = import_module("IPython.display")
    handle: Any = None

    def show(what: str, share: float | None, left: float) -> None:
        nonlocal handle
        html = shown_as.HTML(
            ""
            if share is None
            else f"{escape(what)} <progress value='{share:.3f}'></progress> {share:.0%}, {left:.0f} s left"
        )
        if handle is None:
            handle = shown_as.display(html, display_id=True)
        else:
            handle.update(html)

    return show
