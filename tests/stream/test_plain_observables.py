"""What is made of a stream and is no stream itself can be iterated over as well."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import reactivex
from reactivex import Subject
from reactivex import operators as ops

import ctfy_rx
from ctfy_rx import ConfigurationError, Event, EventStream
from ctfy_rx.demo.running import Platform

from ..support.waiting import Background, soon

EVENTS = [Event("flag_wrong", f'{{"n": {number}}}') for number in range(5)]


def stream_of_events() -> EventStream[Any]:
    return EventStream.over(reactivex.from_iterable(EVENTS), cold=True)


MADE = {
    "map": lambda stream: stream.map(lambda event: event.data["n"]),
    "pipe": lambda stream: stream.pipe(ops.map(lambda event: event.data["n"])),
    "map of a pipe": lambda stream: stream.pipe(ops.map(lambda event: event.data)).map(
        lambda data: data["n"]
    ),
    "scan": lambda stream: stream.scan(lambda count, _: count + 1, -1),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_a_for_loop_gives_the_items_and_ends_with_them(make: Any):
    assert list(make(stream_of_events())) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
async def test_an_asynchronous_loop_as_well(make: Any):
    assert [item async for item in make(stream_of_events())] == [0, 1, 2, 3, 4]


def test_break_leaves_the_source():
    source: Subject[Any] = Subject()
    stream = EventStream.over(source)
    mapped = stream.map(lambda event: event.data["n"])
    items = iter(mapped)
    source.on_next(EVENTS[3])
    for item in items:
        assert item == 3
        break
    items.close()
    assert not source.observers


def test_an_item_by_its_place_is_still_an_observable_of_it():
    assert list(stream_of_events().map(lambda event: event.data["n"])[2]) == [2]


def test_two_of_them_can_be_compared():
    source: Subject[Event] = Subject()
    stream, equal = EventStream.over(source), list[bool]()
    stream.map(lambda event: event.event).sequence_equal(stream.map(lambda event: event.event)).subscribe(
        equal.append
    )
    stream.sequence_equal(EVENTS[:1]).subscribe(equal.append)
    source.on_next(EVENTS[0])
    source.on_completed()
    assert equal == [True, True]


def test_the_status_and_the_boards_are_no_exception(p: Platform):
    with ctfy_rx.events(p.url, token=p.admin_token) as stream:
        states = iter(stream.status)
        assert next(states).state == "idle"
        board = next(iter(stream.scoreboard(p.competition_id)))
        assert board.standings
        states.close()


def test_nothing_of_a_recording_is_dropped_and_behind_an_operator_where_that_is_said(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    stream_of_events().record(path).wait()
    replayed = ctfy_rx.replay(path)
    for items in (
        ctfy_rx.to_iter(replayed, buffer=1),
        ctfy_rx.to_iter(replayed.map(lambda event: event.data["n"]), buffer=1, waits=True),
    ):
        assert len(list(items)) == 5
        assert items.dropped == 0


async def test_a_live_source_that_is_merged_with_a_recording_has_a_bounded_buffer():
    live: Subject[int] = Subject()
    mixed = stream_of_events().pipe(ops.map(lambda event: event.data["n"]), ops.merge(live))
    async with ctfy_rx.to_async_iter(mixed, buffer=3, on_drop=lambda _: None) as items:
        await soon(lambda: live.observers)
        for number in range(10, 20):
            live.on_next(number)
        assert items.dropped >= 7


def test_the_body_of_a_loop_may_feed_what_is_merged_with_its_recording(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    EventStream.over(reactivex.from_iterable(EVENTS * 100), cold=True).record(path).wait()
    live: Subject[Event] = Subject()
    mixed = ctfy_rx.replay(path, speed=None).pipe(ops.merge(live))

    def feed() -> None:
        for number, event in enumerate(ctfy_rx.to_iter(mixed, buffer=1, on_drop=lambda _: None)):
            live.on_next(event)
            if number == 50:
                break

    Background(feed).join()


async def test_a_for_loop_on_the_loop_that_reads_is_refused(p: Platform):
    async with ctfy_rx.events(p.url, token=p.admin_token) as stream:
        events = aiter(stream)
        waiting = asyncio.ensure_future(anext(events))
        await soon(lambda: p.connections)
        with pytest.raises(ConfigurationError, match="async for"):
            iter(stream.map(lambda event: event.event))
        waiting.cancel()
        await events.aclose()


def test_ctrl_c_in_a_loop_is_not_chained_to_an_empty_buffer():
    given: Subject[Any] = Subject()
    items = iter(EventStream.over(given))

    def interrupt() -> None:
        raise KeyboardInterrupt

    items._queue._wait = interrupt
    with pytest.raises(KeyboardInterrupt) as caught:
        next(items)
    assert caught.value.__context__ is None


async def test_a_cancelled_wait_is_not_chained_to_an_empty_buffer():
    items = aiter(EventStream.over(Subject[Any]()))
    waiting = asyncio.ensure_future(anext(items))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await waiting
    assert caught.value.__context__ is None or isinstance(caught.value.__context__, asyncio.CancelledError)
    await items.aclose()
