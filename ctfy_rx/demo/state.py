"""What the platform remembers: accounts, instances, the activity log, solves, announcements. No I/O."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ctfy_rx.demo.teams import Cast, Challenge, Player, Team

__all__ = ["Announcement", "Instance", "Row", "Solve", "State", "Submission", "Token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the activity log: `detail` without nulls, and what its frame says beyond the row."""

    id: int
    timestamp: datetime
    event: str
    team_id: str
    team_name: str
    challenge_id: str
    actor_id: str
    actor_name: str
    actor_type: str
    detail: Mapping[str, Any]
    frame_only: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def frame(self) -> dict[str, Any]:
        """The data of the frame that announces this row."""
        return {
            "challenge_id": self.challenge_id,
            "actor_id": self.actor_id,
            "actor_name": self.actor_name,
            "actor_type": self.actor_type,
            "actor_avatar_url": "",
            **self.detail,
            **self.frame_only,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Solve:
    """The first right answer of one team to one flag."""

    team_id: str
    challenge_id: str
    flag_id: str
    user_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """An answer as it was handed in."""

    id: str
    team_id: str
    user_id: str
    challenge_id: str
    claimed_flag: str
    correct: bool
    flag_id: str
    submitted_at: datetime
    solve_time_s: float


@dataclass(slots=True, kw_only=True)
class Instance:
    """A team's own running copy of a challenge."""

    id: str
    team: Team
    challenge: Challenge
    started_at: datetime
    status: str = "ready"
    submissions: list[Submission] = field(default_factory=list[Submission])


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What the organisers told everybody."""

    id: str
    title: str
    body: str
    severity: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Whose token it is; only kind `user` opens a stream that hears more than global frames."""

    player: Player
    kind: str = "user"


@dataclass(slots=True, kw_only=True)
class State:
    """Everything that survives a restart. Take `lock` around whatever must be seen together."""

    cast: Cast
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    lock: threading.RLock = field(default_factory=threading.RLock)
    rows: list[Row] = field(default_factory=list[Row])
    solves: dict[tuple[str, str, str], Solve] = field(default_factory=dict[tuple[str, str, str], Solve])
    attempts: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    instances: dict[str, Instance] = field(default_factory=dict[str, Instance])
    announcements: list[Announcement] = field(default_factory=list[Announcement])
    tokens: dict[str, Token] = field(default_factory=dict[str, Token], repr=False)
    nodes_healthy: int = 2
    tasks_failed: int = 0
    outbox_failed: int = 0
    created_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.created_at = self.now()
        everybody = [self.cast.admin, *self.players]
        self.tokens.update((player.token, Token(player=player)) for player in everybody)

    def begin(self, cast: Cast) -> None:
        """Another contest of the same teams begins; the log and the accounts stay."""
        with self.lock:
            self.cast = cast
            self.created_at = self.now()
            self.solves.clear()
            self.attempts.clear()
            self.instances.clear()

    @property
    def players(self) -> list[Player]:
        """Everybody who plays, team by team."""
        return [player for team in self.cast.teams for player in team.players]

    def append(
        self,
        event: str,
        *,
        actor: tuple[str, str, str],
        detail: Mapping[str, Any],
        team: tuple[str, str] = ("", ""),
        challenge_id: str = "",
        frame_only: Mapping[str, Any] | None = None,
    ) -> Row:
        """Commit a row. As in SQLite without AUTOINCREMENT, the id of a deleted newest row comes again."""
        with self.lock:
            actor_id, actor_name, actor_type = actor
            row = Row(
                id=self.rows[-1].id + 1 if self.rows else 1,
                timestamp=self.now(),
                event=event,
                team_id=team[0],
                team_name=team[1],
                challenge_id=challenge_id,
                actor_id=actor_id,
                actor_name=actor_name,
                actor_type=actor_type,
                detail=detail,
                frame_only=frame_only or {},
            )
            self.rows.append(row)
            return row

    def record_answer(self, player: Player, challenge: Challenge, flag_id: str, *, right: bool) -> int:
        """Count the attempt and, if it is new and right, the solve; returns its rank, 0 for a repeat."""
        with self.lock:
            self.attempts[player.team_id, player.user_id, challenge.id] += 1
            key = (player.team_id, challenge.id, flag_id)
            if not right or key in self.solves:
                return 0
            self.solves[key] = Solve(
                team_id=player.team_id,
                challenge_id=challenge.id,
                flag_id=flag_id,
                user_id=player.user_id,
                at=self.now(),
            )
            return sum(
                solve.challenge_id == challenge.id and solve.flag_id == flag_id
                for solve in self.solves.values()
            )

    def fully_solved(self, team_id: str, challenge: Challenge) -> bool:
        """Whether the team holds every flag of the challenge."""
        return all((team_id, challenge.id, flag) in self.solves for flag in challenge.flags)

    def instance_of(self, team: Team, challenge: Challenge) -> Instance | None:
        """The newest instance of `challenge` that `team` runs."""
        with self.lock:
            own = [
                i for i in self.instances.values() if i.team.id == team.id and i.challenge.id == challenge.id
            ]
        return own[-1] if own else None

    def counters(self) -> dict[str, Any]:
        """What a `meta_stats` frame tells the admins."""
        return {
            "teams_total": len(self.cast.teams),
            "users_total": len(self.players) + 1,
            "nodes_total": 2,
            "nodes_healthy": self.nodes_healthy,
            "running_instances": len(self.instances),
            "solves_total": len(self.solves),
            "challenges_total": len(self.cast.challenges),
            "challenges_suites": 1,
            "challenges_environments": len(self.cast.challenges),
            "agents": dict.fromkeys(
                ("registered", "pending_review", "platform", "entrants", "models", "runs_running"), 0
            ),
            "ops": {
                "competitions_live": 1,
                "competitions_upcoming": 0,
                "tasks_running": 0,
                "tasks_failed": self.tasks_failed,
                "outbox_pending": 0,
                "outbox_failed": self.outbox_failed,
            },
            "llm": {"calls_today": 0, "input_tokens_today": 0, "output_tokens_today": 0},
        }
