"""`stream.cursor`: that of the last event which every present subscriber has returned from."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest
from reactivex.subject import Subject

import ctfy_rx
from ctfy_rx import Event, EventStream, to_iter
from ctfy_rx.demo.running import Platform

from ..support.waiting import PATIENCE, soon, until


class Given:
    """A stream of the events that a test gives it, each with its number as its cursor."""

    def __init__(self) -> None:
        self.source: Subject[Event] = Subject()
        self.stream = EventStream.over(self.source)

    def give(self, *numbers: int) -> None:
        for number in numbers:
            self.source.on_next(Event("tick", "{}", cursor=str(number)))


class Held:
    """A subscriber that stays in each event until it is let go."""

    def __init__(self, stream: EventStream) -> None:
        self.entered = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.subscription = stream.subscribe(self._on_next)

    def _on_next(self, _: Event) -> None:
        self.entered.release()
        assert self.go.acquire(timeout=PATIENCE)


def test_in_a_callback_it_is_that_of_the_event_before():
    given, seen = Given(), list[str | None]()
    given.stream.subscribe(lambda _: seen.append(given.stream.cursor))
    given.give(1, 2, 3)
    assert seen == [None, "1", "2"]
    assert given.stream.cursor == "3"


def test_an_event_that_is_of_no_log_does_not_move_it():
    given = Given()
    given.stream.subscribe()
    given.give(1)
    given.source.on_next(Event("scoreboard_updated", "{}"))
    assert given.stream.cursor == "1"


LOOPS: dict[str, Callable[[EventStream], ctfy_rx.delivery.iterators.Items[Event]]] = {
    "stream": iter,
    "derived": lambda stream: iter(stream.filter(bool)),
    "pipe": lambda stream: to_iter(stream.map(lambda event: event)),
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS.keys())
def test_a_loop_has_returned_from_an_event_when_it_asks_for_the_next(loop: Callable[[EventStream], object]):
    given = Given()
    items = loop(given.stream)
    given.give(1, 2, 3)
    assert given.stream.cursor is None
    next(items)
    assert given.stream.cursor is None
    next(items)
    assert given.stream.cursor == "1"
    next(items)
    assert given.stream.cursor == "2"


async def test_so_has_an_async_loop():
    given = Given()
    items = aiter(given.stream)
    given.give(1, 2)
    await anext(items)
    assert given.stream.cursor is None
    await anext(items)
    assert given.stream.cursor == "1"
    await items.aclose()


async def test_each_has_when_its_handler_has():
    given, seen = Given(), list[str | None]()

    async def handler(_: Event) -> None:
        seen.append(given.stream.cursor)

    hearing = asyncio.create_task(given.stream.each(handler))
    await soon(lambda: given.source.observers)
    given.give(1, 2)
    await soon(lambda: given.stream.cursor == "2")
    assert seen == [None, "1"]
    hearing.cancel()


def test_who_stands_behind_buffered_holds_it_back_while_it_is_in_an_event():
    given = Given()
    given.stream.subscribe()
    held = Held(given.stream.buffered())
    given.give(1, 2)
    assert held.entered.acquire(timeout=PATIENCE)
    assert given.stream.cursor is None
    held.go.release()
    assert held.entered.acquire(timeout=PATIENCE)
    assert given.stream.cursor == "1"
    held.go.release()
    until(lambda: given.stream.cursor == "2")


def test_a_loop_behind_buffered_holds_it_back_too():
    given = Given()
    items = iter(given.stream.buffered())
    given.give(1, 2)
    next(items)
    assert given.stream.cursor is None
    next(items)
    assert given.stream.cursor == "1"
    items.close()


def test_the_slowest_of_several_decides():
    given = Given()
    quick, slow = iter(given.stream), iter(given.stream)
    given.give(1, 2, 3)
    for _ in range(3):
        next(quick)
    next(slow)
    assert given.stream.cursor is None
    next(slow)
    assert given.stream.cursor == "1"


@pytest.mark.parametrize("leave", ["close", "forget"])
def test_who_has_left_does_not_hold_it_back(leave: str):
    given = Given()
    given.stream.subscribe()
    items = iter(given.stream)
    given.give(1, 2, 3)
    next(items)
    if leave == "close":
        items.close()
    del items
    gc.collect()
    assert given.stream.cursor == "3"


def test_who_is_disposed_of_behind_buffered_does_not_hold_it_back():
    given = Given()
    given.stream.subscribe()
    held = Held(given.stream.buffered())
    given.give(1, 2, 3)
    assert held.entered.acquire(timeout=PATIENCE)
    held.subscription.dispose()
    held.go.release()
    until(lambda: given.stream.cursor == "3")


def test_what_a_buffer_has_dropped_does_not_hold_it_back():
    given = Given()
    items = to_iter(given.stream, buffer=2, on_drop=lambda _: None)
    given.give(1, 2, 3, 4)
    assert given.stream.cursor == "2"
    assert items.dropped == 2
    given.stream.subscribe()
    held = Held(given.stream.buffered(1))
    items.close()
    given.give(5)
    assert held.entered.acquire(timeout=PATIENCE)
    given.give(6, 7)
    assert given.stream.cursor == "4"
    held.go.release()
    until(lambda: given.stream.cursor == "6")
    held.go.release()
    until(lambda: given.stream.cursor == "7")


@pytest.mark.parametrize("buffered", [False, True])
def test_what_waits_when_the_stream_is_closed_is_not_counted(buffered: bool):
    given = Given()
    items = iter(given.stream.buffered() if buffered else given.stream)
    given.give(1, 2, 3)
    next(items)
    next(items)
    given.stream.close()
    assert next(items, None) is None
    assert given.stream.cursor == "2"


def test_so_an_app_that_is_restarted_from_it_repeats_at_most_what_it_was_in(p: Platform):
    done: list[int | None] = []
    with ctfy_rx.events(p.url, token=p.admin_token, initial=0.02) as stream:
        answers = iter(stream.of_event("flag_wrong"))
        until(lambda: p.connections)
        for _ in range(5):
            p.wrong(team=0, challenge=0)
        done += [next(answers).log_id for _ in range(3)]  # in the third of them it is killed
        kept = stream.cursor
    with ctfy_rx.events(p.url, token=p.admin_token, since=kept) as stream:
        answers = iter(stream.of_event("flag_wrong"))
        again = [next(answers).log_id for _ in range(3)]
    assert done + again[1:] == [int(row.id) for row in p.rows]
    assert again[0] == done[-1]


async def test_an_async_app_likewise(p: Platform):
    async with ctfy_rx.events(p.url, token=p.admin_token) as stream:
        answers = aiter(stream.of_event("flag_wrong"))
        await soon(lambda: p.connections)
        for _ in range(3):
            p.wrong(team=0, challenge=0)
        await anext(answers)
        second = await anext(answers)
        first = stream.cursor
        await anext(answers)
        assert stream.cursor == second.cursor
        assert first != second.cursor


@pytest.mark.parametrize("leave", ["break", "raise"])
def test_what_the_last_loop_leaves_unread_is_not_counted(p: Platform, leave: str):
    """An app that goes on from it repeats the event that it was in, and misses none."""
    for _ in range(10):
        p.wrong(team=0, challenge=0)

    def handled(since: str, there: int) -> tuple[list[int | None], str]:
        ids: list[int | None] = []
        with suppress(ValueError), ctfy_rx.events(p.url, token=p.admin_token, since=since) as stream:
            for event in stream.wrong_answers():
                ids.append(event.log_id)
                until(lambda: stream.stats.events >= there)  # the others wait in the loop's buffer
                if len(ids) == 3 and leave == "break":
                    break
                if len(ids) == 3:
                    raise ValueError
        return ids, stream.cursor or ""

    first, cursor = handled("start", 10)
    assert first == [1, 2, 3]
    assert handled(cursor, 8)[0] == [3, 4, 5]


def test_who_comes_after_a_loop_has_left_does_not_wait_for_what_it_left():
    given = Given()
    with given.stream.connect():
        loop = to_iter(given.stream)
        given.give(1, 2, 3)
        next(loop)
        loop.close()
        given.give(4)
        assert given.stream.cursor is None
        given.stream.subscribe()
        given.give(5)
        assert given.stream.cursor == "5"
