"""What a platform can send: each event with when it is sent, who hears it, who acted, and its fields."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from fnmatch import filter as matching

from rich.text import Text

from ctfy_rx.catalogue import PAYLOADS, STORED, Payload
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.operators.of_event import is_pattern
from ctfy_rx.operators.usual_words import meaning_of
from ctfy_rx.text.suggestion import did_you_mean

__all__ = ["COMMON", "actor_of", "chosen", "described"]

_WIDTH = 110

COMMON = tuple(Payload.__struct_fields__)
"""The fields of every stored event."""

_ACTORS = {
    "a user": "account_security_changed admin_test_email_sent awd_self_submission awd_vpn_changed "
    "email_suppression_changed flag_correct flag_wrong foreign_answer_submitted instance_renewed "
    "patch_submitted player_shell_closed player_shell_opened team_member_joined team_member_left "
    "team_registered token_created token_renewed token_rotated token_scope_changed user_login "
    "user_registered",
    "a user or an admin": "email_verified instance_started team_captaincy_transferred team_member_kicked "
    "token_revoked",
    "a team": "awd_capture_unwitnessed instance_ready",
    "a team or the platform": "instance_error",
    "a user, an admin or the platform": "instance_stopped",
    "a user, a team or an admin": "achievement_unlocked",
    "an admin": "admin_shell_recording_viewed admin_shell_session_closed admin_shell_session_opened "
    "admin_shell_session_requested answer_traced awd_kickoff_overridden awd_match_changed "
    "competition_admin_changed competition_authoring_reviewer_changed competition_invite_changed "
    "competition_series_changed instance_answers_revealed llm_budget_reset llm_provider_changed "
    "llm_transcript_read node_registered node_updated platform_setting_changed question_attempt_reset "
    "registration_edited registration_pii_read registration_reviewed scheduled_job_changed task_submitted "
    "team_disqualified team_role_changed token_traced",
    "an admin or the node": "node_removed",
    "an admin or the platform": "task_cancelled",
    "the platform": "agent_deception_complied agent_deception_contacted agent_honeypot_touched "
    "agent_lateral_contact agent_process_appeared awd_arena_reach_changed competition_series_spawned "
    "llm_provider_rejected llm_quota_exhausted node_build_drift node_image_divergence node_recovered "
    "node_unhealthy node_version_skew patch_judged registration_pii_purged task_failed task_succeeded",
    "nobody who is known": "user_login_failed",
}
_BY_EVENT = {name: actor for actor, names in _ACTORS.items() for name in names.split()}
_NEVER_SENT = "Never sent."


def actor_of(name: str) -> str:
    """Whom the ``actor_id`` of an event names: in ctfy 0.7.0, as its source has it; "" for a signal.

    >>> actor_of("flag_correct"), actor_of("instance_ready"), actor_of("scoreboard_updated")
    ('a user', 'a team', '')
    """
    return _BY_EVENT.get(name, "")


def chosen(pattern: str | None) -> list[str]:
    """The events whose names match a pattern, or hold it; all without one. Raises `ConfigurationError` where
    there are none.

    >>> chosen("flag_*"), chosen("kicked")
    (['flag_correct', 'flag_part_correct', 'flag_wrong'], ['team_member_kicked'])
    """
    if not pattern:
        return sorted(PAYLOADS)
    wanted = pattern.strip().lower().replace("-", "_")
    found = matching(PAYLOADS, wanted if is_pattern(wanted) else f"*{wanted}*")
    if not found:
        hint = meaning_of(wanted) or did_you_mean(wanted, PAYLOADS) or "without a name all are listed"
        raise ConfigurationError(f'there is no event "{pattern}": {hint}')
    return sorted(found)


def described(name: str) -> Text:
    """An event in a few lines.

    >>> print(described("node_removed"))
    node_removed: A worker node was removed, or signed off. Heard by everybody. Actor: an admin or the node.
        node_id
    """
    payload = PAYLOADS[name]
    told = " ".join((inspect.getdoc(payload) or "").split())
    if name in STORED and _NEVER_SENT not in told:
        told += f" Actor: {actor_of(name)}."
    text = Text(name, "bold").append(f": {told}", "not bold")
    for line in textwrap.wrap(", ".join(_own_fields(name)), _WIDTH - 4):
        text.append(f"\n    {line}", "dim not bold")
    return text


def _own_fields(name: str) -> Iterator[str]:
    return (field for field in PAYLOADS[name].__struct_fields__ if field not in COMMON)
