"""Contests on the stage, at any speed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from ctfy_rx.demo import actions as acts
from ctfy_rx.demo.happenings import Stage
from ctfy_rx.demo.state import Instance
from ctfy_rx.demo.teams import Team

__all__ = ["BREAK", "pause", "perform", "play"]

BREAK: Final = 300.0
"""Contest seconds between two contests."""

_TWITCHES: Final = 5


async def play(stage: Stage, actions: Iterable[acts.Action], *, speed: float) -> None:
    """Perform each action when it is due, at `speed` contest seconds a second."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for action in actions:
        await asyncio.sleep(begun + action.at / speed - loop.time())
        perform(stage, action)


async def pause(stage: Stage, *, speed: float) -> None:
    """The time between two contests: nothing happens, but the board is looked over now and then, as real
    ones are, so that nobody takes the silence for a broken connection."""
    for _ in range(_TWITCHES):
        stage.scoreboard_changed()
        await asyncio.sleep(BREAK / _TWITCHES / speed)


def perform(stage: Stage, action: acts.Action) -> None:
    """Let one action happen now."""
    match action:
        case acts.Work():
            _work(stage, action)
        case acts.Achieve():
            stage.achievement(action.player, action.badge)
        case acts.Announce():
            stage.announce(action.title, action.body, action.severity)
        case acts.NodeFails():
            stage.node_unhealthy()
        case acts.NodeRecovers():
            stage.node_recovered(downtime_s=action.downtime_s)
        case _:
            raise TypeError(f"nobody knows how to perform a {type(action).__name__}")


def _work(stage: Stage, action: acts.Work) -> None:
    team = next(team for team in stage.state.cast.teams if team.id == action.player.team_id)
    match action:
        case acts.Start():
            instance = stage.open_instance(team, action.challenge, status="starting")
            stage.instance_started(action.player, instance)
        case acts.Ready():
            stage.instance_ready(_running(stage, team, action))
        case acts.Wrong():
            stage.answer(action.player, _running(stage, team, action), action.flag_id, right=False)
        case acts.Solve():
            instance = _running(stage, team, action)
            stage.answer(action.player, instance, action.flag_id, right=True, solve_time_s=action.took)
        case acts.Stop():
            stage.instance_stopped(
                _running(stage, team, action), player=None if action.solved else action.player
            )
        case _:
            raise TypeError(f"nobody knows how to perform a {type(action).__name__}")


def _running(stage: Stage, team: Team, action: acts.Work) -> Instance:
    return stage.state.instance_of(team, action.challenge) or stage.open_instance(team, action.challenge)
