"""Where in the activity log a stream begins: what people write, and the ledger that it means."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from ctfy_rx.connection.steps import Steps
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event
from ctfy_rx.ledger import Cursor, Ledger
from ctfy_rx.platform.questions import Log
from ctfy_rx.text.printable import plain

__all__ = ["Moment", "Place", "Since", "beginning", "check_moment", "checked", "moment"]

Moment = datetime | timedelta | float
"""A time: a datetime, a naive one in local time; how long ago, a timedelta or seconds."""

Place = str | Moment | None
"""A beginning: a time, ``"start"`` of the log, a cursor; None is now."""

Since = Place | Event[Any]
"""The same, or the event after which to go on."""


def checked(since: Since) -> Place:
    """`since` without events, in whose place their cursors stand. Raises `ConfigurationError` for what cannot
    be a beginning.

    >>> checked(Event("flag_wrong", "{}", cursor="7@1970-01-01T00:00:00.500000+00:00"))
    '7@1970-01-01T00:00:00.500000+00:00'
    >>> checked(-1.0)
    Traceback (most recent call last):
    ctfy_rx.errors.ConfigurationError: since= as a duration is how long before now, 0 or more
    """
    if isinstance(since, Event):
        if since.cursor is None:
            raise ConfigurationError(
                f"the log does not hold this {plain(since.event)}, which came live: "
                "give since= an event of the log, or a time"
            )
        since = since.cursor
    if isinstance(since, str):
        if since != "start":
            Cursor.parse(since)
    elif since is not None:
        check_moment("since", since)
    return since


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
                + (', or "start", or an event or its cursor' if name == "since" else "")
            )
    if not 0 <= seconds < math.inf:
        raise ConfigurationError(f"{name}= as a duration is how long before now, 0 or more")


def beginning(since: Place, log: Log) -> Steps[Ledger]:
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
