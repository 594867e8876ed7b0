"""The small parts: turns, `merge_alongside`, `Eventual`; and that a slow platform holds up nobody."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import reactivex
from reactivex import Observable, Subject

import ctfy_rx
from ctfy_rx.contest import directory, naming
from ctfy_rx.contest.eventual import Eventual
from ctfy_rx.contest.merge_alongside import merge_alongside
from ctfy_rx.demo.running import Platform
from ctfy_rx.errors import ConnectionFailed, StreamClosed
from ctfy_rx.pipeline.workers import Workers
from ctfy_rx.testing import solve, stream_of, wrong
from ctfy_rx.threads.turns import Turns

from ..support.marbles import Marbles
from ..support.waiting import PATIENCE, until


def test_turns_are_taken_one_at_a_time_from_whatever_threads():
    turns, done = Turns(), []
    inside, most = [0], [0]

    def act(number: int) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        done.append(number)
        inside[0] -= 1

    threads = [
        threading.Thread(target=lambda n=n: [turns.take(lambda: act(n)) for _ in range(200)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(done) == 800)
    assert most == [1]


def test_a_turn_that_raises_gives_the_next_one_its_turn():
    turns, done = Turns(), []
    with pytest.raises(ZeroDivisionError):
        turns.take(lambda: 1 / 0)
    turns.take(lambda: done.append(1))
    assert done == [1]


def test_merge_alongside_ends_with_its_source():
    m = Marbles()
    source = "--a---b--|"
    other = "---x--------y"
    expect = "--ax--b--|"
    m.play(source, merge_alongside(m.hot(other)), expect)


def test_merge_alongside_goes_on_when_the_other_completes_and_fails_when_it_fails():
    m = Marbles()
    m.play("--a---b--|", merge_alongside(m.hot("---x|")), "--ax--b--|")
    m = Marbles(error=ConnectionFailed("down"))
    m.play("--a---b--|", merge_alongside(m.hot("---#")), "--a#")


async def test_an_eventual_can_be_awaited_waited_for_and_subscribed_to():
    seven = Eventual(reactivex.of(7, 8))
    seen: list[int] = []
    seven.subscribe(seen.append)
    assert (await seven, seven.wait(), seen) == (7, 7, [7, 8])


async def test_an_eventual_that_never_comes_is_an_error():
    with pytest.raises(StreamClosed):
        await Eventual(reactivex.empty())
    with pytest.raises(StreamClosed):
        Eventual(reactivex.empty()).wait()
    with pytest.raises(ConnectionFailed):
        await Eventual(reactivex.throw(ConnectionFailed("down")))


def test_opened_is_the_moment_from_which_everything_is_heard(p: Platform):
    with ctfy_rx.events(p.url, token=p.admin_token) as stream:
        seen: list[str] = []
        stream.subscribe(lambda event: seen.append(event.event))
        assert isinstance(stream.opened().wait(), ctfy_rx.Open)
        p.solve(team=0, challenge=0)
        until(lambda: "flag_correct" in seen)


def test_opened_fails_as_the_stream_does():
    with (
        ctfy_rx.events("http://127.0.0.1:9", auto_reconnect=False) as stream,
        pytest.raises(ConnectionFailed),
    ):
        stream.opened().wait()


def test_a_platform_that_does_not_tell_names_holds_up_no_event(p: Platform, monkeypatch: pytest.MonkeyPatch):
    silent: Subject[Any] = Subject()
    monkeypatch.setattr(Workers, "names_within", 0.01)
    with ctfy_rx.events(p.url, token=p.admin_token) as stream:
        monkeypatch.setattr(stream._pipeline, "ask", lambda *_, **__: silent)
        seen: list[Any] = []
        stream.named().subscribe(seen.append)
        stream.opened().wait()
        p.solve(team=0, challenge=0)
        until(lambda: [event for event in seen if event.event == "flag_correct"])
        assert silent.observers
        [answer] = [event for event in seen if event.event == "flag_correct"]
        assert (answer.challenge_name, answer.team_name) == (p.challenges[0].id, p.teams[0].name)
    until(lambda: not silent.observers)


@pytest.mark.parametrize("since", [None, "start"])
def test_the_first_events_of_a_stream_have_their_names(p: Platform, since: Any):
    if since is not None:
        p.solve(team=1, challenge=1)
    with ctfy_rx.events(p.url, token=p.admin_token, since=since) as stream:
        solves = iter(stream.solves().named())
        if since is None:
            stream.opened().wait()
            p.solve(team=1, challenge=1)
        solve = next(solves)
        assert (solve.team_name, solve.challenge_name) == (p.teams[1].name, p.challenges[1].name)


async def test_also_on_an_event_loop(p: Platform):
    p.solve(team=1, challenge=1)
    async with ctfy_rx.events(p.url, token=p.admin_token, since="start") as stream:
        solve = await stream.first_bloods().next_event(timeout=PATIENCE)
        assert (solve.team_name, solve.challenge_name) == (p.teams[1].name, p.challenges[1].name)


@pytest.mark.parametrize("waits_for_names", [True, False], ids=["names come last", "names come first"])
def test_the_first_events_of_a_contest_that_is_over_have_their_names_too(
    p: Platform, monkeypatch: pytest.MonkeyPatch, waits_for_names: bool
):
    monkeypatch.setattr(directory, "running_contests", lambda: answered_with(frozenset()))
    p.solve(team=1, challenge=1)
    with ctfy_rx.events(p.url, token=p.admin_token, since="start", autoconnect=False) as stream:
        seen: list[Any] = []
        stream.solves().named().subscribe(seen.append)
        if not waits_for_names:
            assert stream.names.wait(PATIENCE)
        stream.connect()
        until(lambda: seen)
        assert (seen[0].team_name, seen[0].challenge_name) == (p.teams[1].name, p.challenges[1].name)


def answered_with(answer: Any) -> Any:
    """Steps that ask nothing."""
    return answer
    yield


def test_history_has_the_names_of_its_contests(p: Platform):
    p.solve(team=1, challenge=1)
    for stream in (
        ctfy_rx.history(p.url, token=p.admin_token).solves().named(),
        ctfy_rx.history(p.url, token=p.admin_token).first_bloods(),
    ):
        [solve] = list(stream)
        assert (solve.team_name, solve.challenge_name) == (p.teams[1].name, p.challenges[1].name)


def test_history_of_one_contest_asks_for_the_names_of_that_alone(
    p: Platform, monkeypatch: pytest.MonkeyPatch
):
    asked: list[Any] = []

    def look_up(contests: Any) -> Any:
        asked.append(set(contests))
        return naming.Directory()
        yield

    monkeypatch.setattr(naming, "look_up", look_up)
    p.solve(team=1, challenge=1)
    stream = ctfy_rx.history(p.url, token=p.admin_token, competition="another")
    assert list(stream.named()) == []
    assert asked == []
    assert list(ctfy_rx.history(p.url, token=p.admin_token, competition=p.competition_id).named())
    assert asked == [{p.competition_id}]


def test_streams_from_elsewhere_have_what_needs_no_platform():
    events = [solve("Red"), solve("Red"), wrong("Blue"), wrong("Blue")]
    assert [event.data["first_blood"] for event in stream_of(*events).first_bloods()] == ["challenge"]
    assert len(list(ctfy_rx.to_iter(stream_of(*events).burst(2, within=60.0)))) == 1
    assert [event.challenge_name for event in stream_of(solve(challenge="pwn-1")).named()] == ["pwn-1"]
    assert list(stream_of(*events).alerts()) == []


def test_what_needs_a_platform_says_so_where_there_is_none():
    errors: list[Exception] = []
    board: Observable[Any] = stream_of(solve()).scoreboard("final")
    board.subscribe(on_error=errors.append)
    until(lambda: errors)
    assert "not that of a platform" in str(errors[0])


def test_alerts_tell_of_our_own_gaps(p: Platform):
    with ctfy_rx.events(p.url, token=p.admin_token, initial=0.05) as stream:
        seen: list[Any] = []
        stream.alerts().subscribe(seen.append)
        stream.opened().wait()
        p.drop_connections()
        until(lambda: seen)
        assert seen[0].event == "stream_gap"
        assert set(seen[0].data) == {"seconds", "logged", "resumable"}


def test_close_ends_whatever_came_of_the_stream(p: Platform):
    stream = ctfy_rx.events(p.url, token=p.admin_token)
    box = p.instance_started(team=0, challenge=0).detail["instance_id"]
    ended: list[str] = []
    sources: dict[str, Observable[Any]] = {
        "named": stream.named(),
        "first_bloods": stream.first_bloods(),
        "alerts": stream.alerts(),
        "announcements": stream.announcements(),
        "scoreboard": stream.scoreboard(),
        "burst": stream.burst(2, within=1.0),
        "rate": stream.rate(1.0),
        "opened": stream.opened(),
        "shared_flags": stream.shared_flags(),
        "polled": stream.first_bloods(poll=True),
    }
    for name, source in sources.items():
        source.subscribe(on_error=print, on_completed=lambda name=name: ended.append(name))
    waits = stream.instance(box)
    waits.events().subscribe(on_completed=lambda: ended.append("box"))
    p.wait_for_connections(1)
    stream.close()
    until(lambda: set(ended) == {*sources, "box"})
