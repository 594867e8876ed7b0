"""Where in the activity log a stream begins: what people write, and the ledger that it means."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from ctfy_rx.connection.rest import Steps
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.ledger import Cursor, Ledger
from ctfy_rx.platform.questions import Log

__all__ = ["Moment", "Since", "beginning", "check_moment", "check_since", "moment"]

Moment = datetime | timedelta | float
"""A time: a datetime, a naive one in local time; how long ago, a timedelta or seconds."""

Since = str | Moment | None
"""A beginning: a time, ``"start"`` of the log, a cursor; None is now."""


def check_since(since: Since) -> None:
    """Raise `ConfigurationError` for what cannot be a beginning.

    >>> check_since(-1.0)
    Traceback (most recent call last):
    ctfy_rx.errors.ConfigurationError: since= as a duration is how long before now, 0 or more
    """
    if isinstance(since, str):
        if since != "start":
            Cursor.parse(since)
    elif since is not None:
        check_moment("since", since)


def check_moment(name: str, value: object) -> None:
    """Raise `ConfigurationError` for what is no time."""
    match value:
        case datetime():
            return
        case timedelta():
            seconds = value.total_seconds()
        case int() | float():
            seconds = value
        case _:
            raise ConfigurationError(
                f"{name}= must be a datetime, or how long ago, a timedelta or seconds"
                + (', or "start", or a cursor' if name == "since" else "")
            )
    if not 0 <= seconds < math.inf:
        raise ConfigurationError(f"{name}= as a duration is how long before now, 0 or more")


def beginning(since: Since, log: Log) -> Steps[Ledger]:
    """The ledger that begins at `since`. Asks the log where it ends, and so whether it can be read at all."""
    newest = yield from log.newest()
    match since:
        case None:
            return Ledger(newest)
        case "start":
            return Ledger(None)
        case str():
            return Ledger(Cursor.parse(since))
        case _:
            return Ledger(Cursor.before((yield from moment(since, log))))


def moment(value: Moment, log: Log) -> Steps[float]:
    """The unix time (seconds) that `value` means; a duration counts from the server's own time."""
    match value:
        case datetime():
            return value.timestamp()
        case timedelta():
            return (yield from log.now()) - value.total_seconds()
        case _:
            return (yield from log.now()) - value
