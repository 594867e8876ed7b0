"""What the tests wait with: conditions with one patience for all, never a sleep for luck."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

PATIENCE = 30.0
"""How many seconds anything may take, on a machine that is busy with something else. What has to happen at
once is shown by what it comes before, never by a clock."""

SILENCE = 100 * PATIENCE
"""Seconds between the comments of a platform on which nothing happens: what ends there ends by itself, and
not with the next thing that it hears."""


def until(holds: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """True once `holds`; fails after `seconds`."""
    assert comes_true(holds, seconds), f"it did not come true within {seconds} s"
    return True


def comes_true(holds: Callable[[], object], seconds: float) -> bool:
    """Whether `holds` within `seconds`; returns as soon as it does."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


async def soon(holds: Callable[[], object]) -> None:
    """`until`, for coroutines."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"it did not come true within {PATIENCE} s"
        await asyncio.sleep(0.002)


class Background:
    """`work` on a thread of its own; `join` waits for it, and returns or raises what it did."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001 - `join` raises it
            self._error = error

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def join(self) -> Any:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "it did not end in time"
        if self._error is not None:
            raise self._error
        return self._result


def names(events: Iterable[Any]) -> list[str]:
    return [event.event for event in events]
