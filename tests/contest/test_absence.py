"""Who narrows a stream, or a history, to a contest that is not there is told so, where nothing would come."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx
import pytest

import ctfy_rx
from ctfy_rx.contest.questions import contests_instead_of
from ctfy_rx.demo.running import Platform
from ctfy_rx.errors import HttpError
from ctfy_rx.platform.questions import identify

from ..support.contests import Contest
from ..support.waiting import until
from .test_directory import Asked


class Told(list[ctfy_rx.NoContest]):
    """What the status of `stream` tells of its contest."""

    def __init__(self, stream: ctfy_rx.EventStream) -> None:
        super().__init__()
        stream.status.subscribe(
            lambda status: self.append(status) if isinstance(status, ctfy_rx.NoContest) else None
        )
        stream.subscribe(lambda _: None)
        until(lambda: bool(self))


def test_whoever_the_token_belongs_to_is_told_by_name_and_which_contests_there_are(contest: Contest):
    with ctfy_rx.events(contest.url, token=contest.admin_token, competition="nope") as stream:
        [told] = Told(stream)
    assert (told.competition, told.who[-7:]) == ("nope", "(admin)")
    assert contest.competition_id in dict(told.others)


@pytest.mark.parametrize("slip", ["no pe", "the final?", "final #2", "50%", "a/b", "é"])
def test_whatever_is_written_for_a_contest_is_told_as_it_is_written(slip: str, p: Platform):
    with ctfy_rx.events(p.url, token=p.admin_token, competition=slip) as stream:
        [told] = Told(stream)
    assert told.competition == slip


def test_nobody_is_told_so_too(contest: Contest):
    with ctfy_rx.events(contest.url, competition="nope") as stream:
        [told] = Told(stream)
    assert (told.competition, told.who) == ("nope", "")
    assert contest.competition_id in dict(told.others)


async def test_on_an_event_loop_too(p: Platform):
    async with ctfy_rx.events(p.url, competition="nope") as stream:
        statuses = ctfy_rx.to_async_iter(stream.status)
        hearing = asyncio.create_task(stream.next_event())
        async for status in statuses:
            if isinstance(status, ctfy_rx.NoContest):
                break
        hearing.cancel()
    assert status.competition == "nope"


def test_the_log_warns_once_also_after_a_reconnect(p: Platform, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING, "ctfy_rx")
    with ctfy_rx.events(p.url, token=p.admin_token, competition="nope", initial=0.01) as stream:
        Told(stream)
        p.drop_connections()
        until(lambda: stream.stats.connections == 2)
        p.announce("Hello")
        until(lambda: stream.stats.events)
    [told] = [each for each in caplog.records if "no_contest" in each.getMessage()]
    assert told.levelname == "WARNING"
    assert "there is no contest 'nope' that Demo Admin (admin) may see" in told.getMessage()
    assert told.getMessage().endswith("competition= takes an id, one of demo (Demo CTF)")


PLATFORM: dict[str, Any] = {
    "/competitions/final": {"id": "final"},
    "/competitions": {
        "items": [{"id": "final", "title": "Final"}, {"id": "quals"}, {"title": "odd"}],
        "total": 3,
    },
}


def test_a_contest_that_is_there_is_one_question_though_the_list_leaves_it_out():
    asked = Asked()
    assert asked.of(contests_instead_of("final"), {"/competitions/final": {"id": "final"}}) is None
    assert asked == ["/competitions/final"]


def test_the_others_are_listed_where_it_is_none_of_them():
    assert Asked().of(contests_instead_of("nope"), PLATFORM) == (("final", "Final"), ("quals", ""))


@pytest.mark.parametrize("server", [{}, {"/competitions/final": 503}])
def test_a_server_that_knows_no_contests_at_all_or_is_in_trouble_says_nothing_of_one(server: dict[str, int]):
    with pytest.raises(HttpError):
        Asked().of(contests_instead_of("final"), server)


def test_a_player_of_the_contest_need_not_ask(p: Platform, monkeypatch: pytest.MonkeyPatch):
    def ask(_: str) -> Any:
        raise AssertionError("asked")

    monkeypatch.setattr("ctfy_rx.contest.absence.contests_instead_of", ask)
    token = p.teams[0].players[0].token
    with ctfy_rx.events(p.url, token=token, competition=p.competition_id) as stream:
        heard: list[Any] = []
        stream.subscribe(heard.append)
        stream.opened().wait()
        p.announce("Hello")
        until(lambda: heard)


def test_who_someone_is_says_in_which_contests_they_play():
    me = {
        "id": "u1",
        "display_name": "Ada",
        "token_kind": "user",
        "competition_teams": [{"team_id": "t1", "competition_id": "final"}, {"team_id": "t2"}, 7],
    }
    identity = Asked().of(identify(), {"/me": me})
    assert (identity.teams, identity.contests) == ({"t1", "t2"}, {"final"})


# A history, which ends


def told_by_history(url: str, **options: Any) -> tuple[list[Any], list[ctfy_rx.NoContest]]:
    """The events of a history, and what its status tells of its contest."""
    told: list[ctfy_rx.NoContest] = []
    history = ctfy_rx.history(url, **options)
    history.status.subscribe(lambda news: told.append(news) if isinstance(news, ctfy_rx.NoContest) else None)
    return list(history), told


def test_a_history_of_a_contest_that_is_not_there_says_so(p: Platform, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING, "ctfy_rx")
    p.solve(team=0, challenge=0)
    events, told = told_by_history(p.url, token=p.admin_token, competition="nope")
    assert events == []
    until(lambda: told)
    assert told == [ctfy_rx.NoContest("nope", "Demo Admin (admin)", ((p.competition_id, "Demo CTF"),))]
    [warning] = [each for each in caplog.records if "no_contest" in each.getMessage()]
    assert warning.levelname == "WARNING"
    assert warning.getMessage().endswith("competition= takes an id, one of demo (Demo CTF)")


async def test_on_an_event_loop_it_says_so_too(p: Platform):
    history, told = ctfy_rx.history(p.url, token=p.admin_token, competition="nope"), []
    history.status.subscribe(told.append)
    assert [event async for event in history] == []
    assert [each.competition for each in told if isinstance(each, ctfy_rx.NoContest)] == ["nope"]


def server(answers: dict[str, Any]) -> httpx.MockTransport:
    """A platform whose admin's log has one event, of the contest "gone"; `answers` are those of its other
    routes, an int is a status, and what is not among them must not be asked."""
    row = {"id": "1", "timestamp": "2026-01-01T00:00:00Z", "event": "x", "detail": {"competition_id": "gone"}}
    known = {
        "/me": {"id": "1", "display_name": "root", "is_admin": True},
        "/admin/activities": {"items": [row], "total": 1},
    } | answers

    def answer(request: httpx.Request) -> httpx.Response:
        found = known[request.url.path.removeprefix("/api/v1")]
        return httpx.Response(found) if isinstance(found, int) else httpx.Response(200, json=found)

    return httpx.MockTransport(answer)


@pytest.mark.parametrize(
    ("competition", "answers", "events"),
    [
        pytest.param("gone", {}, 1, id="gone, but its events are there"),
        pytest.param("new", {"/competitions/new": {"id": "new"}}, 0, id="there, and nothing has happened"),
        pytest.param("x", {"/competitions/x": 503}, 0, id="nobody says whether it is there"),
        pytest.param(
            "own",
            {
                "/me": {
                    "id": "1",
                    "display_name": "root",
                    "is_admin": True,
                    "competition_teams": [{"competition_id": "own"}],
                }
            },
            0,
            id="there, by what is known already",
        ),
    ],
)
def test_a_history_of_any_other_contest_says_nothing(competition: str, answers: dict[str, Any], events: int):
    read, told = told_by_history(
        "http://ctf.example", token="pt_1", transport=server(answers), competition=competition
    )
    assert (len(read), told) == (events, [])
