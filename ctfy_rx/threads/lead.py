"""Leader and follower: two threads share a work, of which the leader does every step as long as it can.

What the steps bring is the leader's to deal with, so as long as that is quick nothing is handed from thread
to thread, and nobody waits for one to wake up. When the leader is held up by it, the follower goes on.

Source: Schmidt, O'Ryan, Kircher, Pyarali, Buschmann, *Leader/Followers: A Design Pattern for Efficient
Multi-threaded Event Demultiplexing and Dispatching*, 2000.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from ctfy_rx.threads.waiting import Alarm

__all__ = ["PATIENCE", "Lead", "Step"]

Step = Callable[[], bool]
"""Does some of a work; whether there is more."""

PATIENCE = 0.02
"""Seconds between two looks of the follower at the leader."""

_FEW_MOVES = 5
"""Of a leader that is held up again and again, between two looks; each absence is two moves."""

_LONG_AGO = -2 * _FEW_MOVES


class Lead:
    """Which of two threads takes the next step. The leader waits with the alarm `leader` while the other one
    is at it, and the follower with `follower`.

    The follower looks at the leader every `patience` seconds while that one is busy, and sleeps while it is
    not. When it finds it away at two looks, and hardly moved between them, it takes all steps until the
    leader has nothing else to do. Neither alarm ends a step.
    """

    def __init__(self, leader: Alarm, follower: Alarm | None = None, *, patience: float = PATIENCE) -> None:
        self._leader = leader
        self._follower = follower or Alarm()
        self._patience = patience
        self._work: _Work | None = None
        self._moves = 0  # of the leader, away and back: odd while it is away
        self._follower_leads = False
        self._follower_sleeps = False
        self._stopped = False

    # On the leader's thread

    def step(self) -> bool:
        """Take a step, if there is work and the follower is not at it; whether one was taken."""
        work = self._work
        if work is None or self._follower_leads or not work.step():
            return False
        if work.is_over:
            self._follower.set()
        return True

    def leave(self) -> None:
        """The leader is at something else now, until it is `back`."""
        self._moves += 1
        if self._follower_sleeps:
            self._follower_sleeps = False
            self._follower.set()

    def back(self) -> None:
        """The leader may take steps again."""
        self._moves += 1

    # On the follower's

    def follow(self, step: Step) -> None:
        """Have `step` called until there is no more, or `stop`; raises what it raises. Nobody is in the
        middle of one when this returns."""
        work = self._work = _Work(step)
        self._leader.set()
        self._watch(work)
        self._work = None
        work.finish()

    def stop(self) -> None:
        """No further step is needed; from any thread."""
        self._stopped = True
        self._follower.set()

    def _watch(self, work: _Work) -> None:
        before = _LONG_AGO
        while not (work.is_over or self._stopped):
            moves = self._moves
            if moves % 2 and before % 2 and moves - before < _FEW_MOVES:
                self._take_over(work)
                before = _LONG_AGO
            elif moves == before:
                self._sleep(moves)
                before = _LONG_AGO
            else:
                before = moves
                self._follower.wait(self._patience)

    def _take_over(self, work: _Work) -> None:
        self._follower_leads = True
        while work.step() and self._moves % 2 and not (work.is_over or self._stopped):
            self._leader.set()
        self._follower_leads = False
        self._leader.set()  # it may have seen us lead

    def _sleep(self, moves: int) -> None:
        self._follower_sleeps = True
        if self._moves == moves:  # else it has left just now, and perhaps did not see us asleep
            self._follower.wait()
        self._follower_sleeps = False


class _Work:
    """Steps, one at a time."""

    def __init__(self, step: Step) -> None:
        self.is_over = False
        self._step = step
        self._taken = Lock()
        self._error: BaseException | None = None

    def step(self) -> bool:
        """Take one, unless somebody is at it; whether one was taken."""
        if self.is_over or not self._taken.acquire(False):  # by keyword it takes twice as long
            return False
        try:
            self.is_over = not self._step()
        except BaseException as error:  # noqa: BLE001 - it is raised by `finish`
            self._error = error
            self.is_over = True
        finally:
            self._taken.release()
        return True

    def finish(self) -> None:
        """Take no more, once nobody is at one; raises what one has raised."""
        with self._taken:
            self.is_over = True
        if self._error is not None:
            raise self._error
