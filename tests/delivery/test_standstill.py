"""Who does not return from an item is told of while it is at it."""

from __future__ import annotations

import logging
from threading import Event as Signal
from threading import get_ident

import pytest

from ctfy_rx.delivery.culprit import place_of_thread
from ctfy_rx.delivery.standstill import PATIENCE, Standstill

from ..support.waiting import PATIENCE as WAITING
from ..support.waiting import Background, until


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def standstill(clock: Clock) -> Standstill:
    return Standstill("what then", clock=clock)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]


def test_an_item_that_takes_longer_than_patience_is_told_once_then_after_twice_as_long(
    standstill: Standstill, clock: Clock, caplog: pytest.LogCaptureFixture
):
    standstill.at = "a"
    times: list[float] = []
    for second in range(100):
        clock.now = 1000.0 + second
        before = len(told(caplog))
        standstill.look()
        times += [second] * (len(told(caplog)) - before)
    assert times == [11, 23, 47, 95]
    assert told(caplog)[0] == "a subscriber has not returned for 11 s from 'a'; what then"


def test_the_seconds_count_from_the_first_look_and_are_given_once_they_are_many(
    standstill: Standstill, clock: Clock
):
    standstill.at = "a"
    assert standstill.look() == 0.0
    clock.now += PATIENCE
    assert standstill.look() == 0.0
    clock.now += 1
    assert standstill.look() == PATIENCE + 1


def test_each_item_has_the_whole_patience(
    standstill: Standstill, clock: Clock, caplog: pytest.LogCaptureFixture
):
    for item in (*"abcdef", None):
        standstill.at = item
        clock.now += PATIENCE - 1
        assert standstill.look() == 0.0
    assert told(caplog) == []


def test_the_line_of_the_users_own_code_that_is_waited_for_is_named(
    standstill: Standstill, clock: Clock, caplog: pytest.LogCaptureFixture
):
    go, threads = Signal(), list[int]()

    def deliver() -> None:
        threads.append(get_ident())
        standstill.begins()
        standstill.at = "a"
        go.wait(WAITING)  # the line

    delivering = Background(deliver)
    until(lambda: threads and "# the line" in str(place_of_thread(threads[0])))
    standstill.look()
    clock.now += PATIENCE + 1
    standstill.look()
    go.set()
    delivering.join()
    assert "from 'a', it is at test_standstill.py:" in told(caplog)[0]
    assert "go.wait(WAITING)  # the line; what then" in told(caplog)[0]
