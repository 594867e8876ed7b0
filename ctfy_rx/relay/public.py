"""What everybody may hear: a list of events, and of each the fields that say nothing about a person.

Names are replaced: a team is the same to whoever listens to relays with the same token, and to nobody who it
is. Addresses, instances, verdicts of wrong answers and everything that is not listed here stay inside.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, cast

from ctfy_rx.event import Event

__all__ = ["PUBLIC", "Pseudonyms", "public"]

_SOLVE = ("challenge_id", "competition_id", "competition_title", "flag_id", "challenge_fully_solved")
_CONTEST = ("competition_id", "competition_title")

PUBLIC: dict[str, tuple[str, ...]] = {
    "flag_correct": (*_SOLVE, "solve_time_s"),
    "achievement_unlocked": ("achievement_id", "achievement_name", "tier", *_CONTEST),
    "scoreboard_updated": (),
    "announcement_created": ("announcement_id",),
    "announcement_updated": ("announcement_id",),
    "announcement_deleted": ("announcement_id",),
    "competition_created": _CONTEST,
    "competition_updated": _CONTEST,
    "competition_deleted": _CONTEST,
    "awd_round_settled": ("competition_id", "tick"),
}
"""The events that everybody may hear, each with the fields that it keeps."""

_NAMED = frozenset({"flag_correct", "achievement_unlocked"})


class Pseudonyms:
    """Names for teams that tell nobody who they are; `secret` makes them.

    >>> names = Pseudonyms("pt_secret")
    >>> names.of("team-1") == Pseudonyms("pt_secret").of("team-1") != names.of("team-2")
    True
    """

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"ctfy_rx public names " + secret.encode()).digest()

    def of(self, identity: str) -> str:
        """The name of the team, or actor, with that id."""
        return f"Team {hmac.digest(self._key, identity.encode(), 'sha256').hex()[:8]}"


def public(event: Event[Any], names: Pseudonyms) -> str | None:
    """The data of `event` as everybody may hear them, JSON; None where it is not for everybody.

    >>> solve = Event("flag_correct", '{"challenge_id":"pwn","actor_id":"7","actor_name":"Mia","ip":"::1"}')
    >>> public(solve, Pseudonyms(""))
    '{"challenge_id":"pwn","actor_id":"Team 3b4c90f6","actor_name":"Team 3b4c90f6","actor_type":"team"}'
    >>> public(Event("flag_wrong", "{}"), Pseudonyms("")) is None
    True
    """
    kept = PUBLIC.get(event.event)
    if kept is None:
        return None
    came = event.data
    data = cast("dict[str, Any]", came) if isinstance(came, dict) else {}
    if data.get("secret"):
        return None  # an achievement that everybody shall find out for themselves
    shown = {name: data[name] for name in kept if isinstance(data.get(name), (str, int, float, bool))}
    if event.event in _NAMED:
        name = names.of(event.team_id or str(data.get("actor_id")))
        shown |= {"actor_id": name, "actor_name": name, "actor_type": "team"}
    return json.dumps(shown, separators=(",", ":"))
