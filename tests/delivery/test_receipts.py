"""Who is done with an event, and when: what a source that acknowledges needs to know."""

from __future__ import annotations

import asyncio
import threading

import reactivex
from reactivex.subject import Subject

from ctfy_rx import Event, EventStream, Open
from ctfy_rx.delivery.iterators import AsyncItems, Items
from ctfy_rx.delivery.receipts import Receipt, Receipts
from ctfy_rx.status import Waiting

from ..support.threads import stands_in
from ..support.waiting import PATIENCE, Background, soon, until


class Source:
    """Gives events, and keeps what becomes of them."""

    def __init__(self):
        self.receipts = Receipts()
        self.settled = []
        self.events = Subject()
        self.stream = EventStream.over(self.events, receipts=self.receipts)

    def give(self, name):
        receipt = Receipt(lambda well: self.settled.append((name, well)))
        self.receipts.deliver(receipt, lambda: self.events.on_next(Event(name, "{}")))


def test_a_callback_is_done_when_it_returns():
    source = Source()
    source.stream.subscribe(lambda event: source.settled.append(event.event))
    source.give("a")
    assert source.settled == ["a", ("a", True)]


def test_a_callback_that_raises_has_failed(caplog):
    source = Source()
    source.stream.subscribe(lambda _: 1 / 0)
    source.give("a")
    assert source.settled == [("a", False)]
    assert "ZeroDivisionError" in caplog.text


def test_a_loop_is_done_with_an_item_when_it_asks_for_the_next():
    source = Source()
    items = iter(source.stream.filter(lambda event: event.event != "b"))
    for name in "abc":
        source.give(name)
    assert source.settled == [("b", True)]
    next(items)
    assert source.settled == [("b", True)]
    next(items)
    assert source.settled == [("b", True), ("a", True)]


def test_a_loop_that_is_left_has_failed_with_the_rest():
    source = Source()
    items = iter(source.stream)
    source.give("a")
    source.give("b")
    next(items)
    items.close()
    assert source.settled == [("a", False), ("b", False)]


def test_a_loop_whose_stream_is_closed_has_failed_with_what_waited_and_not_with_what_it_has_taken():
    source = Source()
    items = iter(source.stream)
    for name in "abc":
        source.give(name)
    next(items)
    source.stream.close()
    assert source.settled == [("b", False), ("c", False)]
    assert list(items) == []
    assert source.settled[2:] == [("a", True)]


def test_a_loop_over_two_streams_of_which_one_is_closed_goes_on_with_what_waits():
    one, other = Source(), EventStream.over(Subject())
    items = Items(one.stream.merge(other.map(lambda event: event)))
    one.give("a")
    other.close()
    assert one.settled == []
    next(items)
    items.close()
    assert one.settled == [("a", False)]


def test_an_event_that_comes_to_a_loop_while_its_stream_is_being_closed_has_failed():
    source = Source()
    source.stream.subscribe(lambda _: source.stream.close())
    items = iter(source.stream)
    source.give("a")
    assert list(items) == []
    assert source.settled == [("a", False)]


async def test_an_event_is_done_with_when_another_task_takes_the_next():
    source = Source()
    items = aiter(source.stream)
    waiting = [asyncio.ensure_future(anext(items)) for _ in range(2)]
    await asyncio.sleep(0)  # both wait
    source.give("a")
    source.give("b")
    await asyncio.gather(*waiting)
    source.give("c")
    assert (await anext(items)).event == "c"
    assert source.settled == [("a", True), ("b", True)]
    await items.aclose()
    assert source.settled[2:] == [("c", False)]


async def test_who_shares_a_loop_is_not_done_with_what_another_still_works_on():
    source = Source()
    items = aiter(source.stream)
    go_on = asyncio.Event()

    async def slow() -> None:
        async for _ in items:
            await go_on.wait()

    async def quick() -> None:
        async for _ in items:
            pass

    tasks = [asyncio.ensure_future(slow()), asyncio.ensure_future(quick())]
    await asyncio.sleep(0)  # both wait
    for name in "abc":
        source.give(name)
    await soon(lambda: source.settled == [("b", True), ("c", True)])
    go_on.set()
    await soon(lambda: ("a", True) in source.settled)
    await items.aclose()
    await asyncio.gather(*tasks)


async def test_an_item_that_was_waited_for_with_a_time_limit_is_done_with_when_the_next_is():
    source = Source()
    async with aiter(source.stream) as items:
        for name in "abc":
            source.give(name)
            assert (await asyncio.wait_for(anext(items), 30)).event == name
        assert source.settled == [("a", True), ("b", True)]


def test_a_thread_that_shares_a_loop_is_not_done_with_what_another_still_works_on():
    source = Source()
    items = iter(source.stream)
    for name in "abc":
        source.give(name)
    next(items)
    taken = Background(lambda: [next(items), next(items)]).join()
    assert [each.event for each in taken] == ["b", "c"]
    assert source.settled == [("b", True)]
    items.close()
    assert sorted(source.settled[1:]) == [("a", False), ("c", False)]


def test_all_who_hear_an_event_must_be_done_with_it():
    source = Source()
    first, second = iter(source.stream), iter(source.stream)
    source.give("a")
    source.give("b")
    for items in (first, second):
        next(items)
    next(first)
    assert source.settled == []
    next(second)
    assert source.settled == [("a", True)]
    for items in (first, second):
        items.close()


async def test_an_asynchronous_loop_does_as_well():
    source = Source()
    async with source.stream.__aiter__() as items:
        source.give("a")
        source.give("b")
        await anext(items)
        assert source.settled == []
        await anext(items)
        assert source.settled == [("a", True)]
    assert source.settled == [("a", True), ("b", False)]


def test_a_cold_source_that_does_not_acknowledge_has_no_receipts():
    assert EventStream.over(reactivex.empty(), cold=True).receipts is None


def test_a_source_that_is_made_tells_its_status():
    told = []

    def made(tell):
        tell(Open(who="somewhere"))
        tell(Waiting(1.0, None, 1))
        return reactivex.of(Event("a", "{}", cursor="1@2026-05-01T18:00:00+00:00"))

    stream = EventStream.over(made)
    stream.status.subscribe(lambda status: told.append(status.state))
    assert [event.event for event in stream] == ["a"]
    assert told == ["idle", "open", "waiting", "closed"]
    assert (stream.stats.events, stream.stats.reconnects) == (1, 1)
    assert stream.cursor == "1@2026-05-01T18:00:00+00:00"


def test_an_acknowledging_source_whose_events_have_cursors_knows_both():
    source = Source()
    items = iter(source.stream)
    for cursor in "ab":
        receipt = Receipt(lambda well, cursor=cursor: source.settled.append((cursor, well)))
        event = Event("tick", "{}", cursor=cursor)
        source.receipts.deliver(receipt, lambda event=event: source.events.on_next(event))
    next(items)
    assert (source.settled, source.stream.cursor) == ([], None)
    next(items)
    assert (source.settled, source.stream.cursor) == ([("a", True)], "a")
    items.close()
    assert (source.settled[1:], source.stream.cursor) == ([("b", False)], "a")  # nobody was done with it


def buffer_of(items):
    """What waits for `items`."""
    return (items._queue if isinstance(items, Items) else items._mailbox)._items


def dropping_while_an_item_is_taken(source, items):
    """Have another thread, as it were, give two events more while the next item is being taken: one event
    that waits is dropped for them."""
    buffer = buffer_of(items)
    take = buffer.take

    def take_and_drop():
        kept = take()
        buffer.take = take
        source.give("c")
        source.give("d")
        return kept

    buffer.take = take_and_drop


def test_an_event_that_is_dropped_while_a_loop_takes_another_has_failed_and_not_the_other():
    source = Source()
    items = Items(source.stream, buffer=2)
    source.give("a")
    source.give("b")
    dropping_while_an_item_is_taken(source, items)
    assert next(items).event == "a"
    assert source.settled == [("b", False)]
    assert next(items).event == "c"
    assert source.settled == [("b", False), ("a", True)]
    items.close()


async def test_nor_does_an_asynchronous_loop_swap_them():
    source = Source()
    async with AsyncItems(source.stream, buffer=2) as items:
        source.give("a")
        source.give("b")
        dropping_while_an_item_is_taken(source, items)
        assert (await anext(items)).event == "a"
        assert source.settled == [("b", False)]
        assert (await anext(items)).event == "c"
        assert source.settled == [("b", False), ("a", True)]


def test_an_event_that_comes_while_a_loop_is_left_has_failed():
    source = Source()
    items = Items(source.stream)
    buffer = buffer_of(items)
    put = buffer.put

    def close_and_put(kept):
        items.close()
        put(kept)

    buffer.put = close_and_put
    source.give("a")
    assert source.settled == [("a", False)]


def test_an_event_for_which_there_was_no_room_until_its_slow_subscriber_left_has_failed():
    source, held = Source(), threading.Semaphore(0)
    entered = threading.Event()

    def hold(_):
        entered.set()
        held.acquire()

    slow = source.stream.buffered(1, policy="block").subscribe(hold)
    staying = source.stream.subscribe()
    source.give("a")
    assert entered.wait(PATIENCE)
    source.give("b")
    waiting = Background(lambda: source.give("c"))
    until(lambda: stands_in(waiting._thread, "take"))
    slow.dispose()
    waiting.join()
    assert dict(source.settled) == {"b": False, "c": False}
    held.release()
    staying.dispose()
