"""Who does what `Doorbell` and `Delivery` decide: two daemon threads beside the reader, or two tasks on its
event loop."""

# ruff: noqa: BLE001  # what goes wrong while asking is the doorbell's to judge

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from typing import Any

from ctfy_rx.connection.attempt import Attempt
from ctfy_rx.connection.frames import Frames
from ctfy_rx.connection.rest import LoopRest, ThreadRest
from ctfy_rx.delivery.slow_subscriber import refused_exit
from ctfy_rx.errors import StreamClosed
from ctfy_rx.pipeline.backlog import Delivery
from ctfy_rx.platform.doorbell import Doorbell
from ctfy_rx.platform.effects import Ask, Effect, Give, Wait
from ctfy_rx.reconnect import Session
from ctfy_rx.threads.loops import LoopTask, on_loop
from ctfy_rx.threads.waiting import Alarm

__all__ = ["LoopWorkers", "ThreadWorkers"]

WhenNamed = Callable[[Callable[[], None]], None]
"""Calls a function once the names that somebody wants in the events are known."""

_NAMED = 2.0  # seconds that the first events of the log wait for their names, at most

_DISPOSED = "disposed before the connection was opened"


class ThreadWorkers:
    """Two threads: one delivers, one asks the platform."""

    def __init__(
        self,
        source: Frames,
        session: Session,
        doorbell: Doorbell,
        delivery: Delivery,
        when_named: WhenNamed,
    ) -> None:
        self._source = source
        self._session = session
        self._doorbell = doorbell
        self._delivery = delivery
        self._when_named = when_named
        self._rest: ThreadRest | None = None
        self._asked: ThreadRest | None = None  # by the log reader
        self._stopped = False
        self._something_waits = Alarm()
        self._rung = Alarm()
        self._given = Alarm()
        self._named = Alarm()
        self._awaits_names = True
        self._reads = False
        self._end: tuple[Exception | None] | None = None
        delivery.wake = self._something_waits.set
        doorbell.wake = self._rung.set
        _start(self._deliver, "ctfy_rx delivery")

    def before_open(self, attempt: Attempt) -> None:
        """Ask the platform what must be known before `attempt` opens the connection; on its thread."""
        before = self._rest
        root = attempt.root()
        if root is None:
            self._doorbell.nobody(anonymous=attempt.shows_no_token())
            return
        self._rest = rest = ThreadRest(self._source.client(asynchronous=False), root)
        if before is not None:
            before.close()
        if self._stopped:
            rest.close()
            raise StreamClosed(_DISPOSED)
        if not self._reads:
            self._reads = True
            _start(self._read, "ctfy_rx log reader")
        rest.ask(self._doorbell.before_open(root.token))

    def end(self, error: Exception | None) -> None:
        """The connection has ended for good: deliver what waits and what the log still holds, then end."""
        self._end = (error,)
        self._doorbell.finish()
        if not self._reads:
            self._delivery.end(error)

    def stop(self) -> None:
        """End it all; returns at once."""
        self._stopped = True
        self._delivery.stop()
        for rest in (self._rest, self._asked):  # which may be that of the connection before
            if rest is not None:
                rest.cut()
        for alarm in (self._something_waits, self._rung, self._given, self._named):
            alarm.set()

    def _deliver(self) -> None:
        try:
            while not self._stopped:
                self._something_waits.wait()
                while self._delivery.drain():
                    pass
        except BaseException as error:  # it ends this thread, and nobody would hear anything any more
            self._delivery.fail(refused_exit(error, "delivery"))

    def _read(self) -> None:
        try:
            with closing(self._doorbell.read()) as effects:
                self._do(effects)
        except Exception as error:  # nobody would hear of it, and the stream would go on without its log
            self._delivery.end(error)
        if self._rest is not None:
            self._rest.close()
        if self._end is not None:
            self._delivery.end(self._end[0])

    def _do(self, effects: Generator[Effect, Any, None]) -> None:
        effect = next(effects, None)
        while effect is not None and not self._stopped:
            try:
                result = self._done(effect)
            except Exception as error:
                effect = _thrown(effects, error)
            else:
                effect = _sent(effects, result)

    def _done(self, effect: Effect) -> Any:
        match effect:
            case Wait(seconds):
                self._rung.wait(seconds)
            case Ask(steps) if self._rest is not None:
                self._asked = self._rest
                return self._asked.ask(steps)
            case Give(events):
                if self._awaits_names:
                    self._awaits_names = False
                    self._when_named(self._named.set)
                    self._named.wait(_NAMED)
                self._delivery.give(events, self._given.set)
                self._given.wait()
            case _:
                pass
        return None


class LoopWorkers:
    """The same on an event loop."""

    def __init__(
        self,
        source: Frames,
        session: Session,
        doorbell: Doorbell,
        delivery: Delivery,
        when_named: WhenNamed,
        *,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._source = source
        self._session = session
        self._doorbell = doorbell
        self._delivery = delivery
        self._when_named = when_named
        self._loop = loop
        self._rest: LoopRest | None = None
        self._stopped = False
        self._drains = False
        self._awaits_names = True
        self._rung = asyncio.Event()
        self._task: LoopTask | None = None
        self._end: tuple[Exception | None] | None = None
        delivery.wake = self._drain_soon
        doorbell.wake = self._ring

    async def before_open(self, attempt: Attempt) -> None:
        """As that of `ThreadWorkers`."""
        before = self._rest
        root = attempt.root()
        if root is None:
            self._doorbell.nobody(anonymous=attempt.shows_no_token())
            return
        self._rest = rest = LoopRest(self._source.client(asynchronous=True), root)
        if self._task is None:
            self._task = LoopTask(
                self._loop, self._read, on_lost=self._delivery.end, left_behind=self._leave_behind
            )
        if before is not None:
            await before.aclose()
        await rest.ask(self._doorbell.before_open(root.token))

    def end(self, error: Exception | None) -> None:
        """As that of `ThreadWorkers`."""
        self._end = (error,)
        self._doorbell.finish()
        if self._task is None:
            self._delivery.end(error)

    def stop(self) -> None:
        """As that of `ThreadWorkers`; from any thread."""
        self._stopped = True
        self._delivery.stop()
        if self._task is not None:
            self._task.dispose()

    # Once the loop is closed nobody reads and nobody delivers. `Drive` tells the subscribers.

    def _ring(self) -> None:
        if not self._loop.is_closed():
            self._rung.set()

    def _drain_soon(self) -> None:
        if not self._drains and not self._loop.is_closed():
            self._drains = True
            self._loop.call_soon(self._drain)

    def _leave_behind(self) -> None:
        if self._rest is not None:
            self._rest.cut()

    def _drain(self) -> None:
        self._drains = False
        waits = True  # also after an interrupt, for a loop that then goes on
        try:
            waits = self._delivery.drain()
        finally:
            if waits:
                self._drain_soon()

    async def _read(self) -> None:
        effects = self._doorbell.read()
        try:
            await self._do(effects)
        except Exception as error:  # as above
            self._delivery.end(error)
        finally:
            effects.close()
            if self._rest is not None:
                await self._rest.aclose()
        if self._end is not None:
            self._delivery.end(self._end[0])

    async def _do(self, effects: Generator[Effect, Any, None]) -> None:
        effect = next(effects, None)
        while effect is not None:
            try:
                result = await self._done(effect)
            except Exception as error:
                effect = _thrown(effects, error)
            else:
                effect = _sent(effects, result)

    async def _done(self, effect: Effect) -> Any:
        match effect:
            case Wait(seconds):
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._rung.wait()
                self._rung.clear()
            case Ask(steps) if self._rest is not None:
                return await self._rest.ask(steps)
            case Give(events):
                if self._awaits_names:
                    self._awaits_names = False
                    await self._names()
                given = asyncio.Event()
                self._delivery.give(events, given.set)
                await given.wait()
            case _:
                pass
        return None

    async def _names(self) -> None:
        named = asyncio.Event()
        self._when_named(lambda: on_loop(self._loop, named.set))
        with suppress(TimeoutError):
            async with asyncio.timeout(_NAMED):
                await named.wait()


def _start(target: Any, name: str) -> None:
    threading.Thread(target=target, name=name, daemon=True).start()


def _sent(effects: Generator[Effect, Any, None], result: Any) -> Effect | None:
    try:
        return effects.send(result)
    except StopIteration:
        return None


def _thrown(effects: Generator[Effect, Any, None], error: Exception) -> Effect | None:
    try:
        return effects.throw(error)
    except StopIteration:
        return None
