"""The simulated contest: the same for the same seed, and one that could have happened."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from ctfy_rx.demo.actions import Achieve, Action, Announce, Ready, Solve, Start, Stop, Work, Wrong
from ctfy_rx.demo.contest import RUSH, THREE_HOURS, contest
from ctfy_rx.demo.happenings import Stage
from ctfy_rx.demo.listeners import Audience, Hub
from ctfy_rx.demo.pace import perform
from ctfy_rx.demo.state import State
from ctfy_rx.demo.teams import Cast, make_cast

SEEDS = [1, 7, 42]


def firsts(story: list[Action]) -> list[Solve]:
    """The right answers that count: the first of each team to each flag."""
    found: dict[tuple[str, str, str], Solve] = {}
    for action in story:
        if isinstance(action, Solve):
            found.setdefault((action.player.team_id, action.challenge.id, action.flag_id), action)
    return list(found.values())


class Heard(Hub):
    """A hub that only notes what it is told to send."""

    def __init__(self) -> None:
        super().__init__()
        self.chunks: list[tuple[bytes, Audience]] = []

    def publish(self, chunk: bytes, audience: Audience | None = None) -> int:
        self.chunks.append((chunk, audience or Audience()))
        return 0


def frames(seed: int) -> list[tuple[bytes, Audience]]:
    cast, hub = make_cast(seed=seed, teams=4), Heard()
    stage = Stage(State(cast=cast, now=lambda: datetime(2026, 1, 1, tzinfo=UTC)), hub, seed=seed)
    for action in contest(seed=seed, cast=cast):
        perform(stage, action)
    return hub.chunks


def test_the_same_seed_sends_the_same_frames():
    assert frames(7) == frames(7)


def test_another_seed_tells_another_story():
    assert contest(seed=1) != contest(seed=2)


@pytest.mark.parametrize("seed", SEEDS)
def test_actions_are_in_the_order_of_time_and_within_the_contest(seed: int):
    moments = [action.at for action in contest(seed=seed)]
    assert moments == sorted(moments)
    assert 0.0 <= moments[0] <= moments[-1] <= THREE_HOURS


@pytest.mark.parametrize("seed", SEEDS)
def test_an_instance_starts_before_it_is_ready_before_anybody_answers(seed: int):
    steps: dict[tuple[str, str], list[type[Action]]] = {}
    for action in contest(seed=seed):
        if isinstance(action, Work):
            steps.setdefault((action.player.team_id, action.challenge.id), []).append(type(action))
    assert all(kinds[0] is Start for kinds in steps.values())
    running = [kinds for kinds in steps.values() if len(kinds) > 1]
    assert all(kinds[1] is Ready for kinds in running)


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_answers_wrong_after_the_team_has_the_flag(seed: int):
    held: set[tuple[str, str, str]] = set()
    late: list[Wrong] = []
    for action in contest(seed=seed):
        if isinstance(action, Solve):
            held.add((action.player.team_id, action.challenge.id, action.flag_id))
        if isinstance(action, Wrong) and (action.player.team_id, action.challenge.id, action.flag_id) in held:
            late.append(action)
    assert late == []


@pytest.mark.parametrize("seed", SEEDS)
def test_right_answers_are_repeated_by_players_and_by_teammates(seed: int):
    story = contest(seed=seed)
    first = {(a.player.team_id, a.challenge.id, a.flag_id): a.player for a in firsts(story)}
    counted = {id(a) for a in firsts(story)}
    again = [a for a in story if isinstance(a, Solve) and id(a) not in counted]
    same = [a.player == first[a.player.team_id, a.challenge.id, a.flag_id] for a in again]
    assert {True, False} == set(same)


@pytest.mark.parametrize("seed", SEEDS)
def test_easy_challenges_fall_more_often_than_hard_ones(seed: int):
    fell = Counter(
        solve.challenge.difficulty for solve in firsts(contest(seed=seed)) if solve.flag_id == "flag"
    )
    offered = Counter(challenge.difficulty for challenge in make_cast(seed=seed).challenges)
    rate = {difficulty: fell[difficulty] / offered[difficulty] for difficulty in offered}
    assert rate["easy"] > rate["medium"] > rate["hard"]


def test_better_teams_solve_more():
    """Over many seeds: the most skilled team beats the least skilled one nearly always."""
    better = 0
    for seed in range(20):
        cast = make_cast(seed=seed)
        solves = Counter(solve.player.team_id for solve in firsts(contest(seed=seed, cast=cast)))
        ranked = sorted(cast.teams, key=lambda team: team.skill)
        better += solves[ranked[-1].id] > solves[ranked[0].id]
    assert better >= 16


def test_there_is_a_rush_at_the_end():
    """Over many seeds: the last stretch sees more right answers than the same time before it."""
    share = 1 - RUSH
    last, before = 0, 0
    for seed in range(20):
        for solve in firsts(contest(seed=seed)):
            last += solve.at >= RUSH * THREE_HOURS
            before += (RUSH - share) * THREE_HOURS <= solve.at < RUSH * THREE_HOURS
    assert last > 1.5 * before


@pytest.mark.parametrize("seed", SEEDS)
def test_each_team_earns_its_first_blood_badge_once_with_its_first_solve(seed: int):
    story = contest(seed=seed)
    earned = {
        a.player.team_id: a.at for a in story if isinstance(a, Achieve) and a.badge == "first_blood_team"
    }
    first: dict[str, float] = {}
    for solve in firsts(story):
        first.setdefault(solve.player.team_id, solve.at)
    assert earned == first


def test_the_organisers_open_and_close_the_contest():
    told = [action for action in contest(seed=7) if isinstance(action, Announce)]
    assert (told[0].at, told[0].title) == (0.0, "The contest has begun")
    assert (told[-1].at, told[-1].title) == (THREE_HOURS, "The contest is over")


def test_a_short_contest_is_the_same_one_in_a_hurry():
    assert {type(action) for action in contest(seed=7, duration=600.0)} >= {Start, Ready, Stop, Wrong, Solve}


def test_a_cast_may_be_larger_than_the_names_that_there_are():
    cast = make_cast(seed=1, teams=40, challenges=40)
    assert all_different([team.name for team in cast.teams])
    assert all_different([challenge.id for challenge in cast.challenges])
    assert all_different([player.token for team in cast.teams for player in team.players])


@pytest.mark.parametrize("asked", [{"teams": 0}, {"challenges": 0}])
def test_a_contest_needs_somebody_and_something(asked: dict[str, int]):
    with pytest.raises(ValueError, match="pass 1 or more of each"):
        make_cast(**asked)


def test_nobody_performs_what_nobody_knows():
    cast: Cast = make_cast(teams=1)
    with pytest.raises(TypeError, match="nobody knows how to perform a Action"):
        perform(Stage(State(cast=cast), Heard()), Action(at=0.0))


def all_different(words: list[str]) -> bool:
    return len(words) == len(set(words))
