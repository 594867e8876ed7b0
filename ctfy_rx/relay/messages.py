"""An event as a message of NATS: the line that stands for it in a recording as well, the subject that it is
published to, and the id that makes two relays' copies of it one.

::

    {"event":"flag_correct","received":1764071339.5,"logged":1764071339.4,"origin":"log","log_id":7,
     "team_id":"4f...","team_name":"Owls","cursor":"7@2025-11-25T11:48:59.400000+00:00",
     "data":{"challenge_id":"pwn-1",...}}

`ctfy_rx.recording.lines` says what is in it; data that are no JSON stand in ``text``. Times are unix times
in seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import quote

import msgspec

from ctfy_rx.catalogue import Payload
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event
from ctfy_rx.ledger import Cursor
from ctfy_rx.recording.lines import from_line, to_line

__all__ = ["SUBJECTS", "decode", "encode", "message_id", "subject", "subjects"]

SUBJECTS = "ctfy.events.>"
"""What a stream of JetStream must take in to hold all events."""

_ANY = "*"
_NOWHERE = "-"  # the competition of an event that belongs to none
_PATTERN = re.compile(r"[*?\[]")


def encode(event: Event[Any]) -> bytes:
    """`event` as one line of JSON, without the line's end.

    >>> encode(Event("solve", '{"flag_id":"a"}', received=2.0, log_id=7, logged=1.5, origin="log"))
    b'{"event":"solve","received":2.0,"origin":"log","logged":1.5,"log_id":7,"data":{"flag_id":"a"}}'
    """
    return to_line(event)[:-1]


def decode(line: bytes) -> Event[Payload]:
    """The event that `line` holds, as it was. Raises ValueError for what is no such line."""
    event = from_line(line)
    return msgspec.structs.replace(event, origin=event.recorded or "live", recorded=None)


def message_id(event: Event[Any]) -> str | None:
    """What names the row that `event` was read from, for good: its id and its time, since ids come again
    after deletions. None for a signal.

    >>> message_id(Event("solve", "{}", log_id=7, logged=0.5))
    '7@1970-01-01T00:00:00.500000+00:00'
    """
    if event.log_id is None:
        return None
    return str(Cursor(event.logged or 0.0, event.log_id))


def subject(event: Event[Any]) -> str:
    """Where `event` is published: ``ctfy.events.<event>.<competition>``, ``-`` for no competition.

    >>> subject(Event("flag_correct", '{"competition_id": "spring.2026"}'))
    'ctfy.events.flag_correct.spring%2E2026'
    """
    data = event.data
    competition = cast("dict[str, Any]", data).get("competition_id") if isinstance(data, dict) else None
    place = _token(competition) if isinstance(competition, str) else _NOWHERE
    return f"ctfy.events.{_token(event.event)}.{place}"


def subjects(names: Iterable[str], competition: str | None = None) -> list[str]:
    """The subjects of the events of those `names`, of all without any; a pattern needs those of all.

    >>> subjects(["flag_correct"], "spring"), subjects(["flag_*"])
    (['ctfy.events.flag_correct.spring'], ['ctfy.events.*.*'])
    """
    if isinstance(names, str):
        raise ConfigurationError("events= is a name or several: write a list of names")
    wanted = list(dict.fromkeys(names))
    place = _ANY if competition is None else _token(competition)
    if not wanted or any(_PATTERN.search(name) for name in wanted):
        return [f"ctfy.events.{_ANY}.{place}"]
    return [f"ctfy.events.{_token(name)}.{place}" for name in wanted]


def _token(text: str) -> str:
    """`text` as one token of a subject: dots, wildcards and spaces would mean something."""
    return quote(text, safe="").replace(".", "%2E").replace("*", "%2A") or _NOWHERE
