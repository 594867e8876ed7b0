"""`named`: names at once, looked up in bulk and as seldom as may be."""

from __future__ import annotations

import json
from typing import Any

import pytest
import reactivex
from reactivex import Observable

from ctfy_rx.contest.directory import Directory
from ctfy_rx.contest.naming import Names, named
from ctfy_rx.event import Event

from ..support.marbles import Marbles


def about(challenge: str, contest: str = "final") -> Event[Any]:
    return Event("flag_wrong", json.dumps({"challenge_id": challenge, "competition_id": contest}))


EVENTS = {
    "p": about("pwn"),
    "w": about("web"),
    "q": about("pwn", "quals"),
    "u": Event("competition_updated", '{"competition_id": "final"}'),
    "t": Event("team_member_joined", "{}"),
    "s": Event("scoreboard_updated", "{}"),
}


class Platform:
    """Knows `challenges` of every contest, after `delay` seconds; fails while `broken`."""

    def __init__(self, m: Marbles, *, delay: float = 0.5, **challenges: str) -> None:
        self.m = m
        self.delay = delay
        self.challenges = challenges
        self.asked: list[tuple[float, frozenset[str]]] = []
        self.broken = False

    def look_up(self, contests: frozenset[str]) -> Observable[Directory]:
        self.asked.append((self.m.now, contests))
        if self.broken:
            return reactivex.throw(ValueError("refused"))
        found = Directory(challenges=dict(self.challenges), contests=contests or frozenset({"final"}))
        return reactivex.timer(self.delay, scheduler=self.m.time).pipe(
            reactivex.operators.map(lambda _: found)
        )

    @property
    def times(self) -> list[float]:
        return [time for time, _ in self.asked]


def watched(platform: Platform, line: str, **options: Any) -> list[tuple[float, str | None]]:
    m = platform.m
    names = Names(platform.look_up, **options)
    observer = m.watch(m.hot(line).pipe(named(names, lambda _: m.time)))
    m.run(60.0)
    return [(record.time, record.value.value.challenge_name) for record in observer.messages]


def test_no_event_waits_for_a_name_and_one_that_is_not_known_is_the_id():
    platform = Platform(Marbles(**EVENTS), delay=3.5, pwn="Overflow")
    assert watched(platform, "--p--p") == [(2.0, "pwn"), (5.0, "Overflow")]
    assert platform.times == [0.0]


def test_names_are_looked_up_once_for_all_events_of_a_contest():
    platform = Platform(Marbles(**EVENTS), pwn="Overflow", web="Cookies")
    assert watched(platform, "--p-w-p-s") == [
        (2.0, "Overflow"),
        (4.0, "Cookies"),
        (6.0, "Overflow"),
        (8.0, None),
    ]
    assert platform.times == [0.0]


def test_an_unknown_id_is_looked_up_once_and_then_left_alone():
    platform = Platform(Marbles(**EVENTS), pwn="Overflow")
    watched(platform, "--p--w--w--w")
    assert platform.times == [0.0, 5.0]


def test_another_contest_is_looked_up_beside_the_first():
    platform = Platform(Marbles(**EVENTS), pwn="Overflow")
    watched(platform, "-----q")
    assert platform.asked == [(0.0, frozenset()), (5.0, frozenset({"final", "quals"}))]


def test_when_teams_or_contests_change_names_are_looked_up_again_two_seconds_apart_at_most():
    platform = Platform(Marbles(**EVENTS), pwn="Overflow")
    watched(platform, "-----u-t-t--")
    assert platform.times == [0.0, 5.0, 7.5, 10.0]


def test_what_was_looked_up_in_vain_is_looked_up_again_when_something_has_changed():
    platform = Platform(Marbles(**EVENTS))
    platform.m.at(9.0, lambda: platform.challenges.update(web="Cookies"))
    assert watched(platform, "-----w----u----w")[-1] == (15.0, "Cookies")


def test_the_one_contest_of_the_stream_is_looked_up():
    platform = Platform(Marbles(**EVENTS))
    watched(platform, "-", contests=frozenset({"final"}))
    assert platform.asked == [(0.0, frozenset({"final"}))]


def test_while_names_cannot_be_had_events_go_on_with_their_ids():
    platform = Platform(Marbles(**EVENTS), pwn="Overflow")
    platform.broken = True
    assert watched(platform, "--p--p") == [(2.0, "pwn"), (5.0, "pwn")]


def told_at(m: Marbles, names: Names, coming: list[Event[Any]], ask: float) -> list[float]:
    """When who asks at `ask` whether the names of what is coming are known is told so."""
    told: list[float] = []
    m.watch(m.hot("-").pipe(named(names, lambda _: m.time)))
    m.at(ask, lambda: names.when_answered(lambda: told.append(m.now), coming))
    m.run(60.0)
    return told


@pytest.mark.parametrize("ask", [0.25, 1.0, 5.0], ids=["on the way", "just answered", "long known"])
def test_the_contests_of_what_comes_next_are_looked_up_before_that_is_given(ask: float):
    platform = Platform(Marbles(**EVENTS), delay=0.5, pwn="Overflow")
    names = Names(platform.look_up)
    assert told_at(platform.m, names, [EVENTS["p"], EVENTS["q"], EVENTS["s"]], ask) == [max(ask, 0.5) + 0.5]
    assert platform.asked == [(0.0, frozenset()), (max(ask, 0.5), frozenset({"quals"}))]


def test_what_is_known_of_what_comes_next_is_not_looked_up_again():
    platform = Platform(Marbles(**EVENTS), delay=0.5, pwn="Overflow")
    assert told_at(platform.m, Names(platform.look_up), [EVENTS["p"]], 5.0) == [5.0]
    assert platform.times == [0.0]


def test_what_comes_next_waits_for_no_names_that_cannot_be_had():
    platform = Platform(Marbles(**EVENTS))
    platform.broken = True
    assert told_at(platform.m, Names(platform.look_up), [EVENTS["q"]], 5.0) == [5.0]


def test_nobody_looks_up_anything_when_the_last_has_left():
    platform = Platform(Marbles(**EVENTS))
    m, names = platform.m, Names(platform.look_up)
    m.watch(m.hot("-----u-----u").pipe(named(names, lambda _: m.time)), "^--!")
    m.run(60.0)
    assert platform.times == [0.0]


def test_subscribers_share_what_is_looked_up():
    platform = Platform(Marbles(**EVENTS), pwn="Overflow")
    m, names = platform.m, Names(platform.look_up)
    source = m.hot("---p").pipe(named(names, lambda _: m.time))
    m.watch(source), m.watch(source, "-^")
    m.run(60.0)
    assert platform.times == [0.0]
    assert names.wait(0.0)


def test_without_a_platform_names_are_those_of_the_events():
    names = Names(None)
    seen: list[Any] = []
    reactivex.of(EVENTS["p"]).pipe(named(names, lambda _: Marbles().time)).subscribe(seen.append)
    assert [event.challenge_name for event in seen] == ["pwn"]
    assert not names.wait(0.0)
