"""The boards: who leads, who drew first blood. Computed at most once in a while, as on the platform."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ctfy_rx.demo import views
from ctfy_rx.demo.state import State
from ctfy_rx.demo.teams import Challenge, Team

__all__ = ["Cached", "breakdown", "scoreboard"]

Json = dict[str, Any]
T = TypeVar("T")


class Cached(Generic[T]):
    """What is computed of the contest that is on, anew only when it is `ttl` seconds old: who asks earlier
    gets the old one."""

    def __init__(self, compute: Callable[[State], T], state: State, *, ttl: float) -> None:
        self._compute = compute
        self._state = state
        self._ttl = ttl
        self._kept: tuple[str, float, T] | None = None

    def get(self) -> T:
        """The kept value while it is fresh, else a new one."""
        contest, now = self._state.cast.competition_id, time.monotonic()
        if self._kept is None or self._kept[0] != contest or now - self._kept[1] >= self._ttl:
            self._kept = (contest, now, self._compute(self._state))
        return self._kept[2]


def scoreboard(state: State) -> list[Json]:
    """Every team, best first: most flags, most challenges, earliest last solve."""
    standings = sorted((_standing(state, team) for team in state.cast.teams), key=_merit)
    return [{"rank": rank, **standing} for rank, standing in enumerate(standings, start=1)]


def _standing(state: State, team: Team) -> Json:
    solves = [solve for solve in state.solves.values() if solve.team_id == team.id]
    described = views.team(state, team)
    return {
        "team_id": team.id,
        "team_name": team.name,
        "solved": len({solve.challenge_id for solve in solves}),
        "flags_solved": len(solves),
        "score": len(solves),
        "attempts": described["attempts"],
        "last_solve_at": views.text(max((solve.at for solve in solves), default=None)),
        "last_active_at": described["last_active_at"],
        "entrant_kind": "human",
        "agent": None,
        "avatar_url": "",
        "affiliation": None,
        "anonymous": False,
        **dict.fromkeys(
            (
                "attack_score",
                "defence_score",
                "defended",
                "capability_score",
                "reporting_score",
                "authoring_score",
            ),
            0,
        ),
        "review_status": "",
    }


def _merit(standing: Json) -> tuple[int, int, str]:
    return (-standing["flags_solved"], -standing["solved"], standing["last_solve_at"] or "9999")


def breakdown(state: State) -> Json:
    """How each challenge fares, and who drew first blood."""
    return {"challenges": [_fate(state, item) for item in state.cast.challenges], "generated_at": time.time()}


def _fate(state: State, item: Challenge) -> Json:
    solves = sorted(
        (s for s in state.solves.values() if s.challenge_id == item.id), key=lambda solve: solve.at
    )
    attempts = sum(n for (_, _, challenge_id), n in state.attempts.items() if challenge_id == item.id)
    first = solves[0] if solves else None
    names = {team.id: team.name for team in state.cast.teams}
    return {
        "challenge_id": item.id,
        "name": item.name,
        "category": item.category,
        "difficulty": item.difficulty,
        "solves_count": len({solve.team_id for solve in solves}),
        "attempts": attempts,
        "success_rate": round(100 * len(solves) / attempts, 1) if attempts else 0.0,
        "value": None,
        "base_value": None,
        "decay": [],
        "first_blood_team_id": first.team_id if first else "",
        "first_blood_team_name": names[first.team_id] if first else "",
        "first_blood_at": views.text(first.at if first else None),
        "first_blood_anonymous": False,
    }
