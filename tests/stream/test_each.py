"""`each`: what a handler raises ends it, or is logged and the next event has its turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from reactivex import Subject

import ctfy_rx
from ctfy_rx import ConfigurationError, EventStream, testing
from ctfy_rx.delivery.receipts import Receipt, Receipts
from ctfy_rx.demo.running import Platform
from ctfy_rx.testing import solve, wrong

from ..support.logs import our_errors
from ..support.waiting import soon

THREE = solve(), wrong(), solve()


class Handler:
    """Writes down what it is given, and raises `error`."""

    def __init__(self, error: BaseException) -> None:
        self.given: list[str] = []
        self.error = error

    async def __call__(self, event: ctfy_rx.Event) -> None:
        self.given.append(event.event)
        await asyncio.sleep(0)
        raise self.error


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Callable[[], list[logging.LogRecord]]:
    """What was logged at ERROR."""
    return lambda: our_errors(caplog)


@pytest.mark.parametrize("error", [RuntimeError("429"), TimeoutError(), asyncio.CancelledError()])
async def test_what_the_handler_raises_is_logged_and_the_next_event_has_its_turn(error, errors):
    handler = Handler(error)
    await testing.stream_of(*THREE).each(handler, on_error="log")
    assert handler.given == ["flag_correct", "flag_wrong", "flag_correct"]
    assert [record.name for record in errors()] == ["ctfy_rx"] * 3
    assert "flag_correct" in errors()[0].getMessage()
    assert "goes on with the next" in errors()[0].getMessage()
    assert [bool(record.exc_info) for record in errors()] == [True, False, False]
    assert "raised" in errors()[2].getMessage()
    assert "3 times in all" in errors()[2].getMessage()


async def test_what_is_raised_before_there_is_anything_to_await_is_logged_too(errors):
    def handler(event: ctfy_rx.Event) -> Awaitable[None]:
        return asyncio.sleep(event.data["seconds"])

    await testing.stream_of(*THREE).each(handler, on_error="log")
    assert len(errors()) == 3


@pytest.mark.parametrize("error", [RuntimeError("429"), asyncio.CancelledError()])
async def test_without_that_the_first_exception_ends_it(error, errors):
    handler = Handler(error)
    for options in ({}, {"on_error": "raise"}):
        with pytest.raises(type(error)):
            await testing.stream_of(*THREE).each(handler, **options)
    assert handler.given == ["flag_correct"] * 2
    assert errors() == []


async def test_a_cancellation_of_its_task_ends_it_in_any_case(p: Platform, errors):
    began = asyncio.Event()

    async def handler(_: object) -> None:
        began.set()
        await asyncio.Event().wait()

    async with ctfy_rx.events(p.url) as stream:
        working = asyncio.create_task(stream.each(handler, on_error="log"))
        await soon(lambda: p.connections)
        await asyncio.to_thread(p.announce, "hello")
        await began.wait()
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
    assert errors() == []


async def test_a_timeout_around_it_ends_it_and_one_within_the_handler_does_not(errors):
    async def hangs(_: object) -> None:
        async with asyncio.timeout(0.001):
            await asyncio.Event().wait()

    await testing.stream_of(*THREE).each(hangs, on_error="log")
    assert len(errors()) == 3

    async def hangs_for_ever(_: object) -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await testing.stream_of(*THREE).each(hangs_for_ever, on_error="log")
    assert len(errors()) == 3


async def test_a_handler_that_awaits_what_somebody_else_cancels_goes_on(errors):
    async def handler(_: object) -> None:
        other = asyncio.ensure_future(asyncio.Event().wait())
        other.cancel()
        await other

    await testing.stream_of(*THREE).each(handler, on_error="log")
    assert len(errors()) == 3


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_who_ends_the_program_ends_it(stop):
    handler = Handler(stop())
    with pytest.raises(stop):
        asyncio.run(testing.stream_of(*THREE).each(handler, on_error="log"))
    assert handler.given == ["flag_correct"]


async def test_a_plain_function_is_refused_and_not_logged_for_ever(errors):
    with pytest.raises(TypeError, match=r"write subscribe\(\)"):
        await testing.stream_of(*THREE).each(print, on_error="log")  # type: ignore[arg-type]
    assert errors() == []


async def test_another_word_is_refused_at_once():
    with pytest.raises(ConfigurationError, match="on_error must be one of raise, log"):
        await testing.stream_of(*THREE).each(Handler(ValueError()), on_error="ignore")  # type: ignore[arg-type]


async def test_no_token_of_the_stream_stands_in_what_is_logged(p: Platform, caplog: pytest.LogCaptureFixture):
    token = p.admin_token

    async def handler(_: object) -> None:
        raise RuntimeError(f"POST /events?token={token} failed")

    async with ctfy_rx.events(p.url, token=token) as stream:
        working = asyncio.create_task(stream.each(handler, on_error="log"))
        await stream.opened()
        await asyncio.to_thread(p.announce, "hello")
        await soon(lambda: caplog.records)
        stream.close()
        await working
    assert "POST /events?token=*** failed" in caplog.text
    assert token not in caplog.text


async def test_an_event_on_which_the_handler_raised_is_not_acknowledged(caplog):
    receipts, settled = Receipts(), list[tuple[str, bool]]()
    events: Subject[ctfy_rx.Event] = Subject()
    stream = EventStream.over(events, receipts=receipts)

    def give(name: str) -> None:
        receipt = Receipt(lambda well: settled.append((name, well)))
        receipts.deliver(receipt, lambda: events.on_next(ctfy_rx.Event(name, "{}")))

    async def handler(event: ctfy_rx.Event) -> None:
        if event.event == "a":
            raise RuntimeError("429")

    working = asyncio.create_task(stream.each(handler, on_error="log"))
    await soon(lambda: "1 subscribed" in repr(stream))
    give("a")
    give("b")
    give("c")
    await soon(lambda: len(settled) == 3)
    stream.close()
    await working
    assert settled == [("a", False), ("b", True), ("c", True)]
