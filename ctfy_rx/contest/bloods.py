"""First bloods of a contest for those who do not hear other teams' answers: from the public breakdown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import reactivex
from reactivex import Observable
from reactivex import operators as ops

from ctfy_rx.catalogue import FlagCorrect
from ctfy_rx.connection.steps import Steps
from ctfy_rx.contest.questions import Json, breakdown, moment, only_competition, text
from ctfy_rx.event import Event

__all__ = ["Fates", "drawn", "fates"]

Fates = tuple[str, list[Json]]
"""The id of a contest, and how each of its challenges fares."""


def fates(competition: str | None) -> Steps[Fates]:
    """How the challenges of a contest fare, or of the only one."""
    competition = competition or (yield from only_competition())
    return competition, (yield from breakdown(competition))


def drawn(
    *, clock: Callable[[], float] = time.time
) -> Callable[[Observable[Fates]], Observable[Event[FlagCorrect]]]:
    """The first bloods that are new from one breakdown to the next; what the first one holds is old.

    ::

        --{pwn: Red}--{pwn: Red}--{pwn: Red, web: Blue}--|
          drawn()
        --------------------------web by Blue------------|
    """

    def apply(source: Observable[Fates]) -> Observable[Event[FlagCorrect]]:
        def anew(_: Any) -> Observable[Event[FlagCorrect]]:
            known = _Known(clock)
            return source.pipe(ops.flat_map(known.news))

        return reactivex.defer(anew)

    return apply


class _Known:
    """The challenges whose first blood was drawn; what the first breakdown holds is old."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: set[str] | None = None

    def news(self, told: Fates) -> Iterator[Event[FlagCorrect]]:
        """An event for each that is new, the oldest first."""
        competition, challenges = told
        seen = {text(fate.get("challenge_id")): fate for fate in challenges if _is_drawn(fate)}
        old = set(seen) if self._known is None else self._known
        self._known = old | set(seen)
        new = [_event(seen[each], competition, self._clock()) for each in seen if each not in old]
        return iter(sorted(new, key=lambda event: event.at))


def _is_drawn(fate: Json) -> bool:
    return bool(text(fate.get("first_blood_team_name")) or text(fate.get("first_blood_team_id")))


def _event(fate: Json, competition: str, received: float) -> Event[Any]:
    at = moment(fate.get("first_blood_at"))  # the platform keeps that of anonymous teams to itself
    challenge = text(fate.get("challenge_id"))
    data = {"challenge_id": challenge, "competition_id": competition, "first_blood": "challenge"}
    return Event(
        FlagCorrect.event_name,
        msgspec.json.encode(data).decode(),
        received=received,
        logged=None if at is None else at.timestamp(),
        team_id=text(fate.get("first_blood_team_id")) or None,
        team_name=text(fate.get("first_blood_team_name")) or None,
        challenge_name=text(fate.get("name")) or challenge,
    )
