"""Of two threads one takes all steps, and the other goes on when it is held up."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ctfy_rx.threads.lead import Lead
from ctfy_rx.threads.waiting import Alarm

from ..support.waiting import PATIENCE, Background, until

IMPATIENT = 0.001  # seconds


class Steps:
    """Steps that end after `number` of them; each notes the thread that takes it."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.takers: list[int] = []
        self._inside = threading.Lock()

    def __call__(self) -> bool:
        assert self._inside.acquire(blocking=False), "two at once"
        self.takers.append(threading.get_ident())
        self.left -= 1
        self._inside.release()
        return self.left > 0


class Leader:
    """A thread that leads, and calls `between` after each step and each alarm."""

    def __init__(self, between: Callable[[], None] = lambda: None, *, patience: float = PATIENCE) -> None:
        self.alarm, self.follower = Alarm(), LookedAt()
        self.lead = Lead(self.alarm, self.follower, patience=patience)
        self._between = between
        self._is_over = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def end(self) -> None:
        self._is_over = True
        self.alarm.set()
        self.thread.join(PATIENCE)

    def _run(self) -> None:
        while not self._is_over:
            if not self.lead.step():
                self.alarm.wait()
            self.lead.leave()
            self._between()
            self.lead.back()


class LookedAt(Alarm):
    """An alarm that notes how long one waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []

    def wait(self, seconds: float | None = None) -> bool:
        self.waits.append(seconds)
        return super().wait(seconds)


@contextmanager
def leading(between: Callable[[], None] = lambda: None, *, patience: float = PATIENCE) -> Iterator[Leader]:
    leader = Leader(between, patience=patience)
    try:
        yield leader
    finally:
        leader.end()


def test_the_leader_takes_every_step_as_long_as_it_is_quick():
    with leading() as leader:
        steps = Steps(1000)
        leader.lead.follow(steps)
        assert set(steps.takers) == {leader.thread.ident}
        assert len(steps.takers) == 1000


def test_the_follower_goes_on_while_the_leader_is_held_up_and_gives_the_lead_back():
    entered, go = threading.Event(), threading.Event()
    steps = Steps(1000)

    def hold() -> None:
        if not entered.is_set():
            entered.set()
            assert go.wait(PATIENCE)

    def step() -> bool:
        if steps.left > 500:
            return steps()
        go.set()
        return steps() if threading.get_ident() == leader.thread.ident else True

    with leading(hold, patience=IMPATIENT) as leader:
        leader.lead.follow(step)
        assert set(steps.takers[1:500]) == {threading.get_ident()}
        assert set(steps.takers[500:]) == {leader.thread.ident}


class Looks(Alarm):
    """The follower's alarm, whose waits end when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.over = threading.Semaphore(0), threading.Semaphore(0)

    def wait(self, seconds: float | None = None) -> bool:
        assert seconds is not None, "it sleeps"
        self.begun.release()
        assert self.over.acquire(timeout=PATIENCE)
        return False

    def one(self) -> None:
        """Have the follower look once more."""
        self.over.release()
        assert self.begun.acquire(timeout=PATIENCE)


@pytest.mark.parametrize(("absences", "slow"), [(0, True), (1, True), (2, True), (10, False)])
def test_a_leader_that_is_away_at_each_look_and_hardly_reads_between_is_held_up_too(
    absences: int, slow: bool
):
    looks, steps = Looks(), Steps(100)
    lead = Lead(Alarm(), looks)
    following = Background(lambda: lead.follow(steps))
    assert looks.begun.acquire(timeout=PATIENCE)
    lead.leave()
    looks.one()
    for _ in range(absences):
        lead.back()
        lead.leave()
    if slow:
        looks.over.release()
        following.join()
        assert len(steps.takers) == 100
    else:
        looks.one()
        assert not steps.takers
        lead.stop()
        looks.over.release()
        following.join()


def test_while_the_follower_reads_the_leader_does_not_take_steps_from_it():
    looks, inside, out = Looks(), threading.Event(), threading.Event()
    lead = Lead(Alarm(), looks)

    def step() -> bool:
        inside.set()
        assert out.wait(PATIENCE)
        return False

    following = Background(lambda: lead.follow(step))
    assert looks.begun.acquire(timeout=PATIENCE)
    lead.leave()
    looks.one()
    looks.over.release()
    assert inside.wait(PATIENCE)
    lead.back()
    assert not lead.step()
    out.set()
    following.join()


def test_the_follower_does_it_all_where_the_leader_never_comes_back():
    with leading(patience=IMPATIENT) as leader:
        leader.end()
        leader.lead.leave()
        steps = Steps(100)
        leader.lead.follow(steps)
        assert steps.takers == [threading.get_ident()] * 100


def test_what_a_step_raises_on_the_leaders_thread_is_raised_by_follow():
    def fail() -> bool:
        assert threading.get_ident() == leader.thread.ident
        raise ConnectionError("broken")

    with leading() as leader:
        with pytest.raises(ConnectionError, match="broken"):
            leader.lead.follow(fail)
        steps = Steps(3)
        leader.lead.follow(steps)
        assert steps.takers == [leader.thread.ident] * 3


def test_follow_returns_at_stop_once_nobody_is_in_a_step():
    inside, out = threading.Event(), threading.Event()

    def step() -> bool:
        inside.set()
        assert out.wait(PATIENCE)
        return True

    with leading() as leader:
        following = Background(lambda: leader.lead.follow(step))
        assert inside.wait(PATIENCE)
        leader.lead.stop()
        assert following.is_running
        out.set()
        following.join()


def test_the_follower_sleeps_while_nothing_happens_and_looks_again_when_something_does():
    come, go = threading.Semaphore(0), threading.Event()

    def step() -> bool:
        assert come.acquire(timeout=PATIENCE)
        return not go.is_set()

    with leading(patience=IMPATIENT) as leader:
        waits = leader.follower.waits
        following = Background(lambda: leader.lead.follow(step))
        until(lambda: waits and waits[-1] is None)
        slept = len(waits)
        come.release()
        until(lambda: len(waits) > slept and waits[-1] is None)
        assert waits[slept] == IMPATIENT
        go.set()
        come.release()
        following.join()


@pytest.mark.parametrize("seed", range(20))
def test_whoever_is_held_up_and_when_each_step_is_taken_once_and_follow_ends(seed: int):
    chance = random.Random(seed)
    pause = threading.Event()
    steps = Steps(2000)

    def sometimes() -> None:
        if chance.random() < 0.02:
            pause.wait(3 * IMPATIENT * chance.random())

    with leading(sometimes, patience=IMPATIENT) as leader:
        leader.lead.follow(steps)
        assert len(steps.takers) == 2000
        assert set(steps.takers) <= {leader.thread.ident, threading.get_ident()}
