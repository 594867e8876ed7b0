"""Events as lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ctfy_rx import Closed, Connecting, Dropped, Event, FrameDecoder, Gap, Idle, Open, TokenRefused, Waiting
from ctfy_rx.appearance import SENTENCES
from ctfy_rx.catalogue import PAYLOADS
from ctfy_rx.cli.render import as_json, as_status, as_text

CAPTURES = Path(__file__).parent.parent / "data"
HOSTILE = "\x1b[2J[bold red]{actor}[/]\r\nEve\u202e\x9b1m:boom:"


def event(name: str, **fields: Any) -> Event:
    common = {"actor_id": "7", "actor_name": "Mallory", "challenge_id": "pwn-1"}
    return Event(name, json.dumps(common | fields), received=0.0)


def said(it: Event) -> str:
    """The line without its time."""
    return as_text(it, UTC).plain.removeprefix("00:00:00  ")


@pytest.mark.parametrize("name", PAYLOADS)
def test_every_event_of_the_catalogue_is_one_harmless_line(name: str):
    everything = dict.fromkeys(PAYLOADS[name].__struct_fields__, HOSTILE)
    for it in (Event(name, "{}"), event(name), event(name, **everything)):
        assert as_text(it, UTC).plain.isprintable()
        assert as_json(it).isprintable()
        assert json.loads(as_json(it))["data"] == it.data


@pytest.mark.parametrize("name", SENTENCES)
def test_a_sentence_has_words_for_all_its_fields(name: str):
    fields = dict.fromkeys(PAYLOADS[name].__struct_fields__, "known")
    assert "?" not in said(event(name, **fields))


@pytest.mark.parametrize("capture", sorted(CAPTURES.glob("*.sse")), ids=lambda path: path.stem)
def test_every_event_of_a_real_contest_is_a_line(capture: Path):
    frames = FrameDecoder().feed(capture.read_bytes())
    assert frames
    for frame in frames:
        it = Event(frame.event, frame.data)
        assert as_text(it, UTC).plain.isprintable()
        assert json.loads(as_json(it))["data"] == it.data


@pytest.mark.parametrize(
    ("it", "sentence"),
    [
        (
            event("flag_correct", challenge_fully_solved=True, solve_time_s=98.3),
            "✔ Mallory solved pwn-1 in 1 min 38 s",
        ),
        (event("flag_correct", challenge_fully_solved=True), "✔ Mallory solved pwn-1"),
        (
            event("flag_correct", challenge_fully_solved=False, flag_id="user", solve_time_s=7500),
            "✓ Mallory found a flag of pwn-1: user after 2 h 5 min",
        ),
        (event("flag_wrong", solve_time_s=0.0), "✘ Mallory gave a wrong answer to pwn-1"),
        (
            event("achievement_unlocked", achievement_name="Night Owl", tier="gold"),
            "★ Mallory unlocked Night Owl (gold)",
        ),
        (event("instance_started"), "▸ Mallory started pwn-1"),
        (event("instance_ready", actor_name="Hexspeak"), "● pwn-1 is ready for Hexspeak"),
        (
            event(
                "instance_stopped",
                actor_id="platform",
                actor_name="solve_auto_stop",
                reason="auto_stop_after_solve",
            ),
            "■ the platform stopped pwn-1: it was solved",
        ),
        (event("instance_error", error="no image"), "✖ pwn-1 failed for Mallory: no image"),
        (event("announcement_created", announcement_id="a7"), "◆ a new announcement: a7"),
        (
            event("node_unhealthy", node_id="node-2", error_message="no heartbeat"),
            "▼ node node-2 is unhealthy: no heartbeat",
        ),
        (
            event("node_recovered", node_id="node-2", downtime_seconds=59.6),
            "▲ node node-2 has recovered after 1 min 0 s",
        ),
        (event("task_failed", task_kind="deploy", error="no disk"), "✖ the task deploy failed: no disk"),
        (Event("scoreboard_updated", "{}"), "· the scoreboard has changed"),
        (Event("flag_correct", "{}"), "✔ somebody solved a challenge"),
    ],
    ids=lambda value: value.event if isinstance(value, Event) else "",
)
def test_an_event_says_what_happened_who_did_it_and_to_what(it: Event, sentence: str):
    assert said(it) == sentence


def test_a_team_that_is_known_is_named():
    solve = Event("flag_correct", '{"actor_name": "Mallory"}', team_name="Hexspeak")
    assert said(solve) == "✔ Mallory (Hexspeak) solved a challenge"


def test_an_event_without_a_sentence_is_listed():
    listed = event("team_role_changed", new_role="student", previous_role=None, actor_avatar_url="")
    assert said(listed) == "· team role changed by Mallory on pwn-1  new_role=student"


def test_an_event_that_nobody_knows_is_listed():
    unknown = Event("hologram_opened", '{"size": 3, "where": {"x": [1, true]}, "gone": null}')
    assert said(unknown) == '· hologram opened  size=3  where={"x": [1, true]}'


@pytest.mark.parametrize(
    ("data", "shown"), [("no { json", "no { json"), ("[1, 2]", "[1, 2]"), ("7", "7"), ("null", "")]
)
def test_data_that_is_no_object_is_shown_as_it_is(data: str, shown: str):
    assert said(Event("flag_wrong", data)).startswith("✘ somebody gave a wrong answer")
    assert said(Event("note", data)) == f"· note  {shown}".rstrip()


@pytest.mark.parametrize("value", ["soon", -1, float("nan"), float("inf"), True, None, {}, 10**400])
def test_a_time_that_is_none_is_left_out(value: object):
    assert said(Event("flag_correct", json.dumps({"solve_time_s": value}))) == "✔ somebody solved a challenge"


def test_the_time_is_that_of_the_zone():
    at_noon = Event("flag_wrong", "{}", received=datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp())
    assert as_text(at_noon, timezone(timedelta(hours=2))).plain.startswith("14:00:00  ")


def test_a_text_that_looks_like_markup_is_shown_as_it_is():
    assert said(event("flag_wrong", actor_name="[bold]Eve[/bold] :bomb:")).startswith(
        "✘ [bold]Eve[/bold] :bomb: gave"
    )


def test_an_endless_text_is_cut():
    assert len(said(event("instance_error", error="x" * 100_000))) < 200
    assert len(said(event("hologram_opened", **{f"field{n}": "x" * 99 for n in range(99)}))) < 500


def test_json_has_what_is_known_and_nothing_else():
    assert json.loads(as_json(event("flag_wrong"))) == {
        "event": "flag_wrong",
        "at": "1970-01-01T00:00:00.000Z",
        "data": {"actor_id": "7", "actor_name": "Mallory", "challenge_id": "pwn-1"},
        "origin": "live",
    }


def test_json_has_what_the_log_knows():
    logged = Event(
        "flag_wrong",
        "{}",
        "42",
        received=9.0,
        logged=1.5,
        origin="log",
        log_id=42,
        team_id="t",
        team_name="Hexspeak",
    )
    assert json.loads(as_json(logged)) == {
        "event": "flag_wrong",
        "at": "1970-01-01T00:00:01.500Z",
        "data": {},
        "id": "42",
        "log_id": 42,
        "team_id": "t",
        "team_name": "Hexspeak",
        "origin": "log",
    }


def test_json_is_compact_and_keeps_the_letters_of_all_countries():
    assert '"data":{"actor_name":"接头"}' in as_json(Event("note", '{"actor_name": "接头"}'))


@pytest.mark.parametrize("data", ['{"a": NaN}', "[" * 100_000, '{"a": 1'])
def test_json_that_is_none_is_a_text_in_ours(data: str):
    assert json.loads(as_json(Event("note", data)))["data"] == data


def test_json_keeps_lone_surrogates():
    assert json.loads(as_json(Event("note", r'{"a": "\ud800"}')))["data"] == {"a": "\ud800"}


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (Open(), "connected to http://127.0.0.1:8100"),
        (Open(nobody=True), "connected to http://127.0.0.1:8100; nobody: signals only"),
        (
            Open(refused=TokenRefused("401: expired", status=401)),
            "connected to http://127.0.0.1:8100; nobody: signals only (401: expired)",
        ),
        (Waiting(4.2, ConnectionError("connection refused"), 3), "reconnecting in 4.2 s: connection refused"),
        (Waiting(0.31, None, 1), "reconnecting in 0.3 s: the server ended the connection"),
        (Waiting(1.0, ConnectionError("\x1b[2J\n"), 1), "reconnecting in 1.0 s: ␛[2J␊"),
        (Gap(3.1), "events of the last 3.1 s may be missing"),
        (
            Gap(3.1, resumable=True),
            "events of the last 3.1 s may be missing, if the server cannot give them again",
        ),
        (Dropped(8), "a consumer is too slow: 8 events dropped"),
    ],
    ids=lambda value: getattr(value, "state", ""),
)
def test_the_status_is_a_sentence(status: Any, line: str):
    assert str(as_status(status, "http://127.0.0.1:8100")) == line


@pytest.mark.parametrize(
    "status", [Idle(), Connecting(2), Closed(), Closed(ConnectionError())], ids=lambda s: s.state
)
def test_a_status_that_changes_nothing_is_not_told(status: Any):
    assert as_status(status, "http://127.0.0.1:8100") is None


def test_words_leave_out_what_is_private_json_does_not():
    login = Event("user_vanished", '{"provider": "github", "ip": "203.0.113.7", "email": "ada@example.com"}')
    assert "203.0.113.7" not in as_text(login).plain
    assert "ada@example.com" not in as_text(login).plain
    assert "provider=github" in as_text(login).plain
    assert "203.0.113.7" in str(as_json(login))
