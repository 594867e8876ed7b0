"""What breaks, and who cheats, on a real ctfy server: emitted there by the platform's own code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import ctfy_rx

from ..support.contests import Contest
from ..support.platforms import RealPlatform
from ..support.waiting import until


@pytest.fixture
def admin(real: RealPlatform) -> Iterator[ctfy_rx.EventStream]:
    with ctfy_rx.events(real.url, token=real.admin_token) as stream:
        yield stream


def heard(source: Any, stream: ctfy_rx.EventStream) -> list[Any]:
    items: list[Any] = []
    source.subscribe(items.append)
    until(lambda: isinstance(stream.status.current, ctfy_rx.Open))
    return items


def test_nodes_instances_and_tasks_that_break_are_alerts(real, admin):
    alerts = heard(admin.alerts(), admin)
    real.emit("node_unhealthy", node_id="node-1", url="http://node-1", error_message="timed out")
    real.emit("instance_error", instance_id="box-1", node_id="node-1", error="no image")
    real.emit("task_failed", task_id="task-1", task_kind="mail", error="no route")
    real.wrong(0)
    real.emit("node_recovered", node_id="node-1", url="http://node-1", downtime_seconds=12.5)
    until(lambda: len(alerts) == 4)
    assert [event.event for event in alerts] == [
        "node_unhealthy",
        "instance_error",
        "task_failed",
        "node_recovered",
    ]
    assert alerts[0].payload.error_message == "timed out"
    assert alerts[3].payload.downtime_seconds == 12.5


def test_an_answer_that_was_made_for_another_team_is_a_shared_flag(real, admin):
    shared = heard(admin.shared_flags(), admin)
    player = real.players[0]
    real.emit(
        "foreign_answer_submitted",
        actor_id=player.user_id,
        admin_only=True,
        team_id=player.team_id,
        competition_id=real.competition_id,
        challenge_id=real.challenge_ids[0],
        team_ids=[real.players[1].team_id],
        answer_hash="a1b2",
        question_id="flag",
        hit_count=2,
    )
    real.wrong(2)  # rings: no frame of that event reaches an admin who is in no team
    until(lambda: shared)
    assert shared[0].payload.team_ids == [real.players[1].team_id]
    assert shared[0].team_id == player.team_id


def test_who_first_finishes_a_challenge_draws_first_blood_by_full(real, real_contest: Contest, admin):
    challenge_id = real.challenge_ids[real_contest.fresh_challenge()]
    bloods = heard(admin.first_bloods(by="full"), admin)

    def finishes(place: int) -> None:
        player = real.players[place]
        real.emit(
            "flag_correct",
            actor_id=player.user_id,
            team_id=player.team_id,
            competition_id=real.competition_id,
            challenge_id=challenge_id,
            instance_id=player.instances[challenge_id],
            flag_id="flag",
            challenge_fully_solved=True,
            solve_time_s=10.0,
        )

    finishes(1)
    until(lambda: bloods)
    finishes(2)
    solves = heard(admin.of_event("flag_wrong"), admin)
    real.wrong(0)
    until(lambda: solves)
    assert [event.team_id for event in bloods] == [real.players[1].team_id]


def test_the_rate_counts_the_answers_of_a_window(real, admin):
    rates = heard(admin.wrong_answers().rate(2.0, every=0.1), admin)
    for _ in range(4):
        real.wrong(0)
    until(lambda: 2.0 in rates)
    until(lambda: rates[-1] == 0.0)
