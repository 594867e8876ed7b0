"""`solves`, `solved_challenges`, `distinct_by`: each once."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
import reactivex
from hypothesis import given
from hypothesis import strategies as st

from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event
from ctfy_rx.operators import distinct_by, solved_challenges, solves

from ..support.marbles import Marbles


def right(**change: Any) -> Event[Any]:
    """A right answer of Ada of the red team, as the platform announces it, but for `change`."""
    logged = {name: change.pop(name) for name in ("team_id", "log_id", "received") if name in change}
    fields = {
        "challenge_id": "pwn",
        "actor_id": "ada",
        "instance_id": "box of red",
        "competition_id": "final",
        "flag_id": "user.txt",
        "challenge_fully_solved": True,
    }
    return Event("flag_correct", json.dumps(fields | change), **logged)


def kept(operator: Any, *events: Event[Any]) -> list[Event[Any]]:
    seen: list[Event[Any]] = []
    reactivex.of(*events).pipe(operator).subscribe(seen.append)
    return seen


REPEATED = [
    pytest.param({}, id="sent again"),
    pytest.param({"received": 9.0}, id="sent again later"),
    pytest.param({"actor_id": "bob"}, id="a teammate's"),
    pytest.param({"solve_time_s": 99.0, "ip": "10.0.0.7"}, id="sent again with other details"),
]
NEW = [
    pytest.param({"flag_id": "root.txt"}, id="another flag"),
    pytest.param({"challenge_id": "web"}, id="another challenge"),
    pytest.param({"competition_id": "quals"}, id="another contest"),
    pytest.param({"instance_id": "box of blue"}, id="another team"),
]


@pytest.mark.parametrize("change", REPEATED)
def test_a_repeated_answer_is_no_solve(change):
    assert kept(solves(), right(), right(**change)) == [right()]


@pytest.mark.parametrize("change", NEW)
def test_an_answer_to_something_else_is_one(change):
    assert len(kept(solves(), right(), right(**change))) == 2


def test_a_team_of_the_log_solves_once_whichever_instance_it_used():
    answers = [right(team_id="red"), right(team_id="red", instance_id="box of red, renewed")]
    assert kept(solves(), *answers) == answers[:1]


def test_two_teams_of_the_log_solve_each():
    assert len(kept(solves(), right(team_id="red"), right(team_id="blue"))) == 2


@pytest.mark.parametrize("no_instance", ["", None])
def test_in_a_quiz_which_has_no_instance_the_actor_counts(no_instance):
    quiz = {"instance_id": no_instance}
    answers = [right(**quiz), right(**quiz, actor_id="bob"), right(**quiz)]
    assert kept(solves(), *answers) == answers[:2]


def test_wrong_answers_and_other_events_are_no_solves():
    others = [
        Event("flag_wrong", right().text),
        Event("solve", right().text),
        Event("achievement_unlocked", "{}"),
    ]
    assert kept(solves(), *others) == []


@pytest.mark.parametrize("text", ["{}", "text", "[]", '{"flag_id": 7}', '{"flag_id": [1]}'])
@pytest.mark.parametrize("operator", [solves, solved_challenges])
def test_an_answer_in_disorder_ends_nothing(operator, text):
    assert kept(operator(), Event("flag_correct", text), right())[-1] == right()


def test_each_subscriber_remembers_for_itself():
    seen: list[str] = []
    source = reactivex.of(right(), right()).pipe(solves())
    source.subscribe(lambda _: seen.append("first"))
    source.subscribe(lambda _: seen.append("second"))
    assert seen == ["first", "second"]


@pytest.mark.parametrize(
    "change", [*REPEATED, pytest.param({"flag_id": "root.txt"}, id="another flag of it")]
)
def test_a_challenge_that_a_team_has_solved_is_not_solved_again(change):
    assert kept(solved_challenges(), right(), right(**change)) == [right()]


@pytest.mark.parametrize("change", NEW[1:])
def test_another_challenge_contest_or_team_is_solved_by_itself(change):
    assert len(kept(solved_challenges(), right(), right(**change))) == 2


@pytest.mark.parametrize("not_yet", [False, None, "yes", 1])
def test_a_challenge_is_solved_by_the_answer_that_finishes_it(not_yet):
    first, last = right(challenge_fully_solved=not_yet), right(flag_id="root.txt")
    assert kept(solved_challenges(), first, last) == [last]


@pytest.mark.parametrize(
    ("source",         "solved",         "challenges"),
    [
        ("-a-a-b-c-x-a-|", "-a---b-c-----|", "-----b-c-----|"),
        ("-a-a-b-c-x-a-#", "-a---b-c-----#", "-----b-c-----#"),
        ("-x-----------|", "-------------|", "-------------|"),
    ],
)  # fmt: skip
def test_over_time(source, solved, challenges):
    events = {
        "a": right(challenge_fully_solved=False),
        "b": right(flag_id="root.txt"),
        "c": right(instance_id="box of blue"),
        "x": Event("flag_wrong", "{}"),
    }
    Marbles(**events).play(source, solves(), solved)
    Marbles(**events).play(source, solved_challenges(), challenges)


@pytest.mark.parametrize("operator", [solves, solved_challenges])
def test_dispose_reaches_the_source(operator):
    m = Marbles(a=right())
    source = m.hot("-a-----")
    seen = m.watch(source.pipe(operator()), "^---!")
    m.run()
    assert seen.messages == m.read("-a")
    assert [each.unsubscribe for each in source.subscriptions] == [4]


# distinct_by


def test_what_has_the_key_of_an_earlier_item_is_left_out():
    source = "-a-A-b-a-c-B-|"
    expect = "-a---b---c---|"
    Marbles().play(source, distinct_by(str.lower), expect)


def test_the_oldest_key_is_forgotten_first_and_meeting_it_again_renews_it():
    source = "-a-b-a-c-a-b-|"
    expect = "-a-b---c---b-|"
    Marbles().play(source, distinct_by(str, max_keys=2), expect)


def test_it_fails_with_its_source():
    source = "-a-a-#"
    expect = "-a---#"
    Marbles().play(source, distinct_by(str), expect)


def test_what_the_key_raises_ends_the_stream():
    broken = RuntimeError("no key")

    def key(item: str) -> str:
        if item == "x":
            raise broken
        return item

    source = "-a-x-b-"
    expect = "-a-#"
    Marbles(error=broken).play(source, distinct_by(key), expect)


@pytest.mark.parametrize("operator", [lambda n: distinct_by(str, max_keys=n), lambda n: solves(max_keys=n)])
@pytest.mark.parametrize("max_keys", [0, -1])
def test_a_memory_of_nothing_is_refused(operator, max_keys):
    with pytest.raises(ConfigurationError, match="max_keys must be 1 or more"):
        operator(max_keys)


@given(st.lists(st.integers(0, 9)), st.integers(10, 20))
def test_with_room_for_all_keys_it_is_reactivex_distinct(items, max_keys):
    seen: list[int] = []
    reactivex.from_iterable(items).pipe(distinct_by(int, max_keys=max_keys)).subscribe(seen.append)
    assert seen == list(dict.fromkeys(items))


def test_memory_is_bounded_by_max_keys():
    observed = 0

    def on_next(_: int) -> None:
        nonlocal observed
        observed += 1

    tracemalloc.start(1)
    try:
        numbers = reactivex.from_iterable(range(30_000))
        before = tracemalloc.get_traced_memory()[0]
        numbers.pipe(distinct_by(str, max_keys=100)).subscribe(on_next)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert observed == 30_000
    assert peak - before < 200_000
