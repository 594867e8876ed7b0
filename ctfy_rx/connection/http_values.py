"""Values of HTTP's header fields, as its standards read them. No I/O."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["media_type", "seconds_to_wait", "unix_time"]

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110, 5.6.2
_ESSENCE = re.compile(rf"({_TOKEN}/{_TOKEN})[ \t]*(?:;|\Z)")
_LIST_ITEM = re.compile(r'(?:"(?:[^"\\]|\\.)*+(?:"|\Z)|[^",])+', re.DOTALL)
_DELAY_OR_DATE = re.compile(r"(?:[A-Za-z]+, )?[^,]+")  # a date may hold a comma, after its weekday
_MOST_DIGITS = 9


def media_type(content_type: str) -> str:
    """The type of a body, in lower case and without parameters, of a ``Content-Type`` that may have come
    twice, or be a list: the last that is one counts (Fetch, 2.2.2, *extract a MIME type*). ``""`` for none.

    >>> media_type("text/html, Text/Event-Stream;charset=utf-8")
    'text/event-stream'
    """
    found = ""
    for item in _LIST_ITEM.findall(content_type):
        match = _ESSENCE.match(item.strip(" \t\r\n"))
        if match and match[1] != "*/*":
            found = match[1].lower()
    return found


def unix_time(http_date: str) -> float | None:
    """The unix time (seconds) of an HTTP date in any of its three forms, which are all UTC; None for none.

    RFC 9110, 5.6.7. The zone ``-0000`` is UTC, too.

    >>> unix_time("Sun Nov  6 08:49:37 1994"), unix_time("soon")
    (784111777.0, None)
    """
    try:
        date = parsedate_to_datetime(http_date)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def seconds_to_wait(retry_after: str, now: float) -> float | None:
    """The seconds that a ``Retry-After`` asks for at the unix time `now`: the most, where it has come twice;
    None where it is neither a number nor a date.

    RFC 9110, 10.2.3: "Retry-After = HTTP-date / delay-seconds"

    >>> seconds_to_wait("120, 120", 0), seconds_to_wait("Thu, 01 Jan 1970 00:02:00 -0000", 0)
    (120.0, 120.0)
    """
    waits: list[float] = []
    for item in map(str.strip, _DELAY_OR_DATE.findall(retry_after)):
        if item.isascii() and item.isdigit():
            waits.append(float(item[:_MOST_DIGITS]))
        elif (then := unix_time(item)) is not None:
            waits.append(max(0.0, then - now))
    return max(waits, default=None)
