"""`first_bloods`: the first of all teams, neither repeated nor invented."""

from __future__ import annotations

import json
from typing import Any

import pytest
import reactivex
from reactivex import Subject

from ctfy_rx.errors import ConfigurationError, ConnectionFailed
from ctfy_rx.event import Event
from ctfy_rx.operators import first_bloods
from ctfy_rx.operators.bloods import Blood

from ..support.marbles import Marbles


def right(team: str = "red", challenge: str = "pwn", flag: str = "user", **change: Any) -> Event[Any]:
    """A right answer as the log has it, `log_id` and time by its order."""
    logged = {"log_id": 1, "logged": 100.0, "team_id": team, "origin": "log"}
    logged |= {name: change.pop(name) for name in tuple(change) if name in {*logged, "received"}}
    fields = {
        "challenge_id": challenge,
        "actor_id": f"{team}'s captain",
        "instance_id": f"{challenge} of {team}",
        "competition_id": "final",
        "flag_id": flag,
        "challenge_fully_solved": False,
    }
    return Event("flag_correct", json.dumps(fields | change), **logged)


def drawn(*events: Event[Any], by: Any = "challenge", seed: Any = None) -> list[tuple[Any, ...]]:
    seen: list[Event[Any]] = []
    operator = first_bloods(by=by, seed=None if seed is None else lambda _: reactivex.of(seed))
    reactivex.of(*events).pipe(operator).subscribe(seen.append)
    assert all(event.data["first_blood"] == by for event in seen)
    return [(event.team_id, event.data["challenge_id"], event.data["flag_id"]) for event in seen]


STORY = [
    right("red", flag="user"),
    right("red", flag="user", log_id=2),
    right("blue", flag="root", challenge_fully_solved=True, log_id=3),
    right("red", flag="root", challenge_fully_solved=True, log_id=4),
    right("blue", challenge="web", log_id=5),
]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("challenge", [("red", "pwn", "user"), ("blue", "web", "user")]),
        ("flag", [("red", "pwn", "user"), ("blue", "pwn", "root"), ("blue", "web", "user")]),
        ("full", [("blue", "pwn", "root")]),
    ],
)
def test_the_first_of_all_teams_draws_blood_and_nobody_after_it(by, expected):
    assert drawn(*STORY, by=by) == expected


def test_each_contest_has_its_own():
    events = [right(), right("blue", competition_id="quals", log_id=2)]
    assert [team for team, *_ in drawn(*events)] == ["red", "blue"]


def test_what_the_platform_knows_to_be_drawn_is_not_drawn_again():
    assert drawn(right("blue"), seed={("pwn",): Blood(team_id="red", at=7.0)}) == []


@pytest.mark.parametrize("seconds", [-1.5, 0.0, 1.5])
def test_the_very_answer_that_the_platform_knows_is_given_when_the_log_comes_to_it(seconds):
    """So that a bot that goes on from a cursor gives those that it missed."""
    seed = {("pwn",): Blood(team_id="red", at=100.0 + seconds)}
    again = right("red", log_id=9, logged=130.0)
    assert drawn(right(), again, seed=seed) == [("red", "pwn", "user")]


def test_of_two_answers_of_that_team_only_the_right_time_counts():
    assert drawn(right(logged=50.0), seed={("pwn",): Blood(team_id="red", at=100.0)}) == []


def test_the_row_that_the_log_names_is_the_one():
    seed = {("pwn",): Blood.of(right(log_id=7))}
    assert drawn(right(log_id=8), seed=seed) == []
    assert drawn(right(log_id=7), seed=seed) == [("red", "pwn", "user")]


@pytest.mark.parametrize(("received", "given"), [(101.0, True), (200.0, False)])
def test_a_live_frame_is_that_of_a_row_just_before_it_by_the_same_actor(received, given):
    live = right(team_id=None, log_id=None, logged=None, origin="live", received=received)
    assert bool(drawn(live, seed={("pwn",): Blood.of(right())})) is given


def test_answers_wait_in_order_until_the_seed_has_told():
    seed: Subject[Any] = Subject()
    source: Subject[Any] = Subject()
    seen: list[Any] = []
    source.pipe(first_bloods(seed=lambda _: seed)).subscribe(
        lambda event: seen.append(event.data["challenge_id"])
    )
    source.on_next(right(challenge="a"))
    source.on_next(right(challenge="b"))
    assert seen == []
    seed.on_next({("a",): Blood(team_id="blue", at=1.0)})
    source.on_next(right(challenge="c"))
    assert seen == ["b", "c"]


def test_the_seed_is_asked_once_for_each_contest():
    asked: list[str] = []
    events = [right(), right(log_id=2), right(competition_id="quals")]
    seed = lambda contest: (asked.append(contest), reactivex.of({}))[1]  # noqa: E731
    reactivex.of(*events).pipe(first_bloods(seed=seed)).subscribe()
    assert asked == ["final", "quals"]


def test_completion_waits_for_what_waits_for_the_seed():
    seed: Subject[Any] = Subject()
    told: list[Any] = []
    reactivex.of(right()).pipe(first_bloods(seed=lambda _: seed)).subscribe(
        lambda event: told.append(event.team_id), on_completed=lambda: told.append("|")
    )
    assert told == []
    seed.on_next({})
    assert told == ["red", "|"]


def test_a_seed_that_fails_fails_the_stream():
    m = Marbles(error=ConnectionFailed("down"))
    m.values["a"] = right()
    source = "-a--|"
    expect = "-#"
    m.play(source, first_bloods(seed=lambda _: reactivex.throw(m.error)), expect)


def test_dispose_ends_the_seeding():
    seed: Subject[Any] = Subject()
    source: Subject[Any] = Subject()
    subscription = source.pipe(first_bloods(seed=lambda _: seed)).subscribe()
    source.on_next(right())
    assert seed.observers
    subscription.dispose()
    assert not seed.observers


def test_for_nothing_else_there_is_a_first_blood():
    with pytest.raises(ConfigurationError, match='"challenge", "flag" or "full", not \'team\''):
        first_bloods(by="team")  # type: ignore[arg-type]
