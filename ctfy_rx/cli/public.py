"""What may be told where everybody reads: no addresses, nobody who is acted on, and no team that plays
anonymously by its name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ctfy_rx import Event

__all__ = ["public"]

_PLATFORM = frozenset({"node", "admin", "system"})
"""Actors that play for no team."""

_PRIVATE = frozenset({"ip", "src", "dst", "arena_address", "token_label", "recording_path"})
_ABOUT_PEOPLE = ("email", "target_")  # nobody says for whom these play
_TEAMS = frozenset({"team_id", "team_ids", "previous_team_id", "current_team_id"})

_HARMLESS = frozenset(
    {
        *("challenge_id", "competition_id", "competition_title", "question_id", "flag_id", "first_blood"),
        *("challenge_fully_solved", "solve_time_s", "achievement_id", "achievement_name", "tier", "secret"),
        *("action", "outcome", "verdict", "status", "tick", "ttl", "hit_count", "own_flag_count"),
        *("contacts", "complies", "touches", "spent_tokens", "budget_tokens", "revealed_count"),
        *("provider", "token_kind", "node_id", "service"),
    }
)
"""The fields that say nothing about who it was."""


def public(event: Event[Any], teams: frozenset[str]) -> Event[Any]:
    """`event` without private fields. Who plays for a team that is not among the public `teams`, or for one
    that is not known, has no name, and only what says nothing about them is kept.

    >>> public(Event("node_updated", '{"actor_type": "admin", "ip": "10.0.0.7"}'), frozenset()).data
    {'actor_type': 'admin'}
    >>> wrong = Event("flag_wrong", '{"actor_name": "Eve", "challenge_id": "pwn"}', team_id="7")
    >>> told = public(wrong, frozenset({"8"}))
    >>> told.team_name, told.data
    ('an anonymous team', {'challenge_id': 'pwn'})
    """
    data = event.data
    fields: dict[str, Any] = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    if _is_anonymous(event, fields, teams):
        kept = {name: value for name, value in fields.items() if name in _HARMLESS}
        event = event.having(team_id=None, team_name="an anonymous team", actor_name=None)
    elif not isinstance(data, dict):
        return event
    else:
        kept = dict(_without_private(event, fields, teams))
    return event.having(text=json.dumps(kept))


def _is_anonymous(event: Event[Any], fields: Mapping[str, Any], teams: frozenset[str]) -> bool:
    if event.team_id is not None:
        return event.team_id not in teams
    acts = event.actor_name or any(fields.get(name) for name in ("actor_id", "actor_name", "actor_type"))
    return bool(acts) and str(fields.get("actor_type")) not in _PLATFORM


def _without_private(
    event: Event[Any], fields: Mapping[str, Any], teams: frozenset[str]
) -> list[tuple[str, Any]]:
    kept: list[tuple[str, Any]] = []
    for name, value in fields.items():
        if name in _PRIVATE or name.startswith(_ABOUT_PEOPLE):
            continue
        if name in _TEAMS:
            known = _public_ones(value, teams)
            kept += [(name, known)] if known else []
        elif name != "team_name" or _public_ones(fields.get("team_id", event.team_id), teams):
            kept.append((name, value))
    return kept


def _public_ones(value: Any, teams: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [each for each in cast("Sequence[Any]", value) if isinstance(each, str) and each in teams]
    return value if isinstance(value, str) and value in teams else None
