"""What happens in which turn of an event loop that reads a stream."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from reactivex.scheduler.eventloop import AsyncIOScheduler

import ctfy_rx
from ctfy_rx import Event
from ctfy_rx.connection import loop_driver
from ctfy_rx.connection.bodies import async_body_of
from ctfy_rx.connection.driver import Driver
from ctfy_rx.demo.running import Platform

from ..support.waiting import soon


def ticks(count: int, padding: int = 0) -> bytes:
    comment = b":" + b"." * padding + b"\n" if padding else b""
    return b"".join(b"event: tick\n%bdata: %d\n\n" % (comment, number) for number in range(count))


def here() -> AsyncIOScheduler:
    return AsyncIOScheduler(asyncio.get_running_loop())


async def test_a_callback_is_called_in_the_turn_in_which_its_bytes_have_come(
    p: Platform, monkeypatch: pytest.MonkeyPatch
):
    heard: list[Event] = []
    heard_when_delivered: list[int] = []
    deliver = Driver.deliver

    def noted(self: Driver, chunk: bytes) -> None:
        deliver(self, chunk)
        heard_when_delivered.append(len(heard))

    async with ctfy_rx.events(p.url) as stream:
        stream.of_event("tick").subscribe(heard.append, scheduler=here())
        await soon(lambda: p.connections and isinstance(stream.status.current, ctfy_rx.Open))
        monkeypatch.setattr(Driver, "deliver", noted)
        p.send_bytes(ticks(1))
        await soon(lambda: heard_when_delivered)
        assert heard_when_delivered == [1]


async def test_who_awaits_an_event_has_it_before_the_next_read_is_prepared(
    p: Platform, monkeypatch: pytest.MonkeyPatch
):
    happened: list[str] = []

    async def noted(*arguments: Any) -> AsyncIterator[bytes]:
        async with aclosing(async_body_of(*arguments)) as chunks:
            async for chunk in chunks:
                yield chunk
                happened.append("the next read")

    async def hear() -> None:
        async for _ in stream.of_event("tick"):
            happened.append("an event")  # noqa: PERF401 - among others

    monkeypatch.setattr(loop_driver, "async_body_of", noted)
    async with ctfy_rx.events(p.url) as stream:
        hearing = asyncio.ensure_future(hear())
        await soon(lambda: p.connections and isinstance(stream.status.current, ctfy_rx.Open))
        p.send_bytes(ticks(1))
        await soon(lambda: "an event" in happened)
        happened.clear()
        p.send_bytes(ticks(1))
        await soon(lambda: len(happened) == 2)
        assert happened == ["an event", "the next read"]
    await hearing


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_who_stops_the_loop_hears_nothing_more_until_it_goes_on_and_then_the_rest(p: Platform, stop: Any):
    heard: list[int] = []

    def on_next(event: Event) -> None:
        heard.append(event.data)
        if len(heard) == 2:
            raise stop

    async def hear() -> None:
        stream.of_event("tick").subscribe(on_next, scheduler=here())
        await soon(lambda: p.connections and isinstance(stream.status.current, ctfy_rx.Open))
        p.send_bytes(ticks(100))
        await asyncio.Event().wait()

    async def go_on() -> None:
        await soon(lambda: len(heard) == 100)
        stream.close()

    with asyncio.Runner() as runner, ctfy_rx.events(p.url) as stream:
        loop = runner.get_loop()
        hearing = loop.create_task(hear())
        with pytest.raises(stop):
            loop.run_until_complete(hearing)
        assert heard == [0, 1]
        loop.run_until_complete(go_on())
    assert heard == list(range(100))


async def test_what_a_callback_sets_in_its_context_is_gone_after_its_delivery(p: Platform):
    variable = contextvars.ContextVar("variable", default="unset")
    found: list[str] = []

    def on_next(event: Event) -> None:
        found.append(variable.get())
        variable.set("set")

    async with ctfy_rx.events(p.url) as stream:
        stream.of_event("tick").subscribe(on_next, scheduler=here())
        await soon(lambda: p.connections)
        for number in (1, 2, 3):
            p.send_bytes(ticks(1))
            await soon(lambda number=number: len(found) == number)
    assert found == ["unset"] * 3


async def test_a_burst_is_not_read_faster_than_quick_callbacks_take_it(p: Platform):
    heard: list[int] = []
    async with ctfy_rx.events(p.url, buffer=5_000) as stream:
        stream.of_event("tick").subscribe(lambda event: heard.append(event.data), scheduler=here())
        await soon(lambda: p.connections)
        p.send_bytes(ticks(20_000, padding=300))
        await soon(lambda: stream.stats.events == 20_000)
        assert stream.stats.drops == 0
    assert heard == list(range(20_000))
