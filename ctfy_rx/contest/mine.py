"""Which events are those of whoever the token belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event
from ctfy_rx.operators.of_event import named as named_like
from ctfy_rx.platform.questions import Identity

__all__ = ["mine"]

_OF_A_TEAM = named_like(
    "flag_*", "instance_*", "achievement_unlocked", "patch_*", "report_changed", "eval_run_changed",
    "registration_reviewed", "team_registered", "team_member_*", "team_captaincy_transferred",
)  # fmt: skip
"""What reaches the members of a team alone: who is no admin hears nothing of these but the own."""


def mine(identity: Callable[[], Identity | None]) -> Callable[[Event[Any]], bool]:
    """Whether an event is that of `identity` or of its teams; fails with `ConfigurationError` where there is
    none."""

    def is_mine(event: Event[Any]) -> bool:
        me = identity()
        if me is None:
            raise ConfigurationError(
                "mine() and verdicts() need a token: without one nobody knows who you are"
            )
        actor = event.payload.actor_id
        if actor == me.id or actor in me.teams or event.team_id in me.teams:
            return True
        return not me.is_admin and event.origin == "live" and _OF_A_TEAM(event.event)

    return is_mine
