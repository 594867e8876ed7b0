"""Events as lines, and the status of the connection as another: pure, and safe on a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import tzinfo
from typing import Any, cast

from rich.text import Text

from ctfy_rx import Closed, Connecting, Event, Idle, Open, Status, Waiting
from ctfy_rx import Gap as Missing
from ctfy_rx.catalogue import Payload
from ctfy_rx.cli.plain import json_safe, plain, short
from ctfy_rx.cli.sentences import FOUND_A_FLAG, SENTENCES, Sentence

__all__ = ["as_json", "as_status", "as_text"]

_LONGEST_VALUE = 120  # characters of one field: an error message is as long as its author likes
_LONGEST_LIST = 400
_LONGEST_TIME = 1e9  # seconds: some thirty years

_LISTED = Sentence("·", "dim", "")
_PART = re.compile(r"\[(?P<optional>[^\]]*)\]|\{(?P<field>\w+)\}|(?P<words>[^\[{]+)")
_STYLES = {"actor": "bold", "challenge_id": "cyan", "achievement_name": "bold", "node_id": "bold"}
_UNNAMED = {"actor": "somebody", "challenge_id": "a challenge", "achievement_name": "an achievement"}
_DURATIONS = frozenset({"solve_time_s", "downtime_seconds"})
_COMMON = frozenset(Payload.__struct_fields__)


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
    data = event.data
    fields = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    mark, colour, words = _sentence(event.event, fields)
    line = Text.assemble((f"{event.at.astimezone(zone):%H:%M:%S}  ", "dim"), (f"{mark} ", colour))
    spoken = _spoken(words, event, fields) if words else _listed(event, fields)
    for text, style in spoken:
        line.append(text, style or (colour if colour == "dim" else ""))
    return line


def _sentence(name: str, fields: Mapping[str, Any]) -> Sentence:
    if name == "flag_correct" and fields.get("challenge_fully_solved") is False:
        return FOUND_A_FLAG
    return SENTENCES.get(name, _LISTED)


def _spoken(words: str, event: Event[Any], fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The words with their fields filled in, each with its style."""
    for part in _PART.finditer(words):
        if optional := part["optional"]:
            named = re.findall(r"\{(\w+)\}", optional)
            if all(_value(name, event, fields) for name in named):
                yield from _spoken(optional, event, fields)
        elif name := part["field"]:
            yield _value(name, event, fields) or _UNNAMED.get(name, "?"), _STYLES.get(name, "")
        else:
            yield part["words"], ""


def _value(name: str, event: Event[Any], fields: Mapping[str, Any]) -> str:
    if name == "actor":
        return _actor(event, fields)
    value = fields.get(name)
    return _duration(value) if name in _DURATIONS else _shown(value)


def _actor(event: Event[Any], fields: Mapping[str, Any]) -> str:
    name = "the platform" if fields.get("actor_id") == "platform" else _shown(fields.get("actor_name"))
    team = _shown(event.team_name)
    return f"{name} ({team})" if name and team and team != name else name or team


def _shown(value: Any) -> str:
    if value is None or value == "":
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return short(text, _LONGEST_VALUE)


def _duration(value: Any) -> str:
    """Seconds as people say them: 12 s, 1 min 38 s, 2 h 5 min."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LONGEST_TIME:
        return ""
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _listed(event: Event[Any], fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """An event without a sentence: its name, who and what, and its other fields."""
    yield short(event.event, _LONGEST_VALUE).replace("_", " "), "bold"
    for word, name in (("by", "actor"), ("on", "challenge_id")):
        if value := _value(name, event, fields):
            yield f" {word} ", "dim"
            yield value, _STYLES[name]
    others = [(plain(name), _shown(value)) for name, value in fields.items() if name not in _COMMON]
    listed = "  ".join(f"{name}={value}" for name, value in others if value)
    if listed := listed or ("" if fields else _shown(event.data)):
        yield f"  {short(listed, _LONGEST_LIST)}", "dim"


def as_status(status: Status, address: str) -> Text | None:
    """What the connection to `address` does, as a line for people; None where it is not worth one.

    >>> print(as_status(Waiting(4.0, ConnectionError("connection refused"), attempt=3), "http://localhost:8100"))
    reconnecting in 4 s: connection refused
    """
    match status:
        case Idle() | Connecting() | Closed():
            return None
        case Open():
            return Text(plain(f"connected to {address}"), "green")
        case Waiting(delay, cause, _):
            return Text(
                plain(f"reconnecting in {_round(delay)} s: {cause or 'the server ended the connection'}"),
                "yellow",
            )
        case Missing(seconds):
            return Text(f"events of the last {_round(seconds)} s may be missing", "yellow")
        case _:
            return Text(plain(str(status)), "yellow")


def _round(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 1 else f"{seconds:.1f}"
