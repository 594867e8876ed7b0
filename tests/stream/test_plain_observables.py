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

from ..support.waiting import soon

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


def test_the_status_and_the_boards_are_no_exception(p: Platform):
    with ctfy_rx.events(p.url, token=p.admin_token) as stream:
        states = iter(stream.status)
        assert next(states).state == "idle"
        board = next(iter(stream.scoreboard(p.competition_id)))
        assert board.standings
        states.close()


def test_nothing_of_a_recording_is_dropped_behind_an_operator(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    stream_of_events().record(path).wait()
    replayed = ctfy_rx.replay(path).map(lambda event: event.data["n"])
    slow = ctfy_rx.to_iter(replayed, buffer=1)
    assert list(slow) == [0, 1, 2, 3, 4]
    assert slow.dropped == 0


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
