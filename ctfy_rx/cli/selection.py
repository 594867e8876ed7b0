"""What ``--filter`` means: named streams, event names and patterns, merged into one stream."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import filter as matching
from typing import Any

from ctfy_rx import EventStream
from ctfy_rx.catalogue import PAYLOADS
from ctfy_rx.errors import ConfigurationError

__all__ = ["COUNTERS", "NAMED", "Selection", "selection"]

NAMED: dict[str, Callable[[EventStream], EventStream[Any]]] = {
    "solves": EventStream.solves,
    "solved_challenges": EventStream.solved_challenges,
    "wrong_answers": EventStream.wrong_answers,
    "achievements": EventStream.achievements,
    "announcements": EventStream.announcements,
    "instances": EventStream.instances,
}
"""The named streams, each a method of `EventStream`; their singular is understood as well."""

COUNTERS = frozenset({"meta_stats", "node_status", "scoreboard_updated"})
"""Events that come with nearly every other one: a person is spared them unless asked for by name."""

_SINGULAR = {name.removesuffix("s"): name for name in NAMED}


@dataclass(frozen=True, slots=True)
class Selection:
    """Some named streams, and the events of some `names` (or patterns); nothing of both is everything."""

    streams: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.streams or self.names)

    @property
    def unmatched(self) -> list[str]:
        """The patterns that no event of the catalogue has: misspelt, or meant for a newer platform."""
        return [name for name in self.names if not matching(PAYLOADS, name)]

    def of(self, stream: EventStream) -> EventStream[Any]:
        """What was selected of `stream`, each event once: one that several of its parts hold comes from each
        of them in turn, before the next event does."""
        parts = [NAMED[name](stream) for name in self.streams]
        if self.names:
            parts.append(stream.of_event(*self.names))
        if not parts:
            return stream
        return parts[0].merge(*parts[1:]).distinct_until_changed(comparer=operator.is_)


def selection(text: str) -> Selection:
    """What the comma-separated `text` names.

    Raises `ConfigurationError` with a suggestion for a name that is neither a named stream nor an event of
    the catalogue. Patterns may match whatever a newer platform sends.

    >>> selection("solve,instance_*")
    Selection(streams=('solves',), names=('instance_*',))
    """
    words = [word.strip().lower().replace("-", "_") for word in text.split(",")]
    chosen = dict.fromkeys(_known(word) for word in words if word)
    return Selection(
        tuple(name for name in chosen if name in NAMED), tuple(name for name in chosen if name not in NAMED)
    )


def _known(word: str) -> str:
    name = _SINGULAR.get(word, word)
    if name in NAMED or name in PAYLOADS or any(sign in name for sign in "*?["):
        return name
    close = get_close_matches(name, [*NAMED, *PAYLOADS], n=1)
    hint = f"did you mean {close[0]}?" if close else f"choose {', '.join(NAMED)}, or an event's name."
    raise ConfigurationError(f'there is no event "{name}": {hint}')
