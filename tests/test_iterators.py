"""`to_iter` and `to_async_iter`: any Observable as a loop, with a bounded buffer."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from typing import Any

import pytest
import reactivex
from reactivex import Subject

from ctfy_rx import ConfigurationError, to_async_iter, to_iter

from .stream.waiting import Background, soon, until


def emit(source: Subject[int], *items: int) -> None:
    for item in items:
        source.on_next(item)


def test_a_loop_gets_all_items_in_order_and_ends_with_its_source():
    assert list(to_iter(reactivex.range(0, 1000))) == list(range(1000))


async def test_an_async_loop_gets_all_items_in_order_and_ends_with_its_source():
    assert [item async for item in to_async_iter(reactivex.range(0, 1000))] == list(range(1000))


def test_a_loop_raises_what_its_source_fails_with_after_the_items_before():
    source = reactivex.concat(reactivex.of(1), reactivex.throw(KeyError("gone")))
    iterator = to_iter(source)
    assert next(iterator) == 1
    with pytest.raises(KeyError, match="gone"):
        next(iterator)
    assert list(iterator) == []


async def test_an_async_loop_raises_what_its_source_fails_with_after_the_items_before():
    source = reactivex.concat(reactivex.of(1), reactivex.throw(KeyError("gone")))
    iterator = to_async_iter(source)
    assert await anext(iterator) == 1
    with pytest.raises(KeyError, match="gone"):
        await anext(iterator)
    assert [item async for item in iterator] == []


def test_a_full_buffer_drops_the_oldest_and_tells_how_many():
    source: Subject[int] = Subject()
    told: list[int] = []
    iterator = to_iter(source, buffer=3, on_drop=told.append)
    emit(source, *range(12))
    source.on_completed()
    assert list(iterator) == [9, 10, 11]
    assert told == [1, 2, 4, 8]


async def test_a_full_async_buffer_drops_the_oldest_and_tells_how_many():
    source: Subject[int] = Subject()
    told: list[int] = []
    iterator = to_async_iter(source, buffer=3, on_drop=told.append)
    emit(source, *range(12))
    source.on_completed()
    assert [item async for item in iterator] == [9, 10, 11]
    assert told == [1, 2, 4, 8]


def test_drops_that_nobody_asked_about_are_logged(caplog: pytest.LogCaptureFixture):
    source: Subject[int] = Subject()
    iterator = to_iter(source, buffer=1)
    with caplog.at_level(logging.WARNING, "ctfy_rx"):
        emit(source, 1, 2)
    assert "1 items dropped" in caplog.text
    iterator.close()


@pytest.mark.parametrize("buffer", [0, -1])
def test_a_buffer_without_room_is_refused(buffer: int):
    with pytest.raises(ConfigurationError, match="1 or more"):
        to_iter(reactivex.never(), buffer=buffer)


async def test_an_async_buffer_without_room_is_refused():
    with pytest.raises(ConfigurationError, match="1 or more"):
        to_async_iter(reactivex.never(), buffer=0)


def test_an_async_iterator_needs_a_running_loop():
    with pytest.raises(ConfigurationError, match="running event loop"):
        to_async_iter(reactivex.never())


def test_close_wakes_every_thread_that_waits():
    iterator = to_iter(reactivex.never())
    waiting = [Background(lambda: list(iterator)) for _ in range(3)]
    iterator.close()
    assert [loop.join() for loop in waiting] == [[], [], []]


def test_the_end_of_the_source_wakes_every_thread_that_waits():
    source: Subject[int] = Subject()
    iterator = to_iter(source)
    waiting = [Background(lambda: list(iterator)) for _ in range(3)]
    source.on_completed()
    assert [loop.join() for loop in waiting] == [[], [], []]


def test_with_ends_the_subscription():
    source: Subject[int] = Subject()
    with to_iter(source) as iterator:
        assert len(source.observers) == 1
    assert not source.observers
    assert list(iterator) == []


async def test_async_with_ends_the_subscription():
    source: Subject[int] = Subject()
    async with to_async_iter(source) as iterator:
        assert len(source.observers) == 1
    assert not source.observers
    assert [item async for item in iterator] == []


def test_a_forgotten_iterator_is_collected_and_ends_its_subscription():
    source: Subject[int] = Subject()
    for _ in Background(lambda: [emit(source, 1)]).join() or ():
        break
    iterator = to_iter(source)
    gone = weakref.ref(iterator)
    del iterator
    gc.collect()
    assert gone() is None
    assert not source.observers


async def test_a_forgotten_async_iterator_is_collected_and_ends_its_subscription():
    source: Subject[int] = Subject()
    iterator = to_async_iter(source)
    gone = weakref.ref(iterator)
    del iterator
    gc.collect()
    assert gone() is None
    assert not source.observers


async def test_items_from_another_thread_wake_the_loop_at_once():
    source: Subject[int] = Subject()
    iterator = to_async_iter(source)
    waiting = asyncio.ensure_future(anext(iterator))
    await asyncio.sleep(0)
    threading.Thread(target=source.on_next, args=(7,)).start()
    assert await asyncio.wait_for(waiting, 5) == 7


async def test_no_item_from_another_thread_is_lost_however_the_two_meet():
    total = 20_000
    source: Subject[int] = Subject()
    iterator = to_async_iter(source)

    def produce() -> None:
        emit(source, *range(total))
        source.on_completed()

    producer = Background(produce)
    async with asyncio.timeout(30):
        got = [item async for item in iterator]
    assert got == list(range(total))
    await asyncio.to_thread(producer.join)


async def test_the_drops_of_a_buffer_of_one_are_counted_however_the_threads_meet():
    total = 20_000
    source: Subject[int] = Subject()
    iterator: Any = to_async_iter(source, buffer=1, on_drop=lambda _: None)
    producer = Background(lambda: (emit(source, *range(total)), source.on_completed()))
    async with asyncio.timeout(30):
        got = [item async for item in iterator]
    assert got == sorted(set(got))
    assert got[-1] == total - 1
    await asyncio.to_thread(producer.join)


async def test_a_wait_that_was_cancelled_loses_no_item():
    source: Subject[int] = Subject()
    iterator = to_async_iter(source)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(iterator), 0.01)
    await asyncio.to_thread(source.on_next, 1)
    assert await anext(iterator) == 1
    waiting = asyncio.ensure_future(anext(iterator))
    await asyncio.sleep(0)
    await asyncio.to_thread(source.on_next, 2)
    assert await asyncio.wait_for(waiting, 5) == 2


def test_a_source_that_outlives_the_loop_of_its_iterator_is_not_disturbed():
    source: Subject[int] = Subject()

    async def leave_an_iterator() -> Any:
        iterator = to_async_iter(source)
        asyncio.ensure_future(anext(iterator)).add_done_callback(
            lambda task: task.cancelled() or task.exception()
        )
        await asyncio.sleep(0)
        return iterator

    iterator = asyncio.run(leave_an_iterator())
    emit(source, 1, 2)
    source.on_completed()
    del iterator


def test_a_loop_over_a_source_of_another_thread_blocks_until_items_come():
    source: Subject[int] = Subject()
    loop = Background(lambda: list(to_iter(source)))
    until(lambda: source.observers)
    emit(source, 1, 2)
    source.on_completed()
    assert loop.join() == [1, 2]


async def test_aclose_ends_a_loop_that_waits():
    iterator = to_async_iter(reactivex.never())

    async def collect() -> list[Any]:
        return [item async for item in iterator]

    waiting = asyncio.ensure_future(collect())
    await asyncio.sleep(0)
    await iterator.aclose()
    await soon(waiting.done)
    assert waiting.result() == []
