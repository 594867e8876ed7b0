"""A coroutine on an event loop, from whatever thread; several together."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from reactivex import abc, typing
from reactivex.disposable import Disposable, SingleAssignmentDisposable
from reactivex.scheduler.eventloop import AsyncIOScheduler

from ctfy_rx.errors import LoopClosed

__all__ = [
    "LoopScheduler",
    "LoopTask",
    "ended",
    "on_loop",
    "refuse_coroutine_functions",
    "running_loop",
    "together",
]

T = TypeVar("T")

_running: set[asyncio.Task[None] | None] = set()  # a loop holds its tasks weakly


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
            on_loop(self._loop, self._start)
        except RuntimeError:
            raise LoopClosed("the event loop that drives the stream is closed") from None

    def dispose(self) -> None:
        """End the coroutine at its next await; returns at once."""
        if self._disposed:
            return  # a second cancellation would interrupt the closing that the first one began
        self._disposed = True
        self.interrupt()

    def interrupt(self) -> None:
        """Cancel what the coroutine awaits; it may go on, if it knows why."""
        try:
            on_loop(self._loop, self._cancel)
        except RuntimeError:  # the loop is closed: nobody will end the task, so let it be collected
            _running.discard(self._task)

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


class LoopScheduler(AsyncIOScheduler):
    """Work on `loop`, scheduled and cancelled from any thread without waiting for the loop.

    reactivex's own thread-safe scheduler, disposed on another loop, blocks until this one has time.

    `room`, if there is one, is awaited by sources that can wait, before they give more: it returns when there
    is room for it.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, room: Callable[[], Coroutine[Any, Any, None]] | None = None
    ) -> None:
        super().__init__(loop)
        self.room = room

    def schedule(self, action: typing.ScheduledAction[T], state: T | None = None) -> abc.DisposableBase:
        """Schedule `action` for now."""
        return self.schedule_relative(0.0, action, state)

    def schedule_relative(
        self, duetime: typing.RelativeTime, action: typing.ScheduledAction[T], state: T | None = None
    ) -> abc.DisposableBase:
        """Schedule `action` for `duetime` (seconds, or a timedelta) from now."""
        due = self._loop.time() + self.to_seconds(duetime)
        scheduled = SingleAssignmentDisposable()
        timers: list[asyncio.TimerHandle] = []

        def begin() -> None:
            if not scheduled.is_disposed:
                timers.append(self._loop.call_at(due, act))

        def act() -> None:
            if not scheduled.is_disposed:
                scheduled.disposable = self.invoke_action(action, state=state)

        def cancel() -> None:
            for timer in timers:
                timer.cancel()

        def dispose() -> None:
            scheduled.dispose()
            with suppress(RuntimeError):  # the loop is closed
                on_loop(self._loop, cancel)

        on_loop(self._loop, begin)
        return Disposable(dispose)


def on_loop(loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> None:
    """Call `action` on `loop`: now if this is its thread, else soon. Raises RuntimeError if it is closed."""
    if running_loop() is loop:
        action()
    else:
        loop.call_soon_threadsafe(action)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread, None if none does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def refuse_coroutine_functions(*functions: object) -> None:
    """Raise TypeError if one of them is a coroutine function: a callback that nobody awaits never runs."""
    if any(map(_is_coroutine_function, functions)):
        raise TypeError(
            "subscribe() calls plain functions: for a coroutine write `await stream.each(handler)`, "
            "or `async for item in to_async_iter(observable)`"
        )


def _is_coroutine_function(function: object) -> bool:
    called = getattr(type(function), "__call__", None)  # noqa: B004 - not whether, but what is called
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


async def together(*works: Awaitable[None]) -> None:
    """Do all `works` until the first ends, then end the others; raises what it raises."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await ended(*tasks)
    for task in done:
        task.result()


async def ended(*tasks: asyncio.Future[Any]) -> None:
    """Cancel `tasks`, and wait for their ends, however often we are cancelled meanwhile: they may hold
    sockets."""
    cancelled: asyncio.CancelledError | None = None
    for task in tasks:
        task.cancel()
    while left := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(left)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
