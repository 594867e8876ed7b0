"""Waits that Ctrl-C ends."""

from __future__ import annotations

import threading
from queue import Empty

import pytest

from ctfy_rx.threads.waiting import Alarm, take, wait_for


class Slept:
    """A queue, or an event, with nothing at first; keeps the limits that it was asked with."""

    def __init__(self, empty_for: int = 3) -> None:
        self.limits: list[float | None] = []
        self.empty_for = empty_for

    def get_nowait(self) -> str:
        raise Empty

    def get(self, timeout: float | None = None) -> str:
        if self.wait(timeout):
            return "item"
        raise Empty

    def wait(self, timeout: float | None = None) -> bool:
        self.limits.append(timeout)
        return len(self.limits) > self.empty_for


@pytest.mark.parametrize("seconds", [None, 3600.0])
@pytest.mark.parametrize("wait", [take, wait_for])
def test_the_main_thread_never_sleeps_for_longer_than_half_a_second(wait, seconds):
    """A signal between the interpreter's last look and the sleep is noticed when the sleep ends."""
    slept = Slept()
    assert wait(slept, seconds) in ("item", True)
    assert slept.limits == [0.5] * 4


@pytest.mark.parametrize("wait", [take, wait_for])
def test_other_threads_are_not_woken_for_nothing(wait):
    slept = Slept(empty_for=0)
    thread = threading.Thread(target=wait, args=(slept,))
    thread.start()
    thread.join()
    assert slept.limits == [None]


def test_a_wait_with_a_limit_ends_at_it():
    assert not wait_for(threading.Event(), 0.01)
    assert not Alarm().wait(0.01)


def test_an_alarm_that_was_set_ends_one_wait():
    alarm = Alarm()
    alarm.set()
    alarm.set()
    assert alarm.wait()
    assert not alarm.wait(0)
