"""What can happen in a contest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Final

from ctfy_rx.demo.listeners import Audience
from ctfy_rx.demo.state import Announcement, Instance, Row, Submission
from ctfy_rx.demo.teams import Challenge, Player, Team
from ctfy_rx.demo.telling import Telling

__all__ = ["BADGES", "RIGHT_ANSWER", "WRONG_ANSWER", "Answer", "Stage"]

RIGHT_ANSWER: Final = "FLAG{loadtest-correct-answer}"
WRONG_ANSWER: Final = "FLAG{not-this-one}"
LOOPBACK: Final = "127.0.0.1"

BADGES: Final[dict[str, tuple[str, str]]] = {
    "first_blood_team": ("First Blood", "bronze"),
    "fastest_man": ("Fastest Man Alive", "gold"),
    "flash_solver": ("Flash Solver", "gold"),
    "decathlete": ("Decathlete", "silver"),
    "unicorn": ("Unicorn", "gold"),
    "lucky_guesser": ("Lucky Guesser", "bronze"),
    "rapid_fire": ("Rapid Fire", "gold"),
    "completionist": ("Completionist", "gold"),
    "secret_handshake": ("Secret Handshake", "secret"),
}
_LOCALIZED: Final = {
    "secret_handshake": {"zh-CN": {"name": "接头暗号", "description": "你找到了隐藏的 flag。"}}
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of an answer: its row in the log, and its rank (1 is the first team, 0 a repeat)."""

    row: Row
    right: bool
    rank: int
    fully_solved: bool
    solve_time_s: float


class Stage(Telling):
    """The verbs of a contest, safe from any thread."""

    def answer(
        self,
        player: Player,
        instance: Instance,
        flag_id: str,
        *,
        right: bool,
        solve_time_s: float | None = None,
        claimed: str | None = None,
        made_for: Team | None = None,
    ) -> Answer:
        """A player hands in an answer, `claimed` word for word; a wrong one may have been `made_for` another
        team, which the platform tells its admins."""
        with self.state.lock:
            challenge = instance.challenge
            rank = self.state.record_answer(player, challenge, flag_id, right=right)
            fully_solved = right and self.state.fully_solved(player.team_id, challenge)
            took = self._age(instance) if solve_time_s is None else round(solve_time_s, 1)
            self._keep(player, instance, flag_id, claimed=claimed, right=right, took=took if right else 0.0)
            if made_for is not None:
                self._foreign_answer(player, instance, flag_id, claimed or WRONG_ANSWER, made_for)
            verdict = {"solve_time_s": took, "flag_id": flag_id, "challenge_fully_solved": fully_solved}
            row = self._tell(
                "flag_correct" if right else "flag_wrong",
                actor=(player.user_id, player.name, "team"),
                team=(player.team_id, player.team_name),
                challenge_id=challenge.id,
                detail={
                    "instance_id": instance.id,
                    **(verdict if right else {"solve_time_s": 0.0}),
                    "ip": LOOPBACK,
                },
            )
            if right:
                self.scoreboard_changed()
            took = took if right else 0.0
            return Answer(row=row, right=right, rank=rank, fully_solved=fully_solved, solve_time_s=took)

    def _keep(
        self,
        player: Player,
        instance: Instance,
        flag_id: str,
        *,
        claimed: str | None,
        right: bool,
        took: float,
    ) -> None:
        instance.submissions.append(
            Submission(
                id=self._mint(),
                team_id=player.team_id,
                user_id=player.user_id,
                challenge_id=instance.challenge.id,
                claimed_flag=claimed or (RIGHT_ANSWER if right else WRONG_ANSWER),
                correct=right,
                flag_id=flag_id,
                submitted_at=self.state.now(),
                solve_time_s=took,
            )
        )

    def _foreign_answer(
        self, player: Player, instance: Instance, flag_id: str, claimed: str, made_for: Team
    ) -> None:
        self._tell(
            "foreign_answer_submitted",
            actor=(player.user_id, player.name, "team"),
            team=(player.team_id, player.team_name),
            challenge_id=instance.challenge.id,
            detail={
                "instance_id": instance.id,
                "question_id": flag_id,
                "answer_hash": hashlib.sha256(claimed.encode()).hexdigest(),
                "hit_count": 1,
                "team_ids": [made_for.id],
            },
            nobody=True,  # it goes to admins who are members of the team: there are none
        )

    def achievement(self, player: Player, badge: str) -> Row:
        """A player earns a badge for the team."""
        name, tier = BADGES.get(badge, (badge.replace("_", " ").title(), "bronze"))
        return self._tell(
            "achievement_unlocked",
            actor=(player.user_id, player.name, "team"),
            team=(player.team_id, player.team_name),
            detail={
                "achievement_id": badge,
                "achievement_name": name,
                "tier": tier,
                "secret": tier == "secret",
            },
            frame_only={"localized": _LOCALIZED.get(badge, {})},
        )

    def scoreboard_changed(self) -> None:
        """Everybody is told that the board has changed."""
        self._signal("scoreboard_updated", {})

    def begin_contest(self, number: int) -> None:
        """The next contest of the same teams begins; the first was number 1."""
        with self.state.lock:
            self.state.begin(
                replace(
                    self.state.cast,
                    competition_id=f"demo-{number}",
                    competition_title=f"Demo CTF {number}",
                )
            )
            self.scoreboard_changed()

    def open_instance(self, team: Team, challenge: Challenge, *, status: str = "ready") -> Instance:
        """A running copy of `challenge` for `team`, without a word to anybody."""
        with self.state.lock:
            started = self.state.now()
            instance = Instance(
                id=self._mint(), team=team, challenge=challenge, started_at=started, status=status
            )
            self.state.instances[instance.id] = instance
            return instance

    def instance_started(self, player: Player, instance: Instance) -> Row:
        """The instance that a player asked for is being started."""
        detail = {"instance_id": instance.id, "node_id": "node-1", "ip": LOOPBACK}
        return self._instance("instance_started", instance, (player.user_id, player.name, "team"), detail)

    def instance_ready(self, instance: Instance) -> Row:
        """The instance answers; the actor is the team, as on the platform."""
        with self.state.lock:
            instance.status = "ready"
            detail = {"instance_id": instance.id, "node_id": "node-1"}
            return self._instance(
                "instance_ready", instance, (instance.team.id, instance.team.name, "team"), detail
            )

    def instance_stopped(self, instance: Instance, *, player: Player | None = None, reason: str = "") -> Row:
        """The instance is gone: stopped by `player`, or by the platform for `reason`."""
        with self.state.lock:
            self.state.instances.pop(instance.id, None)
            actor = (
                (player.user_id, player.name, "team") if player else ("platform", "solve_auto_stop", "system")
            )
            why = reason or ("user_stopped" if player else "auto_stop_after_solve")
            ip = LOOPBACK if player else ""
            detail = {
                "instance_id": instance.id,
                "node_id": "node-1" if player else "",
                "reason": why,
                "ip": ip,
            }
            return self._instance("instance_stopped", instance, actor, detail)

    def instance_error(self, instance: Instance, error: str) -> Row:
        """The instance has failed; the actor is the team, by its id, as on the platform."""
        with self.state.lock:
            instance.status = "error"
            detail = {"instance_id": instance.id, "node_id": "node-1", "error": error}
            actor = (instance.team.id, instance.team.id, "team")
            return self._instance("instance_error", instance, actor, detail)

    def task_failed(self, kind: str, error: str) -> Row:
        """A background task has failed."""
        with self.state.lock:
            self.state.tasks_failed += 1
            row = self._tell(
                "task_failed",
                actor=("platform", "task-runner", "system"),
                detail={"task_id": self._mint(), "task_kind": kind, "error": error},
                contest=False,
                admin_only=True,
            )
            self._signal("meta_stats", self.state.counters(), Audience(admin_only=True))
            return row

    def outbox_failed(self) -> None:
        """A mail could not be sent: the counters alone tell."""
        with self.state.lock:
            self.state.outbox_failed += 1
            self._signal("meta_stats", self.state.counters(), Audience(admin_only=True))

    def announce(self, title: str, body: str = "", severity: str = "info") -> Announcement:
        """The organisers tell everybody; the frame holds only the id."""
        with self.state.lock:
            announcement = Announcement(
                id=self._mint().replace("-", ""),
                title=title,
                body=body,
                severity=severity,
                created_at=self.state.now(),
            )
            self.state.announcements.insert(0, announcement)
            self._signal("announcement_created", {"announcement_id": announcement.id})
            return announcement

    def node_unhealthy(self, node_id: str = "node-2") -> Row:
        """A node stops answering."""
        with self.state.lock:
            self.state.nodes_healthy = 1
            self._node_status(node_id, healthy=False)
            return self._tell(
                "node_unhealthy",
                actor=("platform", "reconciler", "system"),
                detail={
                    "node_id": node_id,
                    "url": f"http://{node_id}.demo.invalid:8200",
                    "error_message": "No heartbeat for 93.0s (timeout 90s)",
                },
                contest=False,
            )

    def node_recovered(self, node_id: str = "node-2", *, downtime_s: float = 120.0) -> Row:
        """The node answers again."""
        with self.state.lock:
            self.state.nodes_healthy = 2
            self._node_status(node_id, healthy=True)
            url = f"http://{node_id}.demo.invalid:8200"
            return self._tell(
                "node_recovered",
                actor=("platform", "reconciler", "system"),
                detail={"node_id": node_id, "url": url, "downtime_seconds": downtime_s},
                contest=False,
            )

    def _instance(
        self, event: str, instance: Instance, actor: tuple[str, str, str], detail: dict[str, Any]
    ) -> Row:
        team = (instance.team.id, instance.team.name)
        return self._tell(event, actor=actor, team=team, challenge_id=instance.challenge.id, detail=detail)
