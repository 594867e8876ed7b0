"""`to_iter` and `to_async_iter`: any Observable as a loop, with a bounded buffer."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any

import pytest
import reactivex
from reactivex import Subject

import ctfy_rx
from ctfy_rx import ConfigurationError, to_async_iter, to_iter
from ctfy_rx.delivery.buffer import Buffer
from ctfy_rx.delivery.iterators import AsyncItems
from ctfy_rx.demo.running import Platform
from ctfy_rx.threads.waiting import take

from ..support.waiting import PATIENCE, Background, soon, until


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
    assert told == [1, 2, 4, 8, 9]
    assert iterator.dropped == 9


async def test_a_full_async_buffer_drops_the_oldest_and_tells_how_many():
    source: Subject[int] = Subject()
    told: list[int] = []
    iterator = to_async_iter(source, buffer=3, on_drop=told.append)
    emit(source, *range(12))
    source.on_completed()
    assert [item async for item in iterator] == [9, 10, 11]
    assert told == [1, 2, 4, 8, 9]
    assert iterator.dropped == 9


def test_the_drops_are_told_once_more_when_the_iterator_is_closed():
    source: Subject[int] = Subject()
    told: list[int] = []
    iterator = to_iter(source, buffer=1, on_drop=told.append)
    emit(source, *range(4))
    assert (told, iterator.dropped) == ([1, 2], 3)
    iterator.close()
    iterator.close()
    assert told == [1, 2, 3]


async def test_the_drops_are_told_once_more_when_the_async_iterator_is_closed():
    source: Subject[int] = Subject()
    told: list[int] = []
    iterator = to_async_iter(source, buffer=1, on_drop=told.append)
    emit(source, *range(4))
    assert (told, iterator.dropped) == ([1, 2], 3)
    await iterator.aclose()
    await iterator.aclose()
    assert told == [1, 2, 3]


def test_the_drops_are_told_once_more_when_the_source_fails():
    source: Subject[int] = Subject()
    told: list[int] = []
    iterator = to_iter(source, buffer=1, on_drop=told.append)
    emit(source, *range(4))
    source.on_error(KeyError("gone"))
    assert told == [1, 2, 3]
    iterator.close()


def test_a_total_that_was_told_already_is_not_told_again_at_the_end():
    source: Subject[int] = Subject()
    told: list[int] = []
    iterator = to_iter(source, buffer=1, on_drop=told.append)
    emit(source, *range(3))
    source.on_completed()
    iterator.close()
    assert told == [1, 2]


def test_an_on_drop_that_raises_loses_no_item_and_is_logged(caplog: pytest.LogCaptureFixture):
    source: Subject[int] = Subject()
    iterator = to_iter(source, buffer=2, on_drop=lambda total: 1 / 0)
    emit(source, *range(6))
    source.on_completed()
    assert list(iterator) == [4, 5]
    assert iterator.dropped == 4
    assert "ZeroDivisionError" in caplog.text
    assert {record.name for record in caplog.records} == {"ctfy_rx"}


async def test_an_async_on_drop_that_raises_loses_no_item_and_is_logged(caplog: pytest.LogCaptureFixture):
    source: Subject[int] = Subject()
    iterator = to_async_iter(source, buffer=2, on_drop=lambda total: 1 / 0)
    emit(source, *range(6))
    source.on_completed()
    assert [item async for item in iterator] == [4, 5]
    assert iterator.dropped == 4
    assert "ZeroDivisionError" in caplog.text
    assert {record.name for record in caplog.records} == {"ctfy_rx"}


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
    iterator = to_async_iter(source, buffer=1, on_drop=lambda _: None)
    producer = Background(lambda: (emit(source, *range(total)), source.on_completed()))
    async with asyncio.timeout(30):
        got = [item async for item in iterator]
    assert got == sorted(set(got))
    assert got[-1] == total - 1
    assert len(got) + iterator.dropped == total
    await asyncio.to_thread(producer.join)


async def test_an_item_that_is_dropped_just_as_the_loop_takes_it_is_followed_by_the_next():
    stolen: Buffer[Any] = Buffer(1)
    really_take = stolen.take

    def take() -> Any:
        item = really_take()
        if item == 1:  # as the thread that puts the next one in has done just now
            asyncio.get_running_loop().call_soon(source.on_next, 2)
            raise IndexError
        return item

    stolen.take = take
    source: Subject[int] = Subject()
    iterator = to_async_iter(source, buffer=1)
    iterator._mailbox._items = stolen
    source.on_next(1)
    assert await anext(iterator) == 2


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
    others: list[Any] = []
    source.subscribe(others.append, on_completed=lambda: others.append("|"))
    emit(source, 1, 2)
    source.on_completed()
    assert others == [1, 2, "|"]
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


async def test_aclose_leaves_nothing_to_be_read():
    source: Subject[int] = Subject()
    iterator = to_async_iter(source)
    emit(source, 1, 2)
    await iterator.aclose()
    assert [item async for item in iterator] == []


# Several tasks on one iterator


async def waiting_tasks(iterator: AsyncItems[int], count: int) -> list[asyncio.Task[Any]]:
    """Tasks that each wait for one item already."""

    async def one() -> int:
        return await anext(iterator)

    tasks = [asyncio.create_task(one()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize("threaded", [False, True], ids=["same thread", "another thread"])
async def test_every_task_that_waits_gets_an_item_of_its_own(threaded: bool):
    source: Subject[int] = Subject()
    tasks = await waiting_tasks(to_async_iter(source), 3)
    if threaded:
        await asyncio.to_thread(emit, source, 1, 2, 3)
    else:
        emit(source, 1, 2, 3)
    async with asyncio.timeout(5):
        assert await asyncio.gather(*tasks) == [1, 2, 3]


@pytest.mark.parametrize("threaded", [False, True], ids=["same thread", "another thread"])
async def test_the_end_wakes_every_task_that_waits(threaded: bool):
    source: Subject[int] = Subject()
    tasks = await waiting_tasks(to_async_iter(source), 3)
    if threaded:
        await asyncio.to_thread(source.on_completed)
    else:
        source.on_completed()
    async with asyncio.timeout(5):
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ends] == [StopAsyncIteration] * 3


async def test_aclose_wakes_every_task_that_waits():
    iterator: AsyncItems[int] = to_async_iter(reactivex.never())
    tasks = await waiting_tasks(iterator, 3)
    await iterator.aclose()
    async with asyncio.timeout(5):
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ends] == [StopAsyncIteration] * 3


async def test_a_task_that_was_cancelled_takes_no_wake_up_from_the_others():
    source: Subject[int] = Subject()
    first, second = await waiting_tasks(to_async_iter(source), 2)
    first.cancel()
    await asyncio.wait([first])
    source.on_next(1)
    assert await asyncio.wait_for(second, 5) == 1


async def test_a_task_that_is_cancelled_when_its_item_has_come_leaves_it_to_another():
    source: Subject[int] = Subject()
    first, second = await waiting_tasks(to_async_iter(source), 2)
    source.on_next(1)
    first.cancel()
    assert await asyncio.wait_for(second, 5) == 1


async def test_several_tasks_share_the_items_of_another_thread_and_lose_none():
    total = 20_000
    source: Subject[int] = Subject()
    iterator = to_async_iter(source)

    async def collect() -> list[int]:
        got: list[int] = []
        async for item in iterator:
            got.append(item)
            await asyncio.sleep(0)
        return got

    producer = Background(lambda: (emit(source, *range(total)), source.on_completed()))
    async with asyncio.timeout(30):
        shares = await asyncio.gather(*(collect() for _ in range(4)))
    assert sorted(item for share in shares for item in share) == list(range(total))
    await asyncio.to_thread(producer.join)


# A body that never awaits, over a buffer that is never empty, leaves the event loop its turns


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time passes when it is told to."""

    now = 0.0

    def time(self) -> float:
        return self.now


def ready(count: int) -> AsyncItems[int]:
    """An iterator whose items have all come already."""
    source: Subject[int] = Subject()
    iterator = to_async_iter(source)
    emit(source, *range(count))
    source.on_completed()
    return iterator


class Busy:
    """A loop's body that takes a millisecond for each item, and another task that waits for its turns."""

    def __init__(self) -> None:
        self.seen = 0
        self.turns = [0.0]

    def work(self) -> None:
        asyncio.get_running_loop().now += 0.001  # type: ignore[attr-defined]
        self.seen += 1

    async def other(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.turns.append(asyncio.get_running_loop().time())

    def longest(self) -> float:
        return max(after - before for before, after in itertools.pairwise(self.turns))


def on_a_clock(main: Callable[[Busy], Coroutine[Any, Any, None]]) -> Busy:
    async def run() -> Busy:
        busy = Busy()
        other = asyncio.ensure_future(busy.other())
        await asyncio.sleep(0)
        await main(busy)
        other.cancel()
        return busy

    with asyncio.Runner(loop_factory=Clock) as runner:
        return runner.run(run())


def test_other_tasks_get_their_turn_every_ten_milliseconds_though_items_never_run_out():
    async def main(busy: Busy) -> None:
        async for _ in ready(1000):
            busy.work()

    busy = on_a_clock(main)
    assert busy.seen == 1000
    assert 0 < busy.longest() < 0.0101


def test_other_tasks_get_their_turn_while_each_awaits_a_handler_that_does_not():
    async def main(busy: Busy) -> None:
        async def handler(_: object) -> None:
            busy.work()

        stream = ctfy_rx.EventStream.over(reactivex.of(*[ctfy_rx.Event("flag_wrong", "{}")] * 1000))
        await stream.each(handler)

    busy = on_a_clock(main)
    assert busy.seen == 1000
    assert 0 < busy.longest() < 0.0101


def test_a_timeout_ends_a_loop_whose_items_never_run_out():
    async def main(busy: Busy) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                async for _ in ready(2000):
                    busy.work()

    assert 1000 <= on_a_clock(main).seen <= 1020


def test_a_turn_that_is_cancelled_loses_no_item():
    left: list[int] = []

    async def main(busy: Busy) -> None:
        iterator = ready(100)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                async for _ in iterator:
                    busy.work()
        left.extend([item async for item in iterator])

    seen = on_a_clock(main).seen
    assert 0 < seen < 100
    assert left == list(range(seen, 100))


def test_ctrl_c_ends_a_loop_whose_items_never_run_out():
    seen: list[int] = []

    async def main() -> None:
        async for item in ready(5000):
            seen.append(item)
            if item == 10:
                signal.raise_signal(signal.SIGINT)
            time.sleep(0.001)  # noqa: ASYNC251 - a body that blocks

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(main())
    finally:
        signal.signal(signal.SIGINT, before)
    assert 10 < len(seen) < 5000


# Interrupted loops, whose traceback somebody keeps, as a notebook does


@pytest.fixture
def ctrl_c(p: Platform) -> Iterator[None]:
    """Ctrl-C, pressed when the main thread waits for an item of an open connection."""
    waits = take.__code__
    main = threading.main_thread().ident or 0

    def press() -> None:
        until(lambda: p.connections == 1)
        until(lambda: sys._current_frames()[main].f_code is waits)
        signal.pthread_kill(main, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    pressing = Background(press)
    yield
    pressing.join()
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_in_a_loop_closes_the_connection_though_its_traceback_is_kept(p: Platform):
    def loop() -> None:
        for _ in ctfy_rx.events(p.url):
            pass

    with pytest.raises(KeyboardInterrupt) as kept:
        loop()
    assert p.opened == 1
    until(lambda: p.connections == 0)
    assert kept.traceback


async def test_a_cancelled_async_loop_closes_the_connection_though_its_traceback_is_kept(p: Platform):
    async def loop() -> None:
        async for _ in ctfy_rx.events(p.url):
            pass

    looping = asyncio.create_task(loop())
    await soon(lambda: p.connections == 1)
    looping.cancel()
    with pytest.raises(asyncio.CancelledError) as kept:
        await looping
    await soon(lambda: p.connections == 0)
    assert kept.traceback


async def test_one_wait_on_an_iterator_that_nobody_else_holds_gets_its_item():
    source: Subject[int] = Subject()
    waiting = asyncio.ensure_future(anext(to_async_iter(source)))
    await asyncio.sleep(0)
    gc.collect()
    source.on_next(1)
    assert await asyncio.wait_for(waiting, 5) == 1


async def test_an_iterator_survives_the_timeout_of_a_wait():
    source: Subject[int] = Subject()
    iterator = to_async_iter(source)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.01):
            await anext(iterator)
    assert len(source.observers) == 1
    source.on_next(1)
    assert await anext(iterator) == 1


def test_several_threads_share_the_items_of_others_and_lose_none_and_all_end():
    source: Subject[int] = Subject()
    items = to_iter(source)
    taken: list[list[int]] = [[], [], [], []]
    loops = [threading.Thread(target=own.extend, args=[items]) for own in taken]
    for loop in loops:
        loop.start()
    lock = threading.Lock()  # a source gives one item at a time

    def give(first: int) -> None:
        for number in range(first, first + 2000):
            with lock:
                source.on_next(number)

    givers = [threading.Thread(target=give, args=[first]) for first in (0, 2000)]
    for giver in givers:
        giver.start()
    for giver in givers:
        giver.join(PATIENCE)
    source.on_completed()
    for loop in loops:
        loop.join(PATIENCE)
    assert not any(loop.is_alive() for loop in loops)
    assert sorted(number for own in taken for number in own) == list(range(4000))
