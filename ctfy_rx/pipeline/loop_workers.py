"""The workers on an event loop."""

# ruff: noqa: BLE001  # what goes wrong while asking is the doorbell's to judge

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any

from typing_extensions import override

from ctfy_rx.connection.attempt import Attempt
from ctfy_rx.connection.frames import Frames
from ctfy_rx.connection.rest import LoopRest
from ctfy_rx.pipeline.backlog import Delivery
from ctfy_rx.pipeline.workers import WhenNamed, Workers
from ctfy_rx.platform.doorbell import Doorbell
from ctfy_rx.platform.effects import Ask, Effect, Effects, Give, Wait
from ctfy_rx.threads.loops import LoopTask, on_loop

__all__ = ["LoopWorkers"]

_TURN = 0.005  # seconds for which events that have come are delivered, before others have a turn


class LoopWorkers(Workers):
    """One task asks. What can be delivered is so at once, by whoever has brought it, and what is left of it
    in the next turns of the loop.

    Once the loop is closed nobody reads and nobody delivers: `Drive` tells the subscribers.
    """

    def __init__(
        self,
        source: Frames,
        doorbell: Doorbell,
        delivery: Delivery,
        when_named: WhenNamed,
        *,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(source, doorbell, delivery, when_named)
        self._loop = loop
        self._rest: LoopRest | None = None
        self._delivers = False  # now, or in the next turn
        self._rung = asyncio.Event()
        self._task: LoopTask | None = None
        delivery.wake = self._deliver_now
        doorbell.wake = self._ring

    @override
    async def before_open(self, attempt: Attempt) -> None:
        before, root = self._rest, self._root(attempt)
        if root is None:
            return
        self._rest = rest = LoopRest(self._source.client(asynchronous=True), root)
        if not self._asks:
            self._asks = True
            self._task = LoopTask(
                self._loop, self._read, on_lost=self._delivery.end, left_behind=self._leave_behind
            )
        if before is not None:
            await before.aclose()
        await rest.ask(self._doorbell.before_open(root.token))

    @override
    def stop(self) -> None:
        super().stop()
        if self._task is not None:
            self._task.dispose()

    def _ring(self) -> None:
        if not self._loop.is_closed():
            self._rung.set()

    def _leave_behind(self) -> None:
        if self._rest is not None:
            self._rest.cut()

    def _deliver_now(self) -> None:
        if self._delivers or self._loop.is_closed():
            return
        self._delivers = True
        try:
            # What callbacks set in their context is not to be found in that of the task that reads.
            self._delivers = copy_context().run(self._drain)
        except BaseException as error:  # not for the task that reads
            self._loop.call_soon(partial(_raise, error))
        if self._delivers:
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        try:
            self._delivers = self._drain()
        finally:  # also after an interrupt, for a loop that then goes on
            if self._delivers and not self._loop.is_closed():
                self._loop.call_soon(self._deliver)

    def _drain(self) -> bool:
        """Deliver what waits, as long as others may wait; whether there may be more."""
        until = self._loop.time() + _TURN
        while self._delivery.drain():
            if self._loop.time() > until:
                return True
        return False

    async def _read(self) -> None:
        effects = self._doorbell.read()
        try:
            await self._do(Effects(effects))
        except Exception as error:  # nobody would hear of it, and the stream would go on without its log
            self._delivery.end(error)
        finally:
            effects.close()
            if self._rest is not None:
                await self._rest.aclose()
        self._has_read()

    async def _do(self, effects: Effects) -> None:
        while effects.next is not None:
            try:
                result = await self._done(effects.next)
            except Exception as error:
                effects.failed(error)
            else:
                effects.done(result)

    async def _done(self, effect: Effect) -> Any:
        match effect:
            case Wait(seconds):
                await _until(self._rung, seconds)
                self._rung.clear()
            case Ask(steps) if self._rest is not None:
                return await self._rest.ask(steps)
            case Give(events):
                if self._awaits_names:
                    self._awaits_names = False
                    named = asyncio.Event()
                    self._when_named(lambda: on_loop(self._loop, named.set))
                    await _until(named, self.names_within)
                given = asyncio.Event()
                self._delivery.give(events, given.set)
                await given.wait()
            case _:
                pass
        return None


async def _until(event: asyncio.Event, seconds: float) -> None:
    """Wait until `event` is set, or `seconds` have passed."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _raise(error: BaseException) -> None:
    raise error
