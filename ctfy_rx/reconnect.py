"""When to try again: values and rules, without a clock, randomness or I/O of their own."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable
from random import SystemRandom
from typing import Any

import msgspec

from ctfy_rx.errors import CertificateRejected, ConfigurationError, ConnectionFailed, HttpError, LogShifted

__all__ = [
    "RETRY_CEILING",
    "RETRY_FLOOR",
    "UNASKED",
    "Attempts",
    "Backoff",
    "Ended",
    "Session",
    "Unasked",
    "asked_by",
    "chance",
    "is_transient",
    "to_the_end",
]

RETRY_FLOOR = 0.5
"""The shortest wait, in seconds, that a server's ``retry:`` or ``Retry-After`` can ask for."""

RETRY_CEILING = 300.0
"""The longest wait, in seconds, that a server's ``Retry-After`` can ask for; a random share of it is added.
Its ``retry:`` can ask for no more than `Backoff.maximum`."""

chance = SystemRandom().random
"""Numbers in [0, 1). Not those of the `random` module: a program may have seeded it, and counts on what comes
next."""

_TRANSIENT_STATUSES = frozenset({408, 425, 429})
_FIRST_SERVER_ERROR = 500


def is_transient(error: Exception) -> bool:
    """Whether `error` may be gone at the next attempt: a broken connection, an overloaded or restarting
    server.

    >>> is_transient(HttpError("bad gateway", status=502)), is_transient(HttpError("not found", status=404))
    (True, False)
    """
    if isinstance(error, HttpError):
        return error.status in _TRANSIENT_STATUSES or error.status >= _FIRST_SERVER_ERROR
    broken = isinstance(error, (ConnectionFailed, LogShifted, OSError))
    return broken and not isinstance(error, CertificateRejected)


def asked_by(error: Exception | None) -> float | None:
    """The seconds that the answer behind `error` asked to wait (``Retry-After``), None if it asked nothing.

    >>> asked_by(HttpError("busy", status=503, retry_after=20.0)), asked_by(ConnectionFailed("lost"))
    (20.0, None)
    """
    return error.retry_after if isinstance(error, HttpError) else None


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait before an attempt: exponential, with jitter, up to `maximum`. All times in seconds.

    A random amount, up to `jitter` x delay, is subtracted, or added where the server asked for the delay.
    `Attempts` counts when it grows, and when it gives up. `random` gives numbers in [0, 1).

    >>> backoff = Backoff(jitter=0)
    >>> [backoff.delay(failures) for failures in (1, 2, 3, 4, 5, 6, 7)]
    [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    """

    initial: float = 1.0
    maximum: float = 30.0
    factor: float = 2.0
    jitter: float = 0.5
    reset_after: float = 60.0
    max_attempts: int | None = None
    random: Callable[[], float] = chance

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.initial < 0 or self.maximum < 0:
            raise ConfigurationError(
                f"initial and maximum are seconds, 0 or more, not {self.initial} and {self.maximum}"
            )
        if self.factor < 1:
            raise ConfigurationError(f"factor must be 1 or more, not {self.factor}")
        if not 0 <= self.jitter <= 1:
            raise ConfigurationError(f"jitter is a share from 0 to 1, not {self.jitter}")
        if self.reset_after < 0:
            raise ConfigurationError(f"reset_after must be 0 or more seconds, not {self.reset_after}")
        if self.max_attempts is not None and self.max_attempts < 1:
            raise ConfigurationError(f"max_attempts must be 1 or more, or None, not {self.max_attempts}")

    def gives_up(self, fruitless: int) -> bool:
        """Whether so many connections in a row that came to nothing are enough."""
        return self.max_attempts is not None and fruitless >= self.max_attempts

    def delay(self, failures: int, *, retry: float | None = None, retry_after: float | None = None) -> float:
        """Seconds until the next attempt.

        `retry` is what the stream's own ``retry:`` asked for, and takes the place of `initial`; `retry_after`
        is what the refusing response asked for, and takes the place of the delay, between `RETRY_FLOOR` and
        `RETRY_CEILING`. Chance adds to both: those who were sent away together must not come back together,
        and nobody earlier than asked. Only where `retry` and what chance adds would exceed `maximum`, which
        bounds every other wait, less than `retry` is waited.

        >>> Backoff(jitter=0).delay(1, retry=5.0), Backoff(jitter=0).delay(1, retry_after=60.0)
        (5.0, 60.0)
        """
        chance = self.jitter * self.random()
        if retry_after is not None:
            return min(max(retry_after, RETRY_FLOOR), RETRY_CEILING) * (1 + chance)
        if retry is not None:
            highest = self.maximum / (1 + self.jitter)
            return min(self._grown(max(retry, RETRY_FLOOR), failures, highest) * (1 + chance), self.maximum)
        return self._grown(self.initial, failures, self.maximum) * (1 - chance)

    def _grown(self, base: float, failures: int, highest: float) -> float:
        try:
            return min(base * self.factor ** max(failures - 1, 0), highest)
        except OverflowError:
            return highest if base else 0.0


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a connection ended: by `error`, or, without one, closed cleanly by the server.

    It `delivered` an event or not, was open for `uptime` seconds, the wait for its headers included, and may
    have sent a ``retry:`` of its own (seconds).
    """

    error: Exception | None = None
    delivered: bool = False
    uptime: float = 0.0
    retry: float | None = None


class Attempts:
    """Connections one after another, by a `policy`: when the delay grows, and when it is enough.

    Many servers rotate their connections, so an end is no failure in itself. The delay does not grow after a
    clean end of a connection that delivered, sent a ``retry:``, or was open for `reset_after`. It begins anew
    after one that was open for `reset_after`, or that delivered and was open for as long as the wait before
    it. So a server that accepts and closes at once, with nothing, is left alone longer and longer.

    `max_attempts` counts connections in a row that delivered nothing and were not open for `reset_after`.

    >>> attempts = Attempts(Backoff(jitter=0))
    >>> for ended in (Ended(), Ended(), Ended(delivered=True), Ended(delivered=True)):
    ...     attempts.after(ended)
    ...     print(attempts.delay)
    1.0
    2.0
    1.0
    1.0
    """

    def __init__(self, policy: Backoff) -> None:
        self.delay = 0.0
        """Seconds to wait before the next one."""
        self._policy = policy
        self._failures = 0
        self._fruitless = 0
        self._retry: float | None = None
        self._error: Exception | None = None  # of a connection that came to nothing

    @property
    def number(self) -> int:
        """Of the next connection, since the delay began to grow; from 1."""
        return self._failures + 1

    def after(self, ended: Ended) -> Exception | None:
        """Count a connection that has ended; returns the error to give up with, None to go on after `delay`:
        the last real error of those that came to nothing, `ConnectionFailed` if there was none."""
        lasted = ended.uptime >= self._policy.reset_after
        if ended.retry is not None:
            self._retry = ended.retry
        self._failures = self._failures_after(ended, lasted=lasted)
        if ended.delivered or lasted:
            self._fruitless, self._error = 0, None
        else:
            self._fruitless += 1
            self._error = ended.error or self._error
        if self._policy.gives_up(self._fruitless):
            return self._error or ConnectionFailed(
                f"the server closed {self._fruitless} connections in a row without sending an event"
            )
        asked = asked_by(ended.error)
        self.delay = self._policy.delay(self._failures, retry=self._retry, retry_after=asked)
        return None

    def _failures_after(self, ended: Ended, *, lasted: bool) -> int:
        if ended.error is None and (ended.delivered or ended.retry is not None or lasted):
            return 0
        if lasted or (ended.delivered and ended.uptime >= self.delay):
            return 1
        return self._failures + 1


class Unasked:
    """Stands where a token is not asked for yet."""


UNASKED = Unasked()


def to_the_end(step: Callable[[], bool]) -> None:
    """Call `step` until it returns False."""
    while step():
        pass


class Session:
    """What survives a reconnect: the last event id; and what connects a connection to the stream that it
    belongs to. `retry` is the reconnection time (seconds) that a connection asked for, None if none did;
    `resumes` whether its server said that it goes on after that id, None if it said nothing. `was_open` tells
    whether any connection of it has opened, `is_read_by_httpx` whether the body of the last one is, and not
    below it.

    `before_open` is called by each connection, with its `Attempt`, before its request is sent; under asyncio
    its result is awaited, if it can be, and what it raises is the failure of the connection. `on_accepted` is
    called when a request is sent and its answer is awaited, again after each redirect; `on_open` when a
    connection has opened. `end`, set by a connection, ends it from any thread as if the server had: what it
    has received is delivered, and its observer completes. A connection that is read on a thread has
    `take_steps` called with a function that reads once and delivers that, to be called until it returns
    False; by any thread, but by one at a time. `token` is what was asked for in this attempt.
    `bytes`, without content coding, and `frames` count what was received, `skipped` the frames that nobody
    wanted: `wants`, asked before each read is decoded, returns what tells of a name whether somebody does;
    None where all are wanted. `loop` drives the connections, unless threads do; each says so
    by `driven_by`, and `on_driven` hears it.
    """

    def __init__(self, last_event_id: str = "") -> None:
        self.last_event_id = last_event_id
        self.retry: float | None = None
        self.resumes: bool | None = None
        self.was_open = False
        self.is_read_by_httpx = False
        self.loop: AbstractEventLoop | None = None
        self.token: str | Unasked | None = UNASKED
        self.before_open: Callable[[Any], Any] = lambda _: None
        self.on_accepted: Callable[[], None] = lambda: None
        self.on_open: Callable[[], None] = lambda: None
        self.on_driven: Callable[[AbstractEventLoop | None], None] = lambda _: None
        self.end: Callable[[], None] = lambda: None
        self.take_steps: Callable[[Callable[[], bool]], None] = to_the_end
        self.wants: Callable[[], Callable[[str], object] | None] = lambda: None
        self.bytes = 0
        self.frames = 0
        self.skipped = 0

    def driven_by(self, loop: AbstractEventLoop | None) -> None:
        """`loop` drives the connection that is about to open; None: a thread."""
        self.loop = loop
        self.on_driven(loop)
