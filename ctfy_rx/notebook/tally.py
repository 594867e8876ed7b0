"""Who found which flag, and who guessed: counted from the answers of a stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ctfy_rx.catalogue import FlagCorrect, FlagWrong
from ctfy_rx.event import Event, is_event

__all__ = ["Attempts", "Tally", "Team"]

_ANSWERS = frozenset({"flag_correct", "flag_wrong"})
_MOST_PAIRS = 65_536  # of a team and a challenge; a larger contest than that is shown in part


@dataclass(slots=True)
class Team:
    """A team, or, where events name none, the player; `found` are the times of its flags."""

    name: str
    number: int
    found: list[datetime] = field(default_factory=list[datetime])


@dataclass(slots=True)
class Attempts:
    """What one team did at one challenge."""

    flags: set[str | None] = field(default_factory=set[str | None])
    wrong: int = 0
    solved: bool = False
    first: bool = False


class Tally:
    """The solves and the wrong answers so far.

    A solve is the first right answer of a team to a flag, as `operators.solves` has it; the first to a
    challenge is its first blood, as far as the stream heard the contest from its start.
    """

    def __init__(self) -> None:
        self.teams: dict[str, Team] = {}
        self.challenges: dict[tuple[str | None, str], str] = {}  # in the order in which they were tried
        self.attempts: dict[tuple[tuple[str | None, str], str], Attempts] = {}
        self._bled: set[tuple[str | None, str]] = set()
        self.begin: datetime | None = None
        self.end: datetime | None = None

    def add(self, item: Any) -> None:
        """Count `item`, if it is an answer."""
        if is_event(item) and item.event in _ANSWERS and len(self.attempts) < _MOST_PAIRS:
            self._add(item)

    def ranking(self) -> list[tuple[str, Team]]:
        """The teams by their ids: most flags first, who was there earlier before who was later."""
        return sorted(
            self.teams.items(),
            key=lambda entry: (-len(entry[1].found), entry[1].found[-1:], entry[1].number),
        )

    def _add(self, event: Event[Any]) -> None:
        self.begin = self.begin or event.at
        self.end = max(self.end or event.at, event.at)
        answer = event.payload
        team = self._team(event)
        challenge = (answer.competition_id, answer.challenge_id or "?")
        self.challenges[challenge] = event.challenge_name or challenge[1]
        attempts = self.attempts.setdefault((challenge, team), Attempts())
        if isinstance(answer, FlagWrong):
            attempts.wrong += 1
        elif isinstance(answer, FlagCorrect):
            self._right(answer, event.at, team, challenge, attempts)

    def _team(self, event: Event[Any]) -> str:
        answer = event.payload
        known = event.team_id or answer.actor_id or "?"
        name = event.team_name or event.actor_name or answer.actor_name or known
        self.teams.setdefault(known, Team(name, len(self.teams))).name = name
        return known

    def _right(
        self,
        answer: FlagCorrect,
        at: datetime,
        team: str,
        challenge: tuple[str | None, str],
        attempts: Attempts,
    ) -> None:
        if answer.flag_id in attempts.flags:
            return
        attempts.flags.add(answer.flag_id)
        attempts.solved = attempts.solved or answer.challenge_fully_solved is not False
        self.teams[team].found.append(at)
        attempts.first = attempts.first or challenge not in self._bled
        self._bled.add(challenge)
