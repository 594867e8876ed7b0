"""A callback that always raises is told of with its traceback once, then briefly, and seldom."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest
from reactivex import Subject

from ctfy_rx import EventStream
from ctfy_rx import operators as op
from ctfy_rx.testing import solve, wrong

from ..support.logs import our_errors
from ..support.waiting import Background, until

Told = list[tuple[str, bool]]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], Told]:
    """What was logged at ERROR, and whether with a traceback."""
    caplog.set_level(logging.DEBUG, "ctfy_rx")
    return lambda: [(each.getMessage(), bool(each.exc_info)) for each in our_errors(caplog)]


def look_up(name: str) -> None:
    {}[name]


def test_the_first_time_with_its_traceback_then_in_a_line_at_powers_of_two_with_the_count(told):
    source: Subject[Any] = Subject()
    EventStream.over(source).map(lambda event: event.event).subscribe(look_up)
    for _ in range(100):
        source.on_next(solve())
    first, *later = told()
    assert first == ("a subscriber raised on 'flag_correct'; it goes on with the next", True)
    assert [line.rpartition("; ")[2] for line, _ in later] == [
        f"{times} times so far" for times in (2, 4, 8, 16, 32, 64)
    ]
    assert not any(with_traceback for _, with_traceback in later)
    assert "again KeyError: 'flag_correct', at test_callbacks_that_always_raise.py:" in later[0][0]
    assert ": {}[name]" in later[0][0]


def test_sys_exit_again_and_again_off_the_main_thread_is_no_exception(told):
    source: Subject[Any] = Subject()
    EventStream.over(source).subscribe(lambda _: sys.exit(3))
    Background(lambda: [source.on_next(solve()) for _ in range(100)]).join()
    assert [with_traceback for _, with_traceback in told()] == [True] + 6 * [False]
    assert "again SystemExit: 3" in told()[-1][0]


@pytest.mark.parametrize("end", ["close", "dispose", "complete"])
def test_what_was_not_told_is_told_at_the_end(end: str, told):
    source: Subject[Any] = Subject()
    stream = EventStream.over(source)
    subscription = stream.map(lambda event: event.event).subscribe(look_up)
    for _ in range(7):
        source.on_next(solve())
    {"close": stream.close, "dispose": subscription.dispose, "complete": source.on_completed}[end]()
    assert told()[-1][0].startswith("a subscriber raised KeyError 7 times in all, at test_")


def test_what_was_told_is_not_told_again_at_the_end(told):
    source: Subject[Any] = Subject()
    EventStream.over(source).subscribe(lambda event: look_up(event.event))
    for _ in range(4):
        source.on_next(solve())
    source.on_completed()
    assert len(told()) == 3


def test_another_type_or_another_line_is_told_in_full(told):
    source: Subject[Any] = Subject()

    def handle(event: Any) -> None:
        if event.event == "flag_wrong":
            raise {"a": KeyError, "b": ValueError}[event.payload.challenge_id](event.event)
        look_up(event.event)

    EventStream.over(source).subscribe(handle)
    for event in (solve(), wrong(challenge="a"), wrong(challenge="b")) * 3:
        source.on_next(event)
    assert [with_traceback for _, with_traceback in told()] == [True] * 3 + [False] * 3


def test_another_subscriber_is_told_in_full(told):
    source: Subject[Any] = Subject()
    stream = EventStream.over(source)
    for _ in range(2):
        stream.subscribe(lambda event: look_up(event.event))
    source.on_next(solve())
    source.on_next(solve())
    assert [with_traceback for _, with_traceback in told()] == [True, True, False, False]


def test_one_on_a_thread_of_its_own_is_told_so_too(told):
    source: Subject[Any] = Subject()
    source.pipe(op.buffered()).subscribe(look_up)
    for _ in range(7):
        source.on_next("x")
    source.on_completed()
    until(lambda: len(told()) == 4)
    assert "7 times in all" in told()[-1][0]


def test_that_many_kinds_are_raised_takes_no_more_memory_and_loses_none(told):
    source: Subject[Any] = Subject()

    kinds = [type(f"Error{number}", (Exception,), {}) for number in range(100)]

    def raise_its_own(event: Any) -> None:
        raise kinds[int(event.payload.challenge_id)]

    EventStream.over(source).subscribe(raise_its_own)
    for number in (*range(100), *range(100)):
        source.on_next(solve(challenge=str(number)))
    assert len(told()) == 200
