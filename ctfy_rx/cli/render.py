"""Events as lines, and the status of the connection as another: pure, and safe on a terminal."""

from __future__ import annotations

import json
from datetime import tzinfo
from typing import Any

from rich.text import Text

from ctfy_rx import Closed, Connecting, Event, Idle, Open, Status
from ctfy_rx.cli.own_words import in_own_words
from ctfy_rx.text.printable import json_safe, plain
from ctfy_rx.wording import in_words

__all__ = ["as_json", "as_sentence", "as_status", "as_text"]


def as_json(event: Event[Any]) -> str:
    """`event` as one JSON object on one line, without the line's end.

    >>> print(as_json(Event("flag_wrong", '{"actor_name": "Mallory"}', received=0.0)))
    {"event":"flag_wrong","at":"1970-01-01T00:00:00.000Z","data":{"actor_name":"Mallory"},"origin":"live"}
    """
    known = {
        "id": event.id or None,
        "log_id": event.log_id,
        "team_id": event.team_id,
        "team_name": event.team_name,
        "challenge_name": event.challenge_name,
        "actor_name": event.actor_name,
        "origin": event.origin,
    }
    at = event.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    record = {"event": event.event, "at": at, "data": event.data}
    record |= {name: value for name, value in known.items() if value is not None}
    try:
        return _compact(record)
    except (ValueError, RecursionError):  # NaN, which JSON cannot say, or nested beyond reason
        return _compact(record | {"data": event.text})


def _compact(record: Any) -> str:
    return json_safe(json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def as_text(event: Event[Any], zone: tzinfo | None = None) -> Text:
    """`event` as one line for people, its time in `zone` (None: where this computer is).

    >>> from datetime import UTC
    >>> solve = Event("flag_correct", '{"actor_name": "Mia", "challenge_id": "pwn-1", "solve_time_s": 98.3}')
    >>> print(as_text(solve, UTC))
    00:00:00  ✔ Mia solved pwn-1 in 1 min 38 s
    """
    mark, colour, parts = in_words(event)
    line = Text.assemble((f"{event.at.astimezone(zone):%H:%M:%S}  ", "dim"), (f"{mark} ", colour))
    for text, style in parts:
        line.append(text, style or (colour if colour == "dim" else ""))
    return line


def as_sentence(event: Event[Any]) -> str:
    """`event` as people say it, without its time and on one line.

    >>> as_sentence(Event("flag_wrong", '{"actor_name": "Eve", "challenge_id": "pwn-1"}'))
    'Eve gave a wrong answer to pwn-1'
    """
    return "".join(text for text, _ in in_words(event).parts)


def as_status(status: Status, address: str) -> Text | None:
    """What the connection to `address` does, as a line for people; None where it is not worth one.

    >>> print(as_status(Open("root (admin)"), "http://127.0.0.1:8100"))
    connected to http://127.0.0.1:8100 as root (admin)
    """
    match status:
        case Idle() | Connecting() | Closed():
            return None
        case Open(refused=None, nobody=False):
            return Text(plain(status.to(address)), "green")
        case Open():
            return Text(plain(in_own_words(status.to(address))), "yellow")
        case _:
            return Text(plain(in_own_words(str(status))), "yellow")
