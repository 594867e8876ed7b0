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

__all__ = ["Lead", "Step"]

Step = Callable[[], bool]
"""Does some of a work; whether there is more."""

PATIENCE = 0.05
"""Seconds for which the leader may be held up before the follower goes on, and as much again at most."""


class Lead:
    """Which of two threads takes the next step. The leader waits with the alarm `leader` while the other one
    is at a step, and the follower with `follower`: it looks at the leader every `patience` seconds while that
    one is busy, and sleeps while it is not.
    """

    def __init__(self, leader: Alarm, follower: Alarm | None = None, *, patience: float = PATIENCE) -> None:
        self._leader = leader
        self._follower = follower or Alarm()
        self._patience = patience
        self._work: _Work | None = None
        self._turns = 0  # odd while the leader is at something else than a step
        self._follower_sleeps = False
        self._stopped = False

    # On the leader's thread

    def step(self) -> bool:
        """Take a step, if there is work and the follower is not at it; whether one was taken."""
        work = self._work
        if work is None or not work.step():
            return False
        if work.is_over:
            self._follower.set()
        return True

    def leave(self) -> None:
        """The leader is at something else now, until it is `back`."""
        self._turns += 1
        if self._follower_sleeps:
            self._follower_sleeps = False
            self._follower.set()

    def back(self) -> None:
        """The leader may take steps again."""
        self._turns += 1

    # On the follower's

    def follow(self, step: Step) -> None:
        """Have `step` called until there is no more, or `stop`; raises what it raises. Nobody is in the
        middle of one when this returns."""
        work = self._work = _Work(step)
        self._leader.set()
        self._go_on_when_needed(work)
        self._work = None
        work.finish()

    def stop(self) -> None:
        """No further step is needed; from any thread."""
        self._stopped = True
        self._follower.set()

    def _go_on_when_needed(self, work: _Work) -> None:
        seen = -1
        while not (work.is_over or self._stopped):
            if self._turns != seen:  # the leader has moved since the last look
                seen = self._turns
                self._follower.wait(self._patience)
            elif seen % 2:  # it is where it was
                work.step()
                self._leader.set()
            else:
                self._sleep(seen)

    def _sleep(self, seen: int) -> None:
        self._follower_sleeps = True
        if self._turns == seen:  # else it has left just now, and perhaps did not see us asleep
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
