"""What ``--filter`` means: named streams, event names and patterns, merged into one stream."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from fnmatch import filter as matching
from typing import Any

import reactivex
from reactivex import Observable
from reactivex import operators as ops

from ctfy_rx import Event, EventStream
from ctfy_rx.catalogue import PAYLOADS
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.operators.of_event import is_pattern
from ctfy_rx.operators.usual_words import meaning_of
from ctfy_rx.text.suggestion import did_you_mean

__all__ = ["NAMED", "Duplicates", "Selection", "selection", "with_titles"]

NAMED: dict[str, Callable[[EventStream], EventStream[Any]]] = {
    "solves": EventStream.solves,
    "solved_challenges": EventStream.solved_challenges,
    "wrong_answers": EventStream.wrong_answers,
    "achievements": EventStream.achievements,
    "announcements": EventStream.announcements,
    "instances": EventStream.instances,
    "first_bloods": EventStream.first_bloods,
    "alerts": EventStream.alerts,
    "shared_flags": EventStream.shared_flags,
    "verdicts": EventStream.verdicts,
    "mine": EventStream.mine,
}
"""The named streams, each a method of `EventStream`; their singular is understood as well."""

_TELL_MORE = frozenset({"announcements", "first_bloods", "shared_flags"})
"""Those that make new events of what came, with words, a mark or names: they are asked first."""

_REMEMBERED = 20_000  # events: first bloods wait for what was drawn before, and come after what came later

_SINGULAR = {name.removesuffix("s"): name for name in NAMED}


@dataclass(frozen=True, slots=True)
class Selection:
    """Some named streams, and the events of some `names` (or patterns); nothing of both is everything."""

    streams: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    of_platform: bool = field(default=True, repr=False)

    def __bool__(self) -> bool:
        return bool(self.streams or self.names)

    @property
    def unmatched(self) -> list[str]:
        """The patterns that no event of the catalogue has: misspelt, or meant for a newer platform. Another
        server has names of its own."""
        if not self.of_platform:
            return []
        return [name for name in self.names if not matching(PAYLOADS, name)]

    def of(self, stream: EventStream) -> EventStream[Any]:
        """What was selected of `stream`, each event once: of those of several parts the first one counts,
        which is that of a part that tells more, unless it has to wait for what it tells. Announcements come
        when their words do."""
        others = stream
        if "announcements" in self.streams:
            others = _without_announcements(stream)
        in_turn = sorted(self.streams, key=lambda name: name not in _TELL_MORE)
        parts = [NAMED[name](stream if name == "announcements" else others) for name in in_turn]
        if self.names:
            parts.append(others.of_event(*self.names))
        if not parts:
            return stream
        return parts[0] if len(parts) == 1 else stream.derived(reactivex.defer(lambda _: _each_once(parts)))


def with_titles(stream: EventStream) -> EventStream[Any]:
    """All of `stream`, the announcements with their words."""
    parts = (_without_announcements(stream), stream.announcements())
    return stream.derived(reactivex.defer(lambda _: reactivex.merge(*parts)))


def _without_announcements(stream: EventStream) -> EventStream:
    return stream.filter(lambda event: event.event != "announcement_created")


class Duplicates:
    """Which events of several parts have come from another part before, of the last `remembered` ones."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._times: OrderedDict[Hashable, Counter[int]] = OrderedDict()

    def is_new(self, came: tuple[int, Event[Any]]) -> bool:
        """Whether the event that `came` from the part of that number is one that no other part has given:
        two that are alike are two, where one part gives both."""
        part, event = came
        times = self._times.setdefault(_which(event), Counter())
        if len(self._times) > self._remembered:
            self._times.popitem(last=False)
        most = max(times.values(), default=0)
        times[part] += 1
        return times[part] > most


def _each_once(parts: Sequence[Observable[Event[Any]]]) -> Observable[Event[Any]]:
    came = Duplicates()
    numbered = (part.pipe(ops.map(_from(number))) for number, part in enumerate(parts))
    return reactivex.merge(*numbered).pipe(ops.filter(came.is_new), ops.map(_event))


def _from(number: int) -> Callable[[Event[Any]], tuple[int, Event[Any]]]:
    return lambda event: (number, event)


def _event(came: tuple[int, Event[Any]]) -> Event[Any]:
    return came[1]


def _which(event: Event[Any]) -> Hashable:
    """What stays the same, whatever a named stream adds to an event: its row, or else what the platform
    says."""
    if event.log_id is not None:
        return event.log_id, event.logged
    said = repr(event.payload) if event.event in PAYLOADS else event.text
    return event.event, event.received, event.id, said


def selection(text: str, *, of_platform: bool = True) -> Selection:
    """What the comma-separated `text` names.

    Raises `ConfigurationError` with a suggestion for a name that is neither a named stream nor an event of
    the catalogue, unless the events are not `of_platform`: then it is one of the server's own. Patterns may
    match whatever a newer platform sends.

    >>> selection("solve,instance_*")
    Selection(streams=('solves',), names=('instance_*',))
    """
    words = [word for word in map(str.strip, text.split(",")) if word]
    chosen = dict.fromkeys(_known(word) if of_platform else _known_or_own(word) for word in words)
    return Selection(
        tuple(name for name in chosen if name in NAMED),
        tuple(name for name in chosen if name not in NAMED),
        of_platform,
    )


def _known_or_own(word: str) -> str:
    return _SINGULAR.get(word, word)


def _known(word: str) -> str:
    word = word.lower().replace("-", "_")
    name = _SINGULAR.get(word, word)
    if name in NAMED or name in PAYLOADS or is_pattern(name):
        return name
    raise ConfigurationError(f'there is no event "{name}": {_hint(name)}')


def _hint(name: str) -> str:
    if meaning := meaning_of(name):
        return f"did you mean {meaning.stream if meaning.stream in NAMED else meaning.events!r}?"
    return did_you_mean(name, [*NAMED, *PAYLOADS]) or f"choose {', '.join(NAMED)}, or an event's name."
