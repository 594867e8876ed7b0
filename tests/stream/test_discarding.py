"""After `close()` no further event comes to a loop: what waits in its buffer is discarded, and counted."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import httpx
import pytest
import reactivex
from reactivex import Subject
from reactivex import operators as ops

import ctfy_rx
from ctfy_rx import Event, EventStream, to_async_iter, to_iter
from ctfy_rx.operators import buffered

from ..support.servers import CLOSE_DELIMITED, Peer, Server, frame
from ..support.waiting import Background, until

PATIENCE = 10.0


def sends_five_at_once(peer: Peer) -> None:
    peer.read_request()
    peer.send(CLOSE_DELIMITED, b"".join(frame(f"tick_{number}") for number in range(5)))
    peer.stay()


@pytest.fixture
def five() -> Iterator[Server]:
    with Server(sends_five_at_once) as server:
        yield server


class Given:
    """A stream of the events that a test gives it."""

    def __init__(self) -> None:
        self.source: Subject[Event] = Subject()
        self.stream = EventStream.over(self.source)

    def give(self, *names: str) -> None:
        for name in names:
            self.source.on_next(Event(name, "{}"))


def names(items: Iterable[Any]) -> list[str]:
    return [item.event for item in items]


async def names_of(items: AsyncIterable[Any]) -> list[str]:
    return [item.event async for item in items]


def discarded(caplog: pytest.LogCaptureFixture) -> list[int]:
    """What the log tells, of each loop."""
    told = (re.match(r"(\d+) items that waited for a loop were discarded", text) for text in caplog.messages)
    return [int(found[1]) for found in told if found]


# A loop that closes its own stream

LOOPS: dict[str, Callable[[EventStream[Any]], Iterator[Any]]] = {
    "stream": iter,
    "derived": lambda stream: iter(stream.of_event("tick_*").filter(bool)),
    "merged": lambda stream: iter(stream.merge(reactivex.never())),
    "merged with another stream": lambda stream: iter(stream.merge(EventStream.over(reactivex.never()))),
    "to_iter": to_iter,
    "to_iter of a plain observable": lambda stream: to_iter(stream.map(lambda event: event)),
}
ASYNC_LOOPS: dict[str, Callable[[EventStream[Any]], AsyncIterator[Any]]] = {
    "stream": aiter,
    "derived": lambda stream: aiter(stream.of_event("tick_*").filter(bool)),
    "to_async_iter of a plain observable": lambda stream: to_async_iter(stream.map(lambda event: event)),
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS.keys())
def test_a_loop_that_closes_its_stream_ends_after_that_event(five: Server, loop: Any):
    for _ in range(10):  # the reader is somewhere in the chunk meanwhile
        stream = ctfy_rx.events(five.url)
        heard = []
        for event in loop(stream):
            heard.append(event.event)
            stream.close()
        assert heard == ["tick_0"]


@pytest.mark.parametrize("client", [None, httpx.Client, httpx.AsyncClient], ids=["loop", "thread", "its"])
@pytest.mark.parametrize("loop", ASYNC_LOOPS.values(), ids=ASYNC_LOOPS.keys())
async def test_an_async_loop_that_closes_its_stream_ends_after_that_event(
    five: Server, loop: Any, client: Any
):
    for _ in range(10):
        stream = ctfy_rx.events(five.url, client_factory=client)
        heard = []
        async for event in loop(stream):
            heard.append(event.event)
            stream.close()
        assert heard == ["tick_0"]


async def test_each_ends_after_the_event_whose_handler_closes_the_stream(five: Server):
    stream = ctfy_rx.events(five.url)
    heard = []

    async def handler(event: Event) -> None:
        heard.append(event.event)
        stream.close()

    await stream.each(handler)
    assert heard == ["tick_0"]


def test_a_callback_that_closes_the_stream_is_the_last_to_hear_anything(five: Server):
    stream = ctfy_rx.events(five.url)
    heard: list[str] = []
    stream.subscribe(lambda event: (heard.append(event.event), stream.close()))
    assert stream.wait(PATIENCE)
    assert heard == ["tick_0"]


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS.keys())
def test_a_loop_that_closes_its_stream_ends_after_that_event_though_the_source_has_ended(loop: Any):
    stream = EventStream.over(reactivex.of(*(Event(f"tick_{number}", "{}") for number in range(5))))
    heard = []
    for event in loop(stream):
        heard.append(event.event)
        stream.close()
    assert heard == ["tick_0"]


@pytest.mark.parametrize("loop", ASYNC_LOOPS.values(), ids=ASYNC_LOOPS.keys())
async def test_an_async_loop_that_closes_its_stream_ends_though_the_source_has_ended(loop: Any):
    stream = EventStream.over(reactivex.of(*(Event(f"tick_{number}", "{}") for number in range(5))))
    heard = []
    async for event in loop(stream):
        heard.append(event.event)
        stream.close()
    assert heard == ["tick_0"]


# What waits, and what is on its way


def test_what_waits_is_discarded_and_its_number_is_logged_once_for_each_loop(
    caplog: pytest.LogCaptureFixture,
):
    given = Given()
    first, second, third = iter(given.stream), iter(given.stream.of_event("a")), iter(given.stream)
    with caplog.at_level(logging.INFO, "ctfy_rx"):
        given.give("a", "b", "a", "b", "b")
        next(first)
        list(map(next, [third] * 5))
        given.stream.close()
        assert names(first) == names(second) == names(third) == []
        given.stream.close()
    assert sorted(discarded(caplog)) == [2, 4]
    assert {record.name for record in caplog.records} == {"ctfy_rx"}


async def test_what_waits_for_an_async_loop_is_discarded_and_its_number_is_logged(
    caplog: pytest.LogCaptureFixture,
):
    given = Given()
    items = aiter(given.stream)
    with caplog.at_level(logging.INFO, "ctfy_rx"):
        given.give("a", "b", "c")
        await anext(items)
        given.stream.close()
        assert await names_of(items) == []
    assert discarded(caplog) == [2]


def test_what_a_loop_left_behind_that_has_ended_before_is_not_counted(caplog: pytest.LogCaptureFixture):
    given = Given()
    items = iter(given.stream)
    given.give("a", "b", "c")
    items.close()
    with caplog.at_level(logging.INFO, "ctfy_rx"):
        given.stream.close()
    assert discarded(caplog) == []


def test_nothing_is_logged_where_nothing_waits(caplog: pytest.LogCaptureFixture):
    given = Given()
    with caplog.at_level(logging.DEBUG, "ctfy_rx"), to_iter(given.stream) as items:
        given.give("a")
        next(items)
        given.stream.close()
        assert names(items) == []
    assert discarded(caplog) == []


def test_what_waits_for_a_slow_subscriber_is_discarded_and_its_number_is_logged(
    caplog: pytest.LogCaptureFixture,
):
    given, heard = Given(), list[str]()
    entered, go, ended = threading.Event(), threading.Event(), threading.Event()

    def hear(event: Event) -> None:
        heard.append(event.event)
        entered.set()
        assert go.wait(PATIENCE)

    given.stream.buffered().subscribe(hear, on_completed=ended.set)
    given.give("a", "b", "c")
    assert entered.wait(PATIENCE)
    with caplog.at_level(logging.INFO, "ctfy_rx"):
        given.stream.close()
        assert not ended.is_set()
        go.set()
        assert ended.wait(PATIENCE)
    assert heard == ["a"]
    assert "2 items that waited for a slow subscriber were discarded" in caplog.messages


def test_what_an_operator_holds_still_comes_to_a_slow_subscriber():
    given, heard, ended = Given(), list[str](), threading.Event()
    last = given.stream.take_last(2).buffered()
    last.subscribe(lambda event: heard.append(event.event), on_completed=ended.set)
    given.give("a", "b", "c")
    given.stream.close()
    assert ended.wait(PATIENCE)
    assert heard == ["b", "c"]


def test_a_slow_subscriber_of_what_never_ends_completes_when_its_stream_is_closed():
    given, ended = Given(), threading.Event()
    given.stream.merge(reactivex.never()).buffered().subscribe(on_completed=ended.set)
    given.stream.close()
    assert ended.wait(PATIENCE)


def test_a_slow_subscriber_may_close_its_stream():
    given, heard, ended = Given(), list[str](), threading.Event()

    def hear(event: Event) -> None:
        heard.append(event.event)
        given.stream.close()

    given.stream.buffered().subscribe(hear, on_completed=ended.set)
    given.give("a", "b", "c")
    assert ended.wait(PATIENCE)
    assert heard == ["a"]


def test_who_left_in_the_middle_of_an_item_holds_up_nobodys_end():
    given, entered, go, ended = Given(), threading.Event(), threading.Event(), threading.Event()
    leaving = given.stream.buffered().subscribe(lambda _: (entered.set(), go.wait(PATIENCE)))
    given.stream.merge(reactivex.never()).subscribe(on_completed=ended.set)
    given.give("a")
    assert entered.wait(PATIENCE)
    leaving.dispose()
    given.stream.close()
    assert ended.is_set()
    go.set()


class InDelivery:
    """One event is being delivered, on a thread: to a callback, which holds it up, before it comes to the
    loop."""

    def __init__(self) -> None:
        self.given = Given()
        self.inside, self.go_on = threading.Event(), threading.Event()

    def hold_up(self, event: Event) -> None:
        if event.event == "late":
            self.inside.set()
            self.go_on.wait(PATIENCE)

    def begin(self) -> Background:
        delivering = Background(lambda: self.given.give("early", "late"))
        assert self.inside.wait(PATIENCE)
        return delivering


def test_an_event_that_is_on_its_way_to_the_loop_does_not_come_any_more():
    delivery = InDelivery()
    delivery.given.stream.subscribe(delivery.hold_up)
    items = iter(delivery.given.stream)
    delivering = delivery.begin()
    assert next(items).event == "early"
    delivery.given.stream.close()
    delivery.go_on.set()
    delivering.join()
    assert names(items) == []


async def test_an_event_that_is_on_its_way_to_the_async_loop_does_not_come_any_more():
    delivery = InDelivery()
    delivery.given.stream.subscribe(delivery.hold_up)
    items = aiter(delivery.given.stream)
    delivering = await asyncio.to_thread(delivery.begin)
    assert (await anext(items)).event == "early"
    delivery.given.stream.close()
    delivery.go_on.set()
    await asyncio.to_thread(delivering.join)
    assert await names_of(items) == []


def test_loops_that_wait_on_several_threads_all_end():
    given = Given()
    items = iter(given.stream)
    waiting = [Background(lambda: names(items)) for _ in range(3)]
    given.stream.close()
    assert [loop.join() for loop in waiting] == [[]] * 3


def test_a_source_that_ends_while_its_stream_is_being_closed_ends_the_loop():
    """Whichever comes first, and however the two meet."""
    for _ in range(200):
        given = Given()
        items = iter(given.stream)
        given.give("a", "b")
        ending = Background(given.source.on_completed)
        given.stream.close()
        looping = Background(lambda items=items: names(items))
        ending.join()
        assert looping.join() in ([], ["a", "b"])


# Completion still lets operators give what they hold


def test_what_operators_hold_comes_after_the_closing():
    given = Given()
    last, pairs = iter(given.stream.take_last(2)), to_iter(given.stream.buffer_with_count(2))
    given.give("a", "b", "c", "d", "e")
    given.stream.close()
    assert names(last) == ["d", "e"]
    assert [names(pair) for pair in pairs] == [["e"]]


async def test_what_operators_hold_comes_to_async_loops_after_the_closing():
    given = Given()
    last, pairs = aiter(given.stream.take_last(2)), to_async_iter(given.stream.buffer_with_count(2))
    given.give("a", "b", "c", "d", "e")
    given.stream.close()
    assert await names_of(last) == ["d", "e"]
    assert [names(pair) async for pair in pairs] == [["e"]]


@pytest.mark.parametrize(
    "made",
    [
        lambda stream: stream.merge(reactivex.never()).take_last(2).buffered(),
        lambda stream: stream.skip_last(1).take_last(1).merge(stream.take_last(1)).buffered(),
        lambda stream: stream.skip(1).buffer_with_count(5).flat_map(reactivex.from_iterable).pipe(buffered()),
    ],
    ids=["merged", "from two", "of a list"],
)
def test_what_operators_hold_comes_after_the_closing_to_slow_subscribers(made: Callable[[Any], Any]):
    given, got, ended = Given(), list[str](), threading.Event()
    made(given.stream).subscribe(lambda event: got.append(event.event), on_completed=ended.set)
    given.give("a", "b", "c")
    given.stream.close()
    assert ended.wait(PATIENCE)
    assert got == ["b", "c"]


def test_what_operators_hold_comes_also_where_the_closing_waits_for_a_delivery():
    delivery = InDelivery()
    delivery.given.stream.subscribe(delivery.hold_up)
    items = iter(delivery.given.stream.take_last(5))
    delivering = delivery.begin()
    delivery.given.stream.close()
    looping = Background(lambda: names(items))
    delivery.go_on.set()
    delivering.join()
    assert looping.join() == ["early", "late"]  # what was being delivered came to the operator still


def test_a_stream_that_ends_by_itself_discards_nothing():
    given = Given()
    items = iter(given.stream)
    given.give("a", "b")
    given.source.on_completed()
    assert names(items) == ["a", "b"]


# Loops over several streams


def test_the_closing_of_a_stream_that_another_has_merged_in_discards_nothing_of_that():
    ours, theirs = Given(), Given()
    items = iter(ours.stream.merge(theirs.stream))
    ours.give("ours")
    theirs.give("theirs")
    theirs.stream.close()
    ours.give("ours again")
    assert names([next(items), next(items), next(items)]) == ["ours", "theirs", "ours again"]
    ours.give("waits")
    ours.stream.close()
    assert names(items) == []


def test_a_loop_over_two_streams_goes_on_until_both_are_closed():
    one, other = Given(), Given()
    items = to_iter(reactivex.merge(one.stream.map(lambda event: event), other.stream))
    one.give("a")
    other.give("b")
    one.stream.close()
    other.give("c")
    assert names([next(items), next(items)]) == ["a", "b"]
    other.stream.close()
    assert names(items) == []


# Sources that wait for their loops


def counting(stop: threading.Event) -> Callable[[Any, Any], Any]:
    """A source that gives events as fast as they are taken, on a thread, until it is disposed."""

    def subscribe(observer: Any, _: Any = None) -> Any:
        def run() -> None:
            while not stop.is_set():
                observer.on_next(Event("tick", "{}"))

        threading.Thread(target=run, name="counting", daemon=True).start()
        return reactivex.disposable.Disposable(stop.set)

    return subscribe


def test_a_source_that_its_loop_holds_up_is_let_go_by_the_closing():
    stop = threading.Event()
    stream = EventStream.over(reactivex.Observable(counting(stop)), cold=True)
    items = to_iter(stream.pipe(ops.map(lambda event: event)), buffer=4, waits=True)
    for _ in items:
        until(lambda: len(items._queue._items) >= 4)
        stream.close()
    until(lambda: not [each for each in threading.enumerate() if each.name == "counting"])


@pytest.mark.parametrize("buffer", [4, 10_000])  # some wait, or all, and the source has ended
async def test_a_loop_over_a_replay_that_closes_it_ends_after_that_event(tmp_path: Any, buffer: int):
    given = Given()
    with given.stream.record(tmp_path / "day.jsonl"):
        given.give(*["tick"] * 3000)
    stream = ctfy_rx.replay(tmp_path / "day.jsonl", speed=1000)
    heard = []
    async for event in to_async_iter(stream, buffer=buffer, waits=True):
        heard.append(event)
        await asyncio.sleep(0.01)
        stream.close()
    assert len(heard) == 1
