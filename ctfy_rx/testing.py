"""For tests of what you build on ctfy_rx: events from one line each, and streams of them, without a server.

`event` makes any event of exactly the fields that you write; `solve`, `wrong`, `achievement`, `announcement`
and `instance_ready` make whole ones, as the platform sends them. `stream_of` and `marbles` make an
`EventStream` of events, with all its methods.

>>> from ctfy_rx.testing import event, marbles, solve, stream_of, wrong
>>> [each.payload.actor_name for each in stream_of(solve(), wrong(), solve()).solves()]
['Ada']

A whole platform to test against, with connections that break, is the fixture `ctfy_platform`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, overload

import msgspec
import reactivex
from reactivex import Observable, abc

from ctfy_rx.catalogue import (
    PAYLOADS,
    AchievementUnlocked,
    AnnouncementCreated,
    FlagCorrect,
    FlagWrong,
    InstanceReady,
    Payload,
)
from ctfy_rx.errors import ConfigurationError, ConnectionFailed
from ctfy_rx.event import Event
from ctfy_rx.operators.usual_words import meaning_of
from ctfy_rx.stream.stream import EventStream
from ctfy_rx.text.suggestion import did_you_mean

__all__ = [
    "MOMENT",
    "achievement",
    "announcement",
    "event",
    "instance_ready",
    "marbles",
    "solve",
    "stream_of",
    "wrong",
]

P = TypeVar("P", bound=Payload)

MOMENT: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""When everything happens that does not say when."""


@overload
def event(
    name: type[P], /, *, at: datetime = ..., team: str | None = ..., log_id: int | None = ..., **fields: Any
) -> Event[P]: ...
@overload
def event(
    name: str, /, *, at: datetime = ..., team: str | None = ..., log_id: int | None = ..., **fields: Any
) -> Event[Payload]: ...
def event(
    name: str | type[Payload],
    /,
    *,
    at: datetime = MOMENT,
    team: str | None = None,
    log_id: int | None = None,
    **fields: Any,
) -> Event[Any]:
    """An event of the platform, by its name or its payload class, with these `fields` as its data.

    With `team` or `log_id` it is one that was read from the activity log, the team's id ``team-<name>``;
    without, as of a frame, which tells neither. Raises `ConfigurationError` for a name or a field that the
    platform does not have: a test with a typo in it shows nothing. What is foreign on purpose is an
    ``Event("name", '{"json": 1}')``.

    >>> event("flag_correct", challenge_id="pwn-1", solve_time_s=98.3).data
    {'challenge_id': 'pwn-1', 'solve_time_s': 98.3}
    >>> event("flag_wrong", chalenge_id="pwn-1")
    Traceback (most recent call last):
    ctfy_rx.errors.ConfigurationError: flag_wrong has no field "chalenge_id": did you mean 'challenge_id'?
    """
    word = name if isinstance(name, str) else name.event_name
    if word not in PAYLOADS:
        hint = meaning_of(word) or did_you_mean(word, PAYLOADS) or "`ctfy-rx events` lists them"
        raise ConfigurationError(f'the platform has no event "{word}": {hint}')
    known = {field.name: field for field in msgspec.structs.fields(PAYLOADS[word])}
    for field in fields.keys() - known.keys():
        raise ConfigurationError(f'{word} has no field "{field}"' + _suggestion(field, known))
    logged = team is not None or log_id is not None
    return Event(
        word,
        msgspec.json.encode(fields).decode(),
        received=at.timestamp(),
        origin="log" if logged else "live",
        log_id=log_id,
        logged=at.timestamp() if logged else None,
        team_id=None if team is None else f"team-{team}",
        team_name=team,
    )


def solve(
    team: str = "Red", challenge: str = "pwn-1", player: str = "Ada", *, at: datetime = MOMENT, **fields: Any
) -> Event[FlagCorrect]:
    """A right answer, which finishes the challenge. `fields` replace or add to those of the frame.

    Each team has an instance of its own of each challenge, as on the platform, so that the same `team` and
    `challenge` are the same solve. The frame does not name the team.

    >>> stream_of(solve("Red"), solve("Blue"), solve("Red", player="Bob")).solves().count().run()
    2
    """
    answer = {"flag_id": "flag", "solve_time_s": 98.3, "challenge_fully_solved": True}
    frame = _together(_box(team, challenge), _user(player), answer, fields)
    return event(FlagCorrect, at=at, **frame)


def wrong(
    team: str = "Red", challenge: str = "pwn-1", player: str = "Ada", *, at: datetime = MOMENT, **fields: Any
) -> Event[FlagWrong]:
    """A wrong answer. `fields` replace or add to those of the frame.

    >>> wrong(challenge="web-2").payload.challenge_id
    'web-2'
    """
    frame = _together(_box(team, challenge), _user(player), {"solve_time_s": 0.0}, fields)
    return event(FlagWrong, at=at, **frame)


def achievement(
    name: str = "Lucky Guesser", player: str = "Ada", *, at: datetime = MOMENT, **fields: Any
) -> Event[AchievementUnlocked]:
    """An achievement that somebody unlocked. `fields` replace or add to those of the frame.

    >>> achievement("Night Owl").payload.achievement_id
    'night_owl'
    """
    id_ = name.lower().replace(" ", "_")
    badge = {"achievement_id": id_, "achievement_name": name, "tier": "bronze", "secret": False}
    frame = _together(_COMPETITION, _user(player), badge, fields)
    return event(AchievementUnlocked, at=at, **frame)


def announcement(
    announcement_id: str = "announcement-1", *, at: datetime = MOMENT
) -> Event[AnnouncementCreated]:
    """The organisers announced something; as on the platform, the frame holds its id and no text.

    >>> announcement().data
    {'announcement_id': 'announcement-1'}
    """
    return event(AnnouncementCreated, at=at, announcement_id=announcement_id)


def instance_ready(
    team: str = "Red", challenge: str = "pwn-1", *, at: datetime = MOMENT, **fields: Any
) -> Event[InstanceReady]:
    """The instance of a team answers; as on the platform, the team is its actor, and there is no address.

    >>> instance_ready("Blue").payload.actor_name
    'Blue'
    """
    ready = {"actor_id": f"team-{team}", "actor_name": team, "actor_type": "team", "node_id": "node-1"}
    frame = _together(_box(team, challenge), ready, fields)
    return event(InstanceReady, at=at, **frame)


def stream_of(
    *events: Event[Any], error: Exception | None = None, ends: bool = True, autoconnect: bool = True
) -> EventStream:
    """A stream that gives `events` and then completes, fails with `error`, or, unless it `ends`, stays open.

    ::

        first     ^(a b c|)
        second              ^(a b c|)

    As with a real one, the first subscriber opens it. It gives everything at once, so that the first gets all
    of it, and, where it ends, the next one that comes all of it again. Several that share one run subscribe
    to a stream with `autoconnect` False, and see it all when the test calls its `connect()`.

    >>> stream = stream_of(solve(), wrong(), autoconnect=False)
    >>> subscription = stream.subscribe(lambda event: print("all:", event.event))
    >>> subscription = stream.wrong_answers().subscribe(lambda event: print("wrong:", event.event))
    >>> subscription = stream.connect()
    all: flag_correct
    all: flag_wrong
    wrong: flag_wrong
    """
    end: Observable[Any] = reactivex.empty() if ends else reactivex.never()
    source = reactivex.concat(reactivex.of(*events), end if error is None else reactivex.throw(error))
    return EventStream.over(source, name=f"of {len(events)} events", autoconnect=autoconnect)


def marbles(
    diagram: str,
    *,
    scheduler: abc.SchedulerBase | None = None,
    timespan: float = 1.0,
    error: Exception | None = None,
    autoconnect: bool = True,
    **events: Event[Any],
) -> EventStream:
    """A stream as a marble diagram draws it.

    A letter gives the event of that name, ``(a,b)`` two at once, ``|`` completes, ``#`` fails with `error`.
    Each character, ``-`` as well, lets `timespan` seconds pass; two letters have a ``-`` between them.

    The diagram begins when the first subscriber comes, or at `EventStream.connect`; a later one sees what is
    left of it. `scheduler` gives the time: with reactivex's `TestScheduler` no test ever waits.

    Raises `ConfigurationError` for what is no letter of an event, and for letters with nothing between them.

    >>> from reactivex.testing import TestScheduler
    >>> time = TestScheduler()
    >>> stream = marbles("--a-b--a|", a=solve(), b=wrong(), scheduler=time)
    >>> subscription = stream.wrong_answers().subscribe(lambda event: print(time.clock, event.event))
    >>> time.advance_to(10)
    4.0 flag_wrong
    """
    for letters in _PLACES.findall(diagram):
        _check_place(letters, events)
    lookup: dict[str | float, Any] = dict(events.items())
    failure = error or ConnectionFailed("the diagram ends with #")
    source = reactivex.from_marbles(diagram, timespan, scheduler, lookup, failure)
    return EventStream.over(source, name=f"of {diagram}", autoconnect=autoconnect)


_COMPETITION: Final[dict[str, Any]] = {"competition_id": "final", "competition_title": "The Final"}


_PLACES: Final = re.compile(r"[^-|#(),\s]+")


def _check_place(letters: str, events: Mapping[str, object]) -> None:
    """Refuse what reactivex would give as it is written: a text, or a number, in the place of an event."""
    for letter in letters:
        if not letter.isalpha():
            raise ConfigurationError(f'"{letter}" in the diagram is no event: name each by a letter')
        if letter not in events:
            raise ConfigurationError(f'"{letter}" in the diagram is no event: add {letter}=event("…")')
    if len(letters) > 1:
        apart, together = "-".join(letters), ",".join(letters)
        raise ConfigurationError(
            f'"{letters}" in the diagram is no event: write "{apart}", or "({together})" for all at once'
        )


def _box(team: str, challenge: str) -> dict[str, Any]:
    return {"challenge_id": challenge, "instance_id": f"{challenge}-of-{team}", **_COMPETITION}


def _user(player: str) -> dict[str, Any]:
    return {"actor_id": f"user-{player}", "actor_name": player, "actor_type": "team"}


def _together(*parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}


def _suggestion(word: str, known: Mapping[str, object]) -> str:
    return ": " + (did_you_mean(word, known) or f"it has {', '.join(known)}")
