"""A recording, replayed: all of it, to each subscriber, in its own time or in another."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from reactivex import operators as ops
from reactivex.testing import TestScheduler

import ctfy_rx
from ctfy_rx import EventStream, replay, to_iter
from ctfy_rx.errors import BadRecording, ConfigurationError, StreamClosed
from ctfy_rx.event import Event
from ctfy_rx.status import Closed, Idle
from ctfy_rx.threads.waiting import Alarm

from ..support.threads import started
from ..support.waiting import PATIENCE, until
from .files import BEGAN, event, written


@pytest.fixture
def hour(tmp_path: Path) -> Path:
    """An hour: an event at its beginning, in its middle and at its end."""
    return written(tmp_path / "hour.jsonl", event(0), event(1, at=1800), event(2, at=3600))


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """More events than a buffer holds."""
    return written(tmp_path / "many.jsonl", *(event(number) for number in range(3000)))


def ids(events: Any) -> list[int]:
    return [each.log_id for each in events]


def threads() -> list[threading.Thread]:
    return started("ctfy_rx replay")


def until_no_thread_is_left() -> None:
    until(lambda: not threads())


def played(stream: EventStream[Any], **options: Any) -> tuple[TestScheduler, list[tuple[float, Any]]]:
    """What is heard when, in seconds of a clock that begins at 0."""
    clock = TestScheduler()
    heard: list[tuple[float, Any]] = []

    def hear(what: Any) -> None:
        heard.append((clock.to_seconds(clock.now), what))

    stream.subscribe(
        lambda each: hear(each.log_id), hear, lambda: hear("end"), **({"scheduler": clock} | options)
    )
    clock.advance_to(100_000.0)
    return clock, heard


def test_nothing_is_read_until_somebody_subscribes(tmp_path: Path):
    stream = replay(tmp_path / "nowhere.jsonl")
    assert stream.status.current == Idle()
    with pytest.raises(BadRecording, match=r"nowhere\.jsonl cannot be read: No such file or directory"):
        list(stream)


def test_events_are_what_they_were_but_for_their_origin(tmp_path: Path):
    live = Event("note", "no { json", "sse-7", 1.25)
    first, second = replay(written(tmp_path / "day1.jsonl", event(7), live), speed=None)
    assert (first.origin, first.recorded, second.recorded) == ("replay", "log", "live")
    for back, was in ((first, event(7)), (second, live)):
        for name in ("event", "text", "id", "received", "log_id", "logged", "team_id", "team_name", "cursor"):
            assert getattr(back, name) == getattr(was, name)


@pytest.mark.parametrize(("speed", "factor"), [(1.0, 1.0), (10.0, 0.1), (0.5, 2.0)])
def test_in_virtual_time_events_come_exactly_when_they_are_due(hour: Path, speed: float, factor: float):
    _, heard = played(replay(hour, speed=speed))
    assert heard == [(0.0, 0), (1800 * factor, 1), (3600 * factor, 2), (3600 * factor, "end")]


def test_the_scheduler_may_be_that_of_the_replay(hour: Path):
    clock = TestScheduler()
    heard: list[int | None] = []
    replay(hour, scheduler=clock).subscribe(lambda each: heard.append(each.log_id))
    clock.advance_to(1800.0)
    assert heard == [0, 1]


def test_as_fast_as_possible_needs_no_time(hour: Path):
    _, heard = played(replay(hour, speed=None))
    assert heard == [(0.0, 0), (0.0, 1), (0.0, 2), (0.0, "end")]


def test_operators_of_time_work_in_virtual_time(hour: Path):
    clock = TestScheduler()
    counts: list[int] = []
    replay(hour).pipe(ops.buffer_with_time(3600.0), ops.map(len)).subscribe(counts.append, scheduler=clock)
    clock.advance_to(10_000.0)
    assert counts == [2, 1]


def test_an_event_that_happened_before_the_one_before_it_comes_with_that(tmp_path: Path):
    path = written(tmp_path / "day1.jsonl", event(0), event(1, at=10), event(2, at=9), event(3, at=11))
    _, heard = played(replay(path))
    assert heard == [(0.0, 0), (10.0, 1), (10.0, 2), (11.0, 3), (11.0, "end")]


def test_since_and_until_are_inclusive_and_the_first_event_comes_at_once(hour: Path):
    middle = datetime.fromtimestamp(BEGAN + 1800, UTC)
    _, late = played(replay(hour, since=middle))
    _, early = played(replay(hour, until=middle))
    assert late == [(0.0, 1), (1800.0, 2), (1800.0, "end")]
    assert early == [(0.0, 0), (1800.0, 1), (1800.0, "end")]


def test_disposed_in_virtual_time_it_gives_nothing_more(hour: Path):
    clock = TestScheduler()
    heard: list[int | None] = []
    subscription = replay(hour).subscribe(lambda each: heard.append(each.log_id), scheduler=clock)
    clock.advance_to(1000.0)
    subscription.dispose()
    clock.advance_to(10_000.0)
    assert heard == [0]


def test_on_a_thread_it_waits_for_the_pace(tmp_path: Path):
    path = written(tmp_path / "day1.jsonl", event(0), event(1, at=10), event(2, at=20))
    began = time.monotonic()
    assert ids(replay(path, speed=100)) == [0, 1, 2]
    assert time.monotonic() - began >= 0.2


async def test_on_an_event_loop_it_waits_for_the_pace_and_needs_no_thread(tmp_path: Path):
    path = written(tmp_path / "day1.jsonl", event(0), event(1, at=10), event(2, at=20))
    began = time.monotonic()
    heard = []
    async for each in replay(path, speed=100):
        heard.append(each.log_id)
        assert not threads()
    assert heard == [0, 1, 2]
    assert time.monotonic() - began >= 0.2


def test_each_subscriber_gets_all_of_it(many: Path):
    stream = replay(many, speed=None)
    first, second = iter(stream), iter(stream.solves().merge(stream))
    assert ids(second) == ids(first) == list(range(3000))
    assert ids(stream) == list(range(3000))


def test_a_loop_that_is_slower_than_its_buffer_loses_nothing(many: Path):
    with to_iter(replay(many, speed=None), buffer=16, waits=True) as items:
        for number, each in enumerate(items):
            if number % 500 == 0:
                time.sleep(0.01)  # the replay comes to wait
            assert each.log_id == number
        assert (number, items.dropped) == (2999, 0)


async def test_a_slow_coroutine_loses_nothing(many: Path):
    waited = 0
    async with ctfy_rx.to_async_iter(replay(many, speed=None), buffer=16, waits=True) as items:
        number = 0
        async for each in items:
            assert each.log_id == number
            number += 1
            if number % 500 == 0:
                await asyncio.sleep(0.005)
                waited += 1
        assert (number, items.dropped, waited) == (3000, 0, 6)


async def test_the_loop_gets_its_turn_while_it_replays(many: Path):
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    heard: list[Any] = []
    await replay(many, speed=None).each(lambda each: asyncio.sleep(0, heard.append(each)))
    counting.cancel()
    assert len(heard) == 3000
    assert turns > 10


def test_a_source_that_gives_all_at_once_on_the_thread_that_takes_it_does_not_wait_for_itself(tmp_path: Path):
    clock = TestScheduler()
    path = written(tmp_path / "day1.jsonl", *(event(number) for number in range(50)))
    items = to_iter(replay(path, speed=None, scheduler=clock), buffer=4, waits=True)
    assert items.dropped == 0
    items.close()


def test_a_loop_that_is_left_ends_the_thread_also_while_it_waits(many: Path):
    items = to_iter(replay(many, speed=None), buffer=4, waits=True)
    assert next(items).log_id == 0
    items.close()
    until_no_thread_is_left()
    for each in replay(many, speed=None):
        assert each.log_id == 0
        break
    until_no_thread_is_left()


def test_dispose_ends_the_thread_while_it_waits_for_the_pace(hour: Path):
    heard = Alarm()
    subscription = replay(hour).subscribe(lambda _: heard.set())
    assert heard.wait(PATIENCE)
    subscription.dispose()
    until_no_thread_is_left()


def test_close_completes_everybody_and_ends_it(hour: Path):
    stream = replay(hour)
    ends: list[str] = []
    stream.subscribe(on_completed=lambda: ends.append("first"))
    stream.wrong_answers().subscribe(on_completed=lambda: ends.append("second"))
    stream.close()
    assert sorted(ends) == ["first", "second"]
    until_no_thread_is_left()
    with pytest.raises(StreamClosed):
        stream.subscribe()


def test_closed_out_of_a_callback_it_ends_after_that_item(many: Path):
    stream = replay(many, speed=None)
    heard: list[Any] = []
    over = Alarm()

    def on_next(each: Event[Any]) -> None:
        stream.close()
        heard.append(each.log_id)

    stream.subscribe(on_next, on_completed=lambda: (heard.append("end"), over.set()))
    assert over.wait(PATIENCE)
    assert heard == [0, "end"]


def test_a_subscriber_that_raises_is_reported_and_goes_on(hour: Path, caplog: pytest.LogCaptureFixture):
    stream, heard, over = replay(hour, speed=None), [], Alarm()

    def on_next(each: Event[Any]) -> None:
        heard.append(each.log_id)
        raise ValueError("mine")

    stream.subscribe(on_next, on_completed=over.set)
    assert over.wait(PATIENCE)
    assert heard == [0, 1, 2]
    until(lambda: caplog.text.count("a subscriber raised") == 3)  # the last one when it has ended


def test_shared_it_plays_once_for_all(hour: Path):
    clock = TestScheduler()
    shared = replay(hour, scheduler=clock).share()
    heard: list[Any] = []
    shared.subscribe(lambda each: heard.append(each.log_id))
    clock.advance_to(1000.0)
    shared.subscribe(lambda each: heard.append(each.log_id))
    clock.advance_to(10_000.0)
    assert heard == [0, 1, 1, 2, 2]


def test_its_status_and_stats_tell_of_it(hour: Path):
    stream = replay(hour, speed=None)
    assert len(list(stream)) == 3
    assert isinstance(stream.status.current, Closed)
    assert stream.stats.events == 3
    assert "replay of hour.jsonl" in repr(stream)


def test_a_torn_end_is_said_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = written(tmp_path / "day1.jsonl", event(0), torn=b'{"event":')
    assert ids(replay(path, speed=None)) == [0]
    assert "day1.jsonl ends in the middle of an event" in caplog.text


def test_a_damaged_line_fails_after_what_came_before_it(tmp_path: Path):
    path = written(tmp_path / "day1.jsonl", event(0), torn=b'{"event":\n')
    items = iter(replay(path, speed=None))
    assert next(items).log_id == 0
    with pytest.raises(BadRecording, match=r"line 3 of day1\.jsonl is damaged"):
        next(items)


@pytest.mark.parametrize("speed", [0, -1.0, float("nan")])
def test_a_speed_that_is_none_is_refused(speed: float):
    with pytest.raises(ConfigurationError, match="speed must be more than 0"):
        replay("day1.jsonl", speed=speed)
