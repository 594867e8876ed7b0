"""When to try again: values and rules, without a clock, randomness or I/O of their own."""

from __future__ import annotations

import random as _random
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any

import msgspec

from ctfy_rx.errors import CertificateRejected, ConfigurationError, ConnectionFailed, HttpError, LogShifted

__all__ = ["RETRY_CEILING", "RETRY_FLOOR", "UNASKED", "Backoff", "Session", "Unasked", "is_transient"]

RETRY_FLOOR = 0.5
"""The shortest wait, in seconds, that a server's ``retry:`` or ``Retry-After`` can ask for."""

RETRY_CEILING = 300.0
"""The longest wait, in seconds, that a server's ``retry:`` or ``Retry-After`` can ask for."""

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


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait before an attempt: exponential, with jitter, up to `maximum`. All times in seconds.

    A random amount, up to `jitter` x delay, is subtracted, or added where the server asked for the delay. A
    connection that stayed open for `reset_after` starts the count anew. After `max_attempts` failures in a
    row it gives up (None: never). `random` gives numbers in [0, 1).

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
    random: Callable[[], float] = _random.random

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

    def failures_after(self, failures: int, *, uptime: float, clean: bool) -> int:
        """The failures in a row, once a connection has ended that was open for `uptime` seconds.

        The end of a connection that lasted is none, if the server closed it cleanly. A server that accepts
        and closes at once fails.
        """
        lasted = uptime >= self.reset_after
        return (0 if lasted else failures) + (0 if lasted and clean else 1)

    def gives_up(self, failures: int) -> bool:
        """Whether `failures` in a row are enough."""
        return self.max_attempts is not None and failures >= self.max_attempts

    def delay(self, failures: int, *, retry: float | None = None, retry_after: float | None = None) -> float:
        """Seconds until the next attempt.

        `retry` is what the stream's own ``retry:`` asked for, and takes the place of `initial`; `retry_after`
        is what the refusing response asked for, and takes the place of the delay. Both count within
        `RETRY_FLOOR` and `RETRY_CEILING`, and chance adds to them: those who were sent away together must not
        come back together, and nobody earlier than asked.

        >>> Backoff(jitter=0).delay(1, retry=5.0), Backoff(jitter=0).delay(1, retry_after=20.0)
        (5.0, 20.0)
        """
        if retry_after is not None:
            return _within_bounds(retry_after) + self._chance() * self.initial
        if retry is not None:
            return self._grown(_within_bounds(retry), failures) * (1 + self._chance())
        base = min(self.initial, self.maximum)
        if failures == 0:
            return base * self._chance()  # almost at once, but not everybody at the same moment
        return self._grown(base, failures) * (1 - self._chance())

    def _chance(self) -> float:
        return self.jitter * self.random()

    def _grown(self, base: float, failures: int) -> float:
        ceiling = max(self.maximum, base)
        try:
            return min(base * self.factor ** max(failures - 1, 0), ceiling)
        except OverflowError:
            return ceiling if base else 0.0


def _within_bounds(asked: float) -> float:
    return min(max(asked, RETRY_FLOOR), RETRY_CEILING)


class Unasked:
    """Stands where a token is not asked for yet."""


UNASKED = Unasked()


class Session:
    """What survives a reconnect: the last event id, and the reconnection time (seconds) that the server asked
    for; and what connects a connection to the stream that it belongs to.

    `before_open` is called by each connection, with its client, before its request is sent; under asyncio its
    result is awaited, if it can be, and what it raises is the failure of the connection. `on_open` is called
    when a connection has opened. `end`, set by a connection, ends it from any thread as if the server had:
    what it has received is delivered, and its observer completes. `token` is what was asked for in this
    attempt. `bytes`, without content coding, and `frames` count what was received. `loop` drives the
    connections, unless threads do; each says so by `driven_by`, and `on_driven` hears it.
    """

    def __init__(self, last_event_id: str = "") -> None:
        self.last_event_id = last_event_id
        self.retry: float | None = None
        self.loop: AbstractEventLoop | None = None
        self.token: str | Unasked | None = UNASKED
        self.before_open: Callable[[Any], Any] = lambda _: None
        self.on_open: Callable[[], None] = lambda: None
        self.on_driven: Callable[[AbstractEventLoop | None], None] = lambda _: None
        self.end: Callable[[], None] = lambda: None
        self.bytes = 0
        self.frames = 0

    def driven_by(self, loop: AbstractEventLoop | None) -> None:
        """`loop` drives the connection that is about to open; None: a thread."""
        self.loop = loop
        self.on_driven(loop)
