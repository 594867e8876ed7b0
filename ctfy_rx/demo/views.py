"""The JSON of the platform's REST answers, made from the state: named and typed as ctfy 0.7 does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from ctfy_rx.demo.state import Announcement, Instance, Row, Solve, State, Submission
from ctfy_rx.demo.teams import Challenge, Player, Team

__all__ = ["activity", "announcement", "challenge", "competition", "instance", "me", "roster", "team", "text"]

Json = dict[str, Any]

DETAIL_FIELDS: Final = (
    "instance_id", "node_id", "arena_address", "url", "node_version", "platform_version", "verdict",
    "node_git_commit", "platform_git_commit", "node_corpus_commit", "platform_corpus_commit", "drifted",
    "refs", "divergence", "submission_id", "tick", "own_flag_count", "capture_count",
    "victim_team_count", "revealed_count", "error", "ttl", "reason", "solve_time_s", "flag_id",
    "challenge_fully_solved", "ip", "display_name", "labels_changed", "cordoned", "error_message",
    "downtime_seconds", "achievement_id", "achievement_name", "tier", "secret", "previous_role",
    "new_role", "action", "competition_id", "competition_title", "invite_id", "target_user_id",
    "target_user_name", "setting_key", "source", "session_id", "container", "recording_path",
    "duration_s", "bytes_in", "bytes_out", "service", "email_template", "email_to", "suppression_action",
    "suppression_reason", "question_id", "call_id", "outcome", "key_id", "flavor", "spent_tokens",
    "budget_tokens", "contacts", "complies", "reported", "subject", "touches", "src", "dst", "dport",
    "src_service", "dst_service", "names", "task_id", "task_kind", "summary", "job_name", "provider",
    "email", "token_kind", "token_label", "token_id", "row_count", "retention_days", "answer_hash",
    "hit_count", "team_ids", "series_id", "series_name", "occurrence_at",
)  # fmt: skip


def text(moment: datetime | None) -> str | None:
    """A moment as the platform writes it: ISO 8601, UTC, `Z`."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def activity(row: Row) -> Json:
    """An item of the activity log: every detail field, null where this event has none."""
    return {
        "id": str(row.id),
        "timestamp": text(row.timestamp),
        "event": row.event,
        "team_id": row.team_id,
        "team_name": row.team_name,
        "challenge_id": row.challenge_id,
        "actor_id": row.actor_id,
        "actor_name": row.actor_name,
        "actor_type": row.actor_type,
        "actor_avatar_url": "",
        "detail": {name: row.detail.get(name) for name in DETAIL_FIELDS},
    }


def me(state: State, player: Player, kind: str) -> Json:
    """Who the caller is, and in which teams."""
    is_admin = player is state.cast.admin
    return {
        "id": player.user_id,
        "display_name": player.name,
        "avatar_url": "",
        "created_at": text(state.created_at),
        **dict.fromkeys(("bio", "country", "website_url", "timezone", "affiliation")),
        "social_links": {},
        "solves": sum(solve.user_id == player.user_id for solve in state.solves.values()),
        "attempts": sum(n for (_, user_id, _), n in state.attempts.items() if user_id == player.user_id),
        "last_active_at": text(_last_active(row for row in state.rows if row.actor_id == player.user_id)),
        "entrant_kind": "human",
        "email": f"{player.user_id}@demo.invalid",
        "is_admin": is_admin,
        "role": "super_admin" if is_admin else "user",
        "providers": [],
        "standings_excluded_at": None,
        "token_kind": kind,
        "competition_teams": [] if is_admin else [_membership(state, player)],
        "competition_admin_ids": [],
        "competition_reviewer_ids": [],
        "email_verified": False,
    }


def _membership(state: State, player: Player) -> Json:
    return {
        "competition_id": state.cast.competition_id,
        "competition_title": state.cast.competition_title,
        "competition_phase": "running",
        "team_id": player.team_id,
        "team_name": player.team_name,
        "role": "captain" if _is_captain(state, player) else "member",
        "running_instances": sum(i.team.id == player.team_id for i in state.instances.values()),
        "starts_at": None,
        "ends_at": None,
        "competition_team_count": len(state.cast.teams),
    }


def _is_captain(state: State, player: Player) -> bool:
    return any(team.players[0].user_id == player.user_id for team in state.cast.teams)


def competition(state: State, player: Player | None) -> Json:
    """The one competition that the demo holds, as the caller sees it."""
    playing = player is not None and player.team_id != ""
    return {
        "id": state.cast.competition_id,
        "title": state.cast.competition_title,
        "description": {"en": "A simulated contest."},
        "starts_at": None,
        "ends_at": None,
        "created_at": text(state.created_at),
        "updated_at": text(state.created_at),
        "created_by": "",
        "created_by_name": "demo",
        "challenge_ids": [challenge.id for challenge in state.cast.challenges],
        "status": "published",
        "access": "public",
        "silent": False,
        "anonymous_entry": "forbidden",
        "phase": "running",
        "play_open": True,
        "registered_count": len(state.cast.teams),
        "is_registered": playing,
        "can_participate": True,
        "my_team_id": player.team_id if player else "",
        "my_team_name": player.team_name if player else "",
    }


def challenge(state: State, item: Challenge, player: Player | None) -> Json:
    """A challenge, how often each of its flags was found, and what the caller's team holds of it."""
    held = {flag: _holders(state, item, flag) for flag in item.flags}
    user_id, team_id = (player.user_id, player.team_id) if player else ("", "")
    mine = [flag for flag, solves in held.items() if user_id in {solve.user_id for solve in solves}]
    ours = [flag for flag, solves in held.items() if team_id in {solve.team_id for solve in solves}]
    return {
        "id": item.id,
        "name": item.name,
        "category": item.category,
        "difficulty": item.difficulty,
        "description": f"A simulated {item.category} challenge.",
        "solves_count": len({solve.team_id for solves in held.values() for solve in solves}),
        "launch_count": sum(i.challenge.id == item.id for i in state.instances.values()),
        "tags": [item.category],
        "questions": [_question(flag) for flag in item.flags],
        "flag_solves": {flag: len(solves) for flag, solves in held.items() if solves},
        "attachments": [],
        "is_qa_only": False,
        "my_solved_question_ids": mine,
        "my_fully_solved": len(mine) == len(item.flags),
        "my_team_solved_question_ids": ours,
        "my_team_fully_solved": len(ours) == len(item.flags),
    }


def _question(flag: str) -> Json:
    return {"id": flag, "prompt": f"Submit the {flag}.", "mode": "dynamic", "choices": None, "requires": []}


def _holders(state: State, item: Challenge, flag: str) -> list[Solve]:
    return [solve for key, solve in state.solves.items() if key[1:] == (item.id, flag)]


def team(state: State, item: Team) -> Json:
    """A team, without its members."""
    captain = item.players[0]
    return {
        "id": item.id,
        "name": item.name,
        "description": "",
        "captain_user_id": captain.user_id,
        "captain_display_name": captain.name,
        "captain_avatar_url": "",
        "member_count": len(item.players),
        "created_at": text(state.created_at),
        "solves": sum(solve.team_id == item.id for solve in state.solves.values()),
        "attempts": sum(n for (team_id, _, _), n in state.attempts.items() if team_id == item.id),
        "last_active_at": text(_last_active(row for row in state.rows if row.team_id == item.id)),
        "competition_id": state.cast.competition_id,
        "anonymous": False,
        "affiliation": None,
    }


def roster(state: State, item: Team) -> list[Json]:
    """The members of a team, the captain first."""
    return [
        {
            "user_id": player.user_id,
            "display_name": player.name,
            "avatar_url": "",
            "is_captain": seat == 0,
            "joined_at": text(state.created_at),
            "anonymous": False,
        }
        for seat, player in enumerate(item.players)
    ]


def instance(state: State, item: Instance) -> Json:
    """A running copy of a challenge; it has an address once it is ready."""
    started = item.started_at.timestamp()
    host = f"{item.challenge.id}.demo.invalid"
    address = {"service_type": "tcp", "host": host, "port": 31337, "credentials": None, "path": "/"}
    return {
        "id": item.id,
        "challenge_id": item.challenge.id,
        "team_id": item.team.id,
        "competition_id": state.cast.competition_id,
        "node_id": "node-1",
        "team_name": item.team.name,
        "node_name": "",
        "name": item.challenge.name,
        "category": item.challenge.category,
        "difficulty": item.challenge.difficulty,
        "status": item.status,
        "started_at": started,
        "ttl": 86_400,
        "expires_at": started + 86_400,
        "services": [{**address, "label": ""}] if item.status == "ready" else [],
        "description": f"A simulated {item.challenge.category} challenge.",
        "questions": [_question(flag) for flag in item.challenge.flags],
        "attachments": [],
        "entry_urls": [],
        "lease": "on_demand",
    }


def announcement(item: Announcement) -> Json:
    """An announcement with its words."""
    return {
        "id": item.id,
        "title": item.title,
        "body": item.body,
        "severity": item.severity,
        "starts_at": None,
        "ends_at": None,
        "created_at": text(item.created_at),
        "updated_at": text(item.created_at),
        "created_by": "demo-admin",
        "created_by_name": "Demo Admin",
    }


def submission(item: Submission) -> Json:
    """An answer as the organisers see it."""
    return {
        "id": item.id,
        "team_id": item.team_id,
        "user_id": item.user_id,
        "challenge_id": item.challenge_id,
        "claimed_flag": item.claimed_flag,
        "correct": item.correct,
        "flag_id": item.flag_id,
        "submitted_at": text(item.submitted_at),
        "solve_time_s": item.solve_time_s,
    }


def _last_active(rows: Iterable[Row]) -> datetime | None:
    return max((row.timestamp for row in rows), default=None)
