"""An event as a sentence for people: words with their styles, for a terminal and for a notebook alike. Pure,
and harmless wherever it is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from ctfy_rx.appearance import AGAIN, CODES, FIRST_BLOOD, FOUND_A_FLAG, OWN, SENTENCES, Sentence
from ctfy_rx.catalogue import Payload
from ctfy_rx.event import Event
from ctfy_rx.text.printable import plain, short

__all__ = ["Words", "duration", "in_words"]

_LONGEST_VALUE = 120  # characters of one field: an error message is as long as its author likes
_LONGEST_LIST = 400
_LONGEST_TIME = 1e9  # seconds: some thirty years

_LISTED = Sentence("·", "dim", "")
_PART = re.compile(r"\[(?P<optional>[^\]]*)\]|\{(?P<field>\w+)\}|(?P<words>[^\[{]+)")
_STYLES = {"actor": "bold", "challenge_id": "cyan", "achievement_name": "bold", "node_id": "bold"}
_UNNAMED = {"actor": "somebody", "challenge_id": "a challenge", "achievement_name": "an achievement"}
_DURATIONS = frozenset({"solve_time_s", "downtime_seconds"})
_CODED = frozenset({"reason", "counter", "task_kind", "verdict"})
_PRIVATE = {"ip", "email"}  # a terminal may be a wall that everybody sees; --json has them
_COMMON = frozenset(Payload.__struct_fields__)


class Words(NamedTuple):
    """A mark, its style, and the parts of the sentence after it, each with its style; a style is a colour,
    ``bold``, ``dim``, some of them together, or ""."""

    mark: str
    style: str
    parts: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.mark} {''.join(text for text, _ in self.parts)}"


def in_words(event: Event[Any]) -> Words:
    """`event` as a sentence, or, where it has none, as a list of what it holds.

    >>> print(in_words(Event("flag_correct", '{"actor_name": "Mia", "challenge_id": "pwn-1"}')))
    ✔ Mia solved pwn-1
    """
    data = event.data
    fields = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    mark, style, words = _sentence(event.event, fields)
    parts = _spoken(words, event, fields) if words else _listed(event, fields)
    return Words(mark, style, tuple(parts))


def _sentence(name: str, fields: Mapping[str, Any]) -> Sentence:
    if name == "flag_correct" and fields.get("repeated"):
        return AGAIN
    if name == "flag_correct" and fields.get("first_blood"):
        return FIRST_BLOOD
    if name == "flag_correct" and fields.get("challenge_fully_solved") is False:
        return FOUND_A_FLAG
    return SENTENCES.get(name) or OWN.get(name, _LISTED)


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
    if name == "challenge_id" and event.challenge_name:
        value = event.challenge_name
    if name == "title":
        value = value or fields.get("announcement_id")
    if name in _CODED and isinstance(value, str):
        value = CODES.get(value, value.replace("_", " "))
    return duration(value) if name in _DURATIONS else _shown(value)


def _actor(event: Event[Any], fields: Mapping[str, Any]) -> str:
    known = event.actor_name or fields.get("actor_name")
    name = "the platform" if fields.get("actor_id") == "platform" else _shown(known)
    team = _shown(event.team_name)
    return f"{name} ({team})" if name and team and team != name else name or team


def _shown(value: Any) -> str:
    if value is None or value == "":
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return short(text, _LONGEST_VALUE)


def duration(value: Any) -> str:
    """Seconds as people say them, "" for what are none.

    >>> duration(12.3), duration(98), duration(7500), duration("soon")
    ('12 s', '1 min 38 s', '2 h 5 min', '')
    """
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
    others = [
        (plain(name), _shown(value)) for name, value in fields.items() if name not in _COMMON | _PRIVATE
    ]
    listed = "  ".join(f"{name}={value}" for name, value in others if value)
    if listed := listed or ("" if fields else _shown(event.data)):
        yield f"  {short(listed, _LONGEST_LIST)}", "dim"
