"""The last item can be awaited, whichever thread brings it, and blocked for, as reactivex has it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import reactivex
from reactivex import Observable, Subject
from reactivex.internal import SequenceContainsNoElementsError

from ctfy_rx.delivery.guarded import Composed

from ..support.waiting import Background, soon, until

AWAITED: dict[str, Callable[[Observable[Any]], Awaitable[Any]]] = {
    "await": lambda observable: observable,
    "to_future": lambda observable: observable.to_future(),
}
awaited = pytest.mark.parametrize("how", AWAITED.values(), ids=AWAITED.keys())


async def last(source: Observable[Any], how: Callable[[Observable[Any]], Awaitable[Any]]) -> Any:
    return await how(Composed(source).map(str))


@awaited
def test_an_item_that_another_thread_brings_wakes_the_loop_that_awaits_it(how: Any):
    source: Subject[int] = Subject()
    waiting = Background(lambda: asyncio.run(last(source, how)))
    until(lambda: source.observers)
    source.on_next(1)
    source.on_next(2)
    source.on_completed()
    assert waiting.join() == "2"


@awaited
def test_an_end_that_another_thread_brings_wakes_it_too(how: Any):
    source: Subject[int] = Subject()
    waiting = Background(lambda: asyncio.run(last(source, how)))
    until(lambda: source.observers)
    source.on_error(KeyError("lost"))
    with pytest.raises(KeyError, match="lost"):
        waiting.join()


@awaited
async def test_what_is_there_at_once_is_given(how: Any):
    assert await last(reactivex.of(1, 2, 3), how) == "3"


@awaited
async def test_what_ends_without_an_item_is_an_error(how: Any):
    with pytest.raises(SequenceContainsNoElementsError):
        await last(reactivex.empty(), how)


@awaited
async def test_a_wait_that_is_cancelled_ends_its_subscription(how: Any):
    source: Subject[int] = Subject()
    waiting = asyncio.ensure_future(last(source, how))
    await soon(lambda: source.observers)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await soon(lambda: not source.observers)
    source.on_completed()


def test_an_item_that_comes_when_its_loop_is_closed_hurts_nobody():
    source: Subject[int] = Subject()
    loop = asyncio.new_event_loop()

    async def subscribe() -> asyncio.Future[str]:
        return Composed(source).map(str).to_future()

    future = loop.run_until_complete(subscribe())
    loop.close()
    source.on_next(1)
    source.on_completed()
    assert not future.done()


def test_run_gives_the_last_item_or_raises_what_the_source_fails_with():
    assert Composed(reactivex.of(1, 2)).run() == 2
    with pytest.raises(KeyError):
        Composed(reactivex.throw(KeyError())).run()
    with pytest.raises(SequenceContainsNoElementsError):
        Composed(reactivex.empty()).run()
