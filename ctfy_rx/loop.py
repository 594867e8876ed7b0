"""A coroutine on an event loop, from whatever thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from reactivex import abc

from ctfy_rx.errors import LoopClosed

__all__ = ["LoopTask", "running_loop"]


_running: set[asyncio.Task[None]] = set()  # a loop holds its tasks weakly


class LoopTask(abc.DisposableBase):
    """Runs a coroutine on `loop` until it ends or is disposed; both may be asked for from any thread.

    A task that somebody else cancels, as `asyncio.run` does with what is left at its end, tells `on_lost`.
    Raises `LoopClosed` where the loop is closed already.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Callable[[], Coroutine[Any, Any, None]],
        *,
        on_lost: Callable[[LoopClosed], None],
    ) -> None:
        self._loop = loop
        self._coroutine = coroutine
        self._on_lost = on_lost
        self._disposed = False
        self._task: asyncio.Task[None] | None = None
        try:
            self._on_loop(self._start)
        except RuntimeError:
            raise LoopClosed("the event loop that drives the stream is closed") from None

    def dispose(self) -> None:
        """End the coroutine at its next await; returns at once."""
        if self._disposed:
            return  # a second cancellation would interrupt the closing that the first one began
        self._disposed = True
        with suppress(RuntimeError):  # the loop is closed, and the task with it
            self._on_loop(self._cancel)

    def _on_loop(self, action: Callable[[], None]) -> None:
        if running_loop() is self._loop:
            action()
        else:
            self._loop.call_soon_threadsafe(action)

    def _start(self) -> None:
        if not self._disposed:
            self._task = self._loop.create_task(self._run(), name="ctfy_rx")
            _running.add(self._task)
            self._task.add_done_callback(_running.discard)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            await self._coroutine()
        except asyncio.CancelledError:
            if not self._disposed:
                self._on_lost(LoopClosed("the event loop that drove the stream has ended"))
            raise


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread, None if none does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
