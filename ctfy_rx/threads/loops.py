"""A coroutine on an event loop, from whatever thread; several together."""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from reactivex import abc, typing
from reactivex.disposable import Disposable, SerialDisposable, SingleAssignmentDisposable
from reactivex.scheduler.eventloop import AsyncIOScheduler

from ctfy_rx.errors import LoopClosed
from ctfy_rx.program_log import program_log as _log
from ctfy_rx.threads.process import this_process

__all__ = [
    "Drive",
    "LoopScheduler",
    "LoopTask",
    "ended",
    "loop_of",
    "on_loop",
    "running_loop",
    "together",
]

T = TypeVar("T")


_YEARS = 3e8  # seconds
_ENDED = "the event loop that drove the stream has ended: whoever subscribes next opens the stream anew"


class LoopTask(abc.DisposableBase):
    """Runs a coroutine on `loop` until it ends or is disposed; both may be asked for from any thread.

    A task that somebody else cancels, as `asyncio.run` does with what is left at its end, tells `on_lost`,
    and so does one whose loop is closed over its head. That one cannot clean up after itself, so
    `left_behind` is called for it, also after `dispose`. Raises `LoopClosed` where the loop is closed
    already.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Callable[[], Coroutine[Any, Any, None]],
        *,
        on_lost: Callable[[LoopClosed], None],
        left_behind: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._coroutine = coroutine
        self._on_lost = on_lost
        self._left_behind = left_behind
        self._process = this_process()
        self._disposed = False
        self._task: asyncio.Task[None] | None = None
        keeper = _Keeper(self._lost)
        try:
            on_loop(self._loop, partial(self._start, keeper))
        except RuntimeError:
            keeper.is_done = True
            raise LoopClosed("the event loop that drives the stream is closed") from None

    def dispose(self) -> None:
        """End the coroutine at its next await; returns at once."""
        if self._disposed:
            return  # a second cancellation would interrupt the closing that the first one began
        self._disposed = True
        self.interrupt()

    def interrupt(self) -> None:
        """Cancel what the coroutine awaits; it may go on, if it knows why."""
        with suppress(RuntimeError):  # the loop is closed: nobody will end the task
            on_loop(self._loop, self._cancel)

    def _start(self, keeper: _Keeper) -> None:
        if self._disposed:
            keeper.is_done = True
            return
        self._task = self._loop.create_task(self._run(), name="ctfy_rx")
        keeper.keep(self._task, self._loop)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            await self._coroutine()
        except asyncio.CancelledError:
            self._tell()
            raise

    def _lost(self) -> None:
        self._left_behind()
        self._tell()

    def _tell(self) -> None:
        # The loop of a forked child is a copy that drives nothing.
        if not self._disposed and self._process is this_process():
            self._on_lost(LoopClosed(_ENDED))


class _Keeper:
    """Keeps a task, which its loop holds weakly, and tells when it goes though the task has not ended.

    A loop tells nobody that it is closed, but it lets go of its timers. So the keeper is held by nothing but
    a timer that nobody will live to see.
    """

    def __init__(self, on_lost: Callable[[], None]) -> None:
        self.is_done = False
        self._on_lost = on_lost
        self._task: asyncio.Task[None] | None = None

    def keep(self, task: asyncio.Task[None], loop: asyncio.AbstractEventLoop) -> None:
        self._task = task
        timer = weakref.ref(loop.call_later(_YEARS, self))
        task.add_done_callback(lambda _: _cancel(timer()))

    def __call__(self) -> None:
        """The timer's action."""

    def __del__(self) -> None:
        if self.is_done or sys.is_finalizing() or (self._task is not None and self._task.done()):
            return
        if self._task is not None:  # asyncio need not complain: whom it concerns is told
            self._task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
        try:
            self._on_lost()
        except Exception:  # noqa: BLE001 - whoever closes the loop has nothing to do with it
            _log.exception("a subscriber did not handle the end of its event loop")


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


class Drive:
    """Which event loop drives a stream that is open, if one does. Its connection knows, and tells `by`; `end`
    is for its closing. `on_lost` hears that the loop has ended: what waits in it for a reconnect would vanish
    in silence."""

    def __init__(self, on_lost: Callable[[LoopClosed], None] = lambda _: None) -> None:
        self._on_lost = on_lost
        self._loop: asyncio.AbstractEventLoop | None = None
        self._guard = SerialDisposable()

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """It, unless threads drive, or it is closed."""
        return None if self._loop is None or self._loop.is_closed() else self._loop

    def by(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """`loop` drives from now on; None: a thread."""
        if loop is not self._loop:
            self._loop = loop
            guard = Disposable() if loop is None else LoopTask(loop, _forever, on_lost=self._on_lost)
            self._guard.disposable = guard

    def end(self) -> None:
        """Nobody drives."""
        self._loop = None
        self._guard.dispose()


async def _forever() -> None:
    await asyncio.Event().wait()


class LoopScheduler(AsyncIOScheduler):
    """Work on `loop`, scheduled and cancelled from any thread without waiting for the loop. Raises
    `LoopClosed` where that is closed.

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

        try:
            on_loop(self._loop, begin)
        except RuntimeError:
            raise LoopClosed("the event loop that was to do it is closed") from None
        return Disposable(dispose)


def on_loop(loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> None:
    """Call `action` on `loop`: now if this is its thread, else soon. Raises RuntimeError if it is closed."""
    if running_loop() is loop:
        action()
    else:
        loop.call_soon_threadsafe(action)


def loop_of(scheduler: abc.SchedulerBase | None) -> asyncio.AbstractEventLoop | None:
    """The event loop of an asyncio scheduler."""
    if not isinstance(scheduler, AsyncIOScheduler):
        return None
    return scheduler._loop  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # it has no public name


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread, None if none does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


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
