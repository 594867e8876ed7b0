"""A recording, played: its events as a cold Observable, at the pace at which they happened or at another.

What is due when is decided in one place, without a clock (`_due`); who waits for it is a thread, a task on an
event loop, or any scheduler, also one of virtual time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from reactivex import Observable, abc
from reactivex.disposable import MultipleAssignmentDisposable
from reactivex.scheduler import NewThreadScheduler

from ctfy_rx.delivery.slow_subscriber import refused_exit
from ctfy_rx.event import Event
from ctfy_rx.recording.reader import Reader, happened
from ctfy_rx.threads.loops import LoopTask, loop_of
from ctfy_rx.threads.waiting import Alarm

__all__ = ["AtOnce", "Player"]

OnRead = Callable[[int, int], None]
_PIECE = 256  # events between two looks at the rest of the event loop


class AtOnce(NewThreadScheduler):
    """Who subscribes with this wants all there is, without the pace at which it happened. `on_read` is told
    how many bytes of how many were read."""

    def __init__(self, on_read: OnRead = lambda _read, _total: None) -> None:
        super().__init__()
        self.on_read = on_read


class Player(Observable[Event]):
    """The events of a recording, at `speed` times their pace (None: at once); each subscriber gets all.

    `scheduler`, or that of the subscription, gives the time.
    """

    def __init__(
        self, reader: Reader, *, speed: float | None, scheduler: abc.SchedulerBase | None = None
    ) -> None:
        super().__init__()
        self._reader = reader
        self._speed = speed
        self._scheduler = scheduler

    def _subscribe_core(
        self, observer: abc.ObserverBase[Event], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        if isinstance(scheduler, AtOnce):
            return _Thread(observer, _due(self._reader.blocks(scheduler.on_read), None))
        due = _due(self._reader.blocks(), self._speed)
        chosen = self._scheduler or scheduler
        if chosen is None:
            return _Thread(observer, due)
        loop = loop_of(chosen)
        if loop is not None:
            return _task(observer, due, loop, getattr(chosen, "room", None))
        return _scheduled(observer, due, chosen)


def _due(blocks: Iterator[list[Event]], speed: float | None) -> Iterator[tuple[float, list[Event]]]:
    """Events, and when they are due, in seconds after the first. Never earlier than those before them, though
    the times of events may run back a little."""
    if speed is None:
        for block in blocks:
            yield 0.0, block
        return
    began: float | None = None
    latest = 0.0
    for block in blocks:
        for event in block:
            at = happened(event)
            began = at if began is None else began
            latest = max(latest, (at - began) / speed)
            yield latest, [event]


class _Thread(abc.DisposableBase):
    """Plays on a daemon thread; disposed, it is woken."""

    def __init__(self, observer: abc.ObserverBase[Event], due: Iterator[tuple[float, list[Event]]]) -> None:
        self._observer = observer
        self._due = due
        self._alarm = Alarm()
        self._disposed = False
        threading.Thread(target=self._run, name="ctfy_rx replay", daemon=True).start()

    def dispose(self) -> None:
        self._disposed = True
        self._alarm.set()

    def _run(self) -> None:
        try:
            self._play()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the subscriber's
            self._fail(error)
        except BaseException as error:  # noqa: BLE001 - it ends this thread, and nobody would hear of it
            self._fail(refused_exit(error, "player's"))
        else:
            if not self._disposed:
                self._observer.on_completed()

    def _fail(self, error: Exception) -> None:
        if not self._disposed:
            self._observer.on_error(error)

    def _play(self) -> None:
        began = time.monotonic()
        on_next = self._observer.on_next
        for due, events in self._due:
            while not self._disposed and (left := began + due - time.monotonic()) > 0:
                self._alarm.wait(left)
            for event in events:
                if self._disposed:
                    return
                on_next(event)


def _task(
    observer: abc.ObserverBase[Event],
    due: Iterator[tuple[float, list[Event]]],
    loop: asyncio.AbstractEventLoop,
    room: Callable[[], Any] | None,
) -> abc.DisposableBase:
    """Plays on `loop`, which gets its turn now and then; `room` is awaited before there is more."""

    async def turn() -> None:
        await (room() if room is not None else asyncio.sleep(0))

    async def play() -> None:
        began, given = loop.time(), 0
        for at, events in due:
            if (left := began + at - loop.time()) > 0:
                await asyncio.sleep(left)
            for event in events:
                if given % _PIECE == 0:
                    await turn()
                given += 1
                observer.on_next(event)

    async def run() -> None:
        try:
            await play()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the subscriber's
            observer.on_error(error)
        else:
            observer.on_completed()

    return LoopTask(loop, run, on_lost=observer.on_error)


def _scheduled(
    observer: abc.ObserverBase[Event],
    due: Iterator[tuple[float, list[Event]]],
    scheduler: abc.SchedulerBase,
) -> abc.DisposableBase:
    """Plays in the time of `scheduler`, exactly: an event is due at a time, not after the one before it."""
    began = scheduler.to_seconds(scheduler.now)
    next_one = MultipleAssignmentDisposable()

    def schedule_next() -> None:
        try:
            at, events = next(due)
        except StopIteration:
            observer.on_completed()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the subscriber's
            observer.on_error(error)
        else:
            next_one.disposable = scheduler.schedule_absolute(
                scheduler.to_datetime(began + at), lambda _, __: give(events)
            )

    def give(events: list[Event]) -> None:
        for event in events:
            if next_one.is_disposed:
                return
            observer.on_next(event)
        if not next_one.is_disposed:
            schedule_next()

    schedule_next()
    return next_one
