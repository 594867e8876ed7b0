"""What ids mean: what is asked, and how names get into events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ctfy_rx.connection.redaction import Secrets
from ctfy_rx.connection.steps import Answer, Steps
from ctfy_rx.contest.directory import Directory, look_up
from ctfy_rx.contest.questions import announcement, items, only_competition, standings
from ctfy_rx.errors import ConfigurationError, ConnectionFailed, HttpError
from ctfy_rx.event import Event

ROSTER = [
    {
        "id": "t1",
        "name": "Red",
        "competition_id": "final",
        "members": [{"user_id": "u1", "display_name": "Ada"}, {"user_id": "u2", "display_name": "Bob"}],
    }
]
PLATFORM: dict[str, Any] = {
    "/me": {"id": "0", "display_name": "root", "is_admin": True, "token_kind": "user"},
    "/competitions": {
        "items": [{"id": "final", "phase": "running"}, {"id": "old", "phase": "ended"}],
        "total": 2,
    },
    "/competitions/final/challenges": {"items": [{"id": "pwn", "name": "Overflow"}], "total": 1},
    "/admin/competitions/final/teams": ROSTER,
}


class Asked(list[str]):
    """Drives steps against fixed answers; holds the paths that were asked for."""

    def of(self, steps: Steps[Any], platform: dict[str, Any]) -> Any:
        get = next(steps)
        while True:
            self.append(get.path)
            body = platform.get(get.path, 404)
            if callable(body):
                body = body(dict(get.params))
            status = body if isinstance(body, int) else 200
            text = b"" if isinstance(body, int) else json.dumps(body).encode()
            answer = Answer(status, {"content-type": "application/json"}, text, "http://x", Secrets())
            try:
                get = steps.send(answer)
            except StopIteration as done:
                return done.value


def test_an_admin_gets_all_names_of_a_contest_in_two_questions():
    asked = Asked()
    directory = asked.of(look_up({"final"}), PLATFORM)
    assert asked == ["/me", "/competitions/final/challenges", "/admin/competitions/final/teams"]
    assert directory.challenges == {"pwn": "Overflow"}
    assert directory.teams == {"t1": "Red"}
    assert directory.people == {"u1": "Ada", "u2": "Bob"}
    assert directory.team_of(Event("flag_wrong", '{"actor_id": "u2", "competition_id": "final"}')) == "t1"


def test_without_a_contest_those_that_run_are_looked_up():
    assert Asked().of(look_up([]), PLATFORM).contests == {"final"}


def test_a_player_gets_the_own_teams():
    me = {"id": "u1", "display_name": "Ada", "token_kind": "user", "competition_teams": [{"team_id": "t1"}]}
    asked = Asked()
    directory = asked.of(look_up({"final"}), PLATFORM | {"/me": me, "/teams/t1": ROSTER[0]})
    assert asked == ["/me", "/competitions/final/challenges", "/teams/t1"]
    assert directory.teams == {"t1": "Red"}
    assert directory.people == {"u1": "Ada", "u2": "Bob"}
    gone = asked.of(look_up({"final"}), PLATFORM | {"/me": me, "/teams/t1": 404})
    assert (gone.teams, gone.challenges) == ({}, {"pwn": "Overflow"})


def test_a_route_that_gives_the_same_page_for_ever_is_left():
    def page(_: object) -> Any:
        return {"items": [{"id": "pwn", "name": "Overflow"}], "total": 10**9}

    asked = Asked()
    assert asked.of(items("/x"), {"/x": page}) == [{"id": "pwn", "name": "Overflow"}]
    assert len(asked) == 2


def test_nobody_gets_the_challenges_alone():
    directory = Asked().of(look_up({"final"}), PLATFORM | {"/me": 401})
    assert (directory.challenges, directory.teams) == ({"pwn": "Overflow"}, {})


def test_what_is_refused_is_left_out_and_trouble_is_an_error():
    refused = {"/competitions/final/challenges": 403}
    assert Asked().of(look_up({"final"}), PLATFORM | refused).challenges == {}
    with pytest.raises(HttpError, match="503"):
        Asked().of(look_up({"final"}), PLATFORM | {"/competitions/final/challenges": 503})


FINAL = Directory(
    challenges={"pwn": "Overflow"},
    teams={"t1": "Red"},
    people={"u1": "Ada"},
    members={("final", "u1"): "t1"},
    contests=frozenset({"final"}),
)


def named(**fields: Any) -> tuple[Any, ...]:
    log = {name: fields.pop(name) for name in ("team_id", "team_name") if name in fields}
    event = FINAL.named(Event("flag_wrong", json.dumps(fields), **log))
    return event.team_id, event.team_name, event.challenge_name, event.actor_name


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"challenge_id": "pwn", "actor_id": "u1", "competition_id": "final"},
            ("t1", "Red", "Overflow", "Ada"),
        ),
        ({"challenge_id": "web", "actor_id": "u9"}, (None, None, "web", "u9")),
        ({"actor_id": "u1", "actor_name": "Ada L."}, (None, None, None, "Ada L.")),
        ({"team_id": "t1", "team_name": "Red of then"}, ("t1", "Red of then", None, None)),
        ({"team_id": "t9"}, ("t9", "t9", None, None)),
        ({"actor_id": "t1"}, ("t1", "Red", None, "Red")),
        ({"actor_id": "t1", "actor_name": "t1"}, ("t1", "Red", None, "Red")),
        ({"challenge_id": "", "actor_id": None}, (None, None, None, None)),
        ({"challenge_id": 7, "actor_id": ["u1"]}, (None, None, None, None)),
    ],
)
def test_names_are_the_logs_the_frames_ours_or_the_id(fields, expected):
    assert named(**fields) == expected


def test_an_event_without_an_object_has_no_names():
    assert FINAL.named(Event("x", "text")) == Event("x", "text")


def test_a_name_that_the_event_has_already_stays():
    event = Event("x", '{"challenge_id": "pwn"}', challenge_name="Old name")
    assert FINAL.named(event).challenge_name == "Old name"


def test_who_has_left_a_team_is_forgotten_with_the_next_look_up():
    later = FINAL | Directory(contests=frozenset({"final"}))
    assert later.members == {}
    assert later.teams == {"t1": "Red"}


def pages(total: int, size: int) -> Any:
    def page(params: dict[str, str]) -> dict[str, Any]:
        offset = int(params["offset"])
        return {"items": [{"n": n} for n in range(offset, min(offset + size, total))], "total": total}

    return page


def test_all_pages_are_read():
    found = Asked().of(items("/x"), {"/x": pages(7, 3)})
    assert [item["n"] for item in found] == list(range(7))


def test_a_page_without_items_is_the_last_whatever_the_total_says():
    assert Asked().of(items("/x"), {"/x": {"items": [], "total": 9}}) == []


def test_an_answer_that_is_no_json_is_worth_another_attempt():
    with pytest.raises(ConnectionFailed, match="something else than JSON"):
        Asked().of(items("/x"), {"/x": "text"})


def test_a_board_takes_what_is_there():
    rows = [
        {"rank": 1, "team_id": "t1", "score": 3.0, "last_solve_at": "2026-01-01T00:00:00Z"},
        {"rank": "?"},
        7,
    ]
    board = Asked().of(standings("final"), {"/competitions/final/scoreboard": {"items": rows, "total": 2}})
    assert [(each.rank, each.team_id, each.score) for each in board.standings] == [(1, "t1", 3), (0, "", 0)]
    assert (board.of("t1").last_solve_at.year, board.of("t9")) == (2026, None)


def test_one_contest_needs_no_name_and_of_several_one_must_be_named():
    assert Asked().of(only_competition(), PLATFORM) == "final"
    two = {"/competitions": {"items": [{"id": "a"}, {"id": "b"}], "total": 2}}
    with pytest.raises(ConfigurationError, match="has 2 contests: name one, competition=one of a, b"):
        Asked().of(only_competition(), two)
    with pytest.raises(ConfigurationError, match="has no contests"):
        Asked().of(only_competition(), {"/competitions": {"items": []}})


def test_an_announcement_is_found_in_the_inbox_or_not():
    inbox = {"/me/inbox": {"announcements": [{"id": "7", "title": "Lunch"}, 8]}}
    assert Asked().of(announcement("7"), inbox)["title"] == "Lunch"
    assert Asked().of(announcement("8"), inbox) is None
