"""What the tests of streams wait with: conditions with a deadline, never a sleep for luck."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

PATIENCE = 10.0


def until(holds: Callable[[], object]) -> None:
    """Return once `holds`; fail after `PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.002)


async def soon(holds: Callable[[], object]) -> None:
    """`until`, for coroutines."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.002)


def readers() -> list[threading.Thread]:
    """The threads that read connections now."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("ctfy_rx reader")]


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

    def join(self) -> Any:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "it did not end in time"
        if self._error is not None:
            raise self._error
        return self._result


def names(events: Iterable[Any]) -> list[str]:
    return [event.event for event in events]
