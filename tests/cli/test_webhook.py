"""Events for webhooks: each once, in the pace that they allow, harmless, and without what is private."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from typing import Any

import httpx
import msgspec
import pytest
import reactivex

from ctfy_rx import EventStream
from ctfy_rx.catalogue import PAYLOADS
from ctfy_rx.cli import actions as acting
from ctfy_rx.cli.actions import Action
from ctfy_rx.cli.public import public
from ctfy_rx.cli.render import as_json
from ctfy_rx.cli.template import Template, fields_of
from ctfy_rx.cli.webhook import Webhook, WebhookGone, kind_of
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.event import Event
from ctfy_rx.reconnect import Backoff

from ..support.waiting import PATIENCE

URL = "https://hooks.example/secret-part"
WRONG = Event("flag_wrong", '{"actor_name": "Eve", "challenge_id": "pwn", "ip": "10.0.0.7"}', log_id=7)


class Server:
    """Answers with what is next in `answers` (200 afterwards), in a time that only waiting lets pass."""

    def __init__(self, *answers: int | Exception | httpx.Response) -> None:
        self.answers = iter(answers)
        self.bodies: list[Any] = []
        self.keys: list[str] = []
        self.times: list[float] = []
        self.now = 0.0
        self.gives_up = False

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(json.loads(request.content))
        self.keys.append(request.headers["idempotency-key"])
        self.times.append(self.now)
        answer = next(self.answers, 200)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(answer)

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.gives_up

    def webhook(self, kind: Any = "json") -> Webhook:
        return Webhook(
            URL,
            kind,
            client=httpx.Client(transport=httpx.MockTransport(self.answer)),
            wait=self.wait,
            clock=lambda: self.now,
            backoff=Backoff(jitter=0),
        )


def test_json_is_the_event_as_it_is_printed():
    server = Server()
    assert server.webhook().send(WRONG) is None
    [body] = server.bodies
    assert (body["event"], body["log_id"], body["data"]["actor_name"]) == ("flag_wrong", 7, "Eve")


def test_discord_gets_a_message_that_mentions_nobody_and_formats_nothing():
    server = Server()
    server.webhook("discord").send(Event("flag_wrong", '{"actor_name": "@everyone **Eve** [x](y)"}'))
    [body] = server.bodies
    assert body["content"] == r"@everyone \*\*Eve\*\* \[x\]\(y\) gave a wrong answer to a challenge"
    assert body["allowed_mentions"] == {"parse": []}


def test_slack_gets_a_message_without_its_control_sequences():
    server = Server()
    server.webhook("slack").send(Event("flag_wrong", '{"actor_name": "<!channel> & co"}'))
    assert server.bodies == [{"text": "&lt;!channel&gt; &amp; co gave a wrong answer to a challenge"}]


@pytest.mark.parametrize("refused", [429, 503, httpx.ConnectError("no"), httpx.ConnectTimeout("no")])
def test_what_cannot_have_been_taken_is_sent_again_later_and_later(refused):
    server = Server(refused, refused, refused)
    assert server.webhook().send(WRONG) is None
    assert server.times == [0.0, 1.0, 3.0, 7.0]
    assert len(set(server.keys)) == 1


@pytest.mark.parametrize(
    "broken", [httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("cut"), 500, 502, 504, 400]
)
def test_what_may_have_been_taken_is_never_sent_twice(broken):
    server = Server(broken)
    problem = server.webhook().send(WRONG)
    assert len(server.bodies) == 1
    assert problem
    assert "secret-part" not in problem


@pytest.mark.parametrize(
    "asks",
    [
        httpx.Response(429, headers={"Retry-After": "20"}),
        httpx.Response(429, headers={"Retry-After": "20, 20"}),
        httpx.Response(429, json={"retry_after": 20.0}),
        httpx.Response(429, headers={"Retry-After": "soon"}, json={"retry_after": 20.0}),
    ],
)
def test_it_waits_as_long_as_it_is_asked_to(asks):
    server = Server(asks)
    server.webhook().send(WRONG)
    assert server.times == [0.0, 20.0]


def test_a_date_until_which_it_is_asked_to_wait_is_utc(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1780315200.0)
    server = Server(httpx.Response(429, headers={"Retry-After": "Mon Jun  1 12:02:00 2026"}))
    server.webhook().send(WRONG)
    assert server.times == [0.0, 120.0]


def test_a_wait_that_is_no_number_is_none():
    server = Server(httpx.Response(429, content=b'{"retry_after": NaN}'))
    server.webhook().send(WRONG)
    assert server.times == [0.0, 1.0]


@pytest.mark.parametrize(("kind", "pace"), [("discord", 0.5), ("slack", 1.0), ("json", 0.0)])
def test_messages_keep_the_pace_that_is_allowed(kind, pace):
    server = Server()
    webhook = server.webhook(kind)
    for _ in range(3):
        webhook.send(WRONG)
    assert server.times == [0.0, pace, 2 * pace]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_webhook_that_is_gone_is_an_error_that_does_not_show_its_url(status):
    with pytest.raises(WebhookGone) as gone:
        Server(status).webhook().send(WRONG)
    assert str(status) in str(gone.value)
    assert "secret-part" not in str(gone.value)


def test_it_gives_up_in_the_end_and_at_the_end_of_the_program():
    server = Server(*[503] * 20)
    assert server.webhook().send(WRONG) == "it answers 503"
    assert len(server.bodies) == 8
    leaving = Server()
    leaving.gives_up = True
    assert leaving.webhook().send(WRONG) == "the program ends"
    assert leaving.bodies == []


@pytest.mark.parametrize(
    "name", ["événement", "\ud800", "a\r\nb: c", "x" * 10_000], ids=["é", "lone", "lines", "long"]
)
def test_any_name_of_an_event_can_be_sent_and_has_a_key_of_its_own(name: str):
    server = Server(503)
    assert server.webhook().send(Event(name, "{}", log_id=7)) is None
    assert server.webhook().send(Event(name, "{}", log_id=8)) is None
    assert server.keys[0] == server.keys[1] != server.keys[2]
    assert all(key.isascii() and key.isalnum() and len(key) < 100 for key in server.keys)


def test_the_same_event_has_the_same_key_in_another_program():
    told = "import ctfy_rx.cli.webhook as w, ctfy_rx; print(w._key(ctfy_rx.Event('flag_wrong', '{}')))"
    keys = {
        subprocess.run(
            [sys.executable, "-c", told],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(keys) == 1


def test_whatever_an_act_raises_is_told_and_the_next_event_has_its_turn():
    done: list[str] = []
    told: list[str] = []

    def act(event: Event) -> None:
        if event.event == "odd":
            raise ValueError("https://hooks.example/secret-part")
        done.append(event.event)

    action = Action("--exec", told.append, lambda: told.append("ended"))
    action.begin(lambda _stream, _wait: act, EventStream.over(reactivex.never()))
    for name in ("one", "odd", "two"):
        action.put(Event(name, "{}"))
    action.finish()
    assert done == ["one", "two"]
    assert told == ["--exec missed odd: an error that was not foreseen (ValueError)"]
    assert action.failure is None


@pytest.mark.parametrize(
    ("url", "asked", "kind"),
    [
        ("https://discord.com/api/webhooks/1/x", None, "discord"),
        ("https://ptb.discord.com/api/webhooks/1/x", None, "discord"),
        ("https://hooks.slack.com/services/x", None, "slack"),
        ("https://discord.com.example.org/x", None, "json"),
        ("http://localhost:9/x", "slack", "slack"),
    ],
)
def test_the_host_says_what_it_takes_unless_told(url, asked, kind):
    assert kind_of(url, asked) == kind


@pytest.mark.parametrize(
    ("url", "asked"), [("secret-part", None), ("ftp://x/secret-part", None), (URL, "teams")]
)
def test_what_is_no_webhook_is_refused_without_repeating_it(url, asked):
    with pytest.raises(ConfigurationError) as refused:
        kind_of(url, asked)
    assert "secret-part" not in str(refused.value)


NAMED = Event(
    "flag_correct",
    '{"actor_name": "Eve", "actor_id": "7", "team_name": "Red", "ip": "10.0.0.7", "challenge_id": "pwn"}',
    team_id="t1",
    team_name="Red",
    actor_name="Eve",
)


def test_addresses_are_nobodys_business():
    told = public(NAMED, frozenset({"t1"}))
    assert told.data == {name: value for name, value in NAMED.data.items() if name != "ip"}
    assert told.team_name == "Red"


def test_a_team_that_is_not_public_has_no_names():
    told = public(NAMED, frozenset({"t2"}))
    assert told.data == {"challenge_id": "pwn"}
    assert (told.team_id, told.team_name, told.actor_name) == (None, "an anonymous team", None)


def test_a_player_whose_team_is_not_known_has_no_name():
    told = public(Event("flag_wrong", '{"actor_name": "Eve", "actor_type": "team"}'), frozenset({"t1"}))
    assert (told.data, told.team_name) == ({}, "an anonymous team")


@pytest.mark.parametrize("actor", [{"actor_type": "team"}, {"actor_type": "user"}, {}], ids=str)
def test_whoever_acts_for_a_team_that_is_not_known_has_no_name(actor: dict[str, str]):
    data = {"actor_id": "7", "actor_name": "Eve", "target_user_name": "Mallory", **actor, "action": "revoked"}
    told = public(Event("token_revoked", json.dumps(data), actor_name="Eve"), frozenset({"t1"}))
    assert (told.data, told.team_name, told.actor_name) == ({"action": "revoked"}, "an anonymous team", None)


@pytest.mark.parametrize("actor", ["node", "admin", "system"])
def test_the_platform_is_named_and_whom_it_acts_on_is_not(actor: str):
    data = {"actor_type": actor, "actor_name": "Root", "target_user_id": "9", "target_user_name": "Eve"}
    told = public(Event("token_revoked", json.dumps({**data, "token_label": "Eve's"})), frozenset())
    assert told.data == {"actor_type": actor, "actor_name": "Root"}


def test_a_signal_of_nobody_names_no_team_that_is_not_public():
    signal = Event("team_membership_changed", '{"previous_team_id": "t1", "current_team_id": "t2"}')
    assert public(signal, frozenset({"t1"})).data == {"previous_team_id": "t1"}
    deleted = Event("team_deleted", '{"actor_type": "admin", "team_id": "t2", "team_name": "Red"}')
    assert public(deleted, frozenset({"t1"})).data == {"actor_type": "admin"}


def test_the_other_teams_of_an_answer_are_told_where_they_are_public():
    shared = Event("foreign_answer_submitted", '{"team_ids": ["t2", "t3"], "hit_count": 2}', team_id="t1")
    assert public(shared, frozenset({"t1", "t3"})).data == {"team_ids": ["t3"], "hit_count": 2}
    assert public(shared, frozenset({"t3"})).data == {"hit_count": 2}


_WHOM = "user_(id|name)|team_(id|name)|email_to|^(email|ip|src|dst)$|address|token_label"
_WHO = f"{_WHOM}|actor_(id|name|avatar)|recording"


def with_eve(name: str, wherever: str) -> dict[str, str]:
    """Data with all fields of that event, Eve in those that say `wherever` who it was."""
    fields = [field.name for field in msgspec.structs.fields(PAYLOADS[name])]
    return {field: "Eve" if re.search(wherever, field) else "x" for field in fields}


@pytest.mark.parametrize("name", PAYLOADS)
def test_no_event_of_the_catalogue_says_who_plays_anonymously(name: str):
    text = json.dumps(with_eve(name, _WHO))
    event = Event(name, text, team_id="t2", team_name="Eve", actor_name="Eve")
    assert "Eve" not in as_json(public(event, frozenset({"t1"})))


@pytest.mark.parametrize("name", PAYLOADS)
def test_no_event_of_the_catalogue_says_whom_the_platform_acted_on(name: str):
    text = json.dumps(with_eve(name, _WHOM) | {"actor_type": "admin"})
    assert "Eve" not in as_json(public(Event(name, text), frozenset({"t1"})))


def test_data_that_no_json_can_say_are_told_nevertheless():
    odd = Event("x", '{"ip": "10.0.0.7", "note": "\\ud800"}')
    assert public(odd, frozenset()).data == {"note": "\ud800"}


def test_an_event_of_no_team_stays_as_it_is():
    event = Event("node_unhealthy", '{"node_id": "n1"}')
    assert public(event, frozenset()).data == event.data
    assert public(Event("x", "text"), frozenset()).data == "text"


HOSTILE = {"team_name": "$(reboot) `id` ; 'rm' \"-rf\" \x1b[2J\x00", "actor_name": "--help"}


def test_what_strangers_wrote_stays_in_its_argument():
    words = Template("notify-send {team_name} 'by {actor_name}'").filled(HOSTILE)
    assert words == ["notify-send", "$(reboot) `id` ; 'rm' \"-rf\" ␛[2J␀", "by --help"]


def test_a_name_becomes_no_option():
    assert Template("say {actor_name}").filled(HOSTILE) == ["say", "\u2010-help"]
    assert Template("say --by={actor_name} -- {at}").filled({"at": "-1", **HOSTILE})[1:] == [
        "--by=--help",
        "--",
        "\u20101",
    ]


def test_a_field_that_is_not_there_is_empty_and_braces_that_are_none_stay():
    assert Template("say {nothing} {a.b} {}").filled({}) == ["say", "", "{a.b}", "{}"]


@pytest.mark.parametrize("command", ["", "say 'x", "{team_name} x"])
def test_what_is_no_command_is_refused(command):
    with pytest.raises(ConfigurationError, match="--exec"):
        Template(command)


def test_what_some_events_alone_hold_may_stand_in_braces():
    some = "{solve_time_s} {node_id} {competition_title} {title} {first_blood} {rise} {team_name}"
    Template(f"say {some}").refuse_unknown_fields()


def test_fields_are_those_of_the_data_and_what_else_is_known():
    fields = fields_of(NAMED)
    assert (fields["event"], fields["team_name"], fields["challenge_id"], fields["ip"]) == (
        "flag_correct",
        "Red",
        "pwn",
        "10.0.0.7",
    )
    assert "challenge_name" not in fields
    assert fields_of(Event("x", "text"))["event"] == "x"


def test_what_was_not_done_when_the_program_ends_is_its_failure(monkeypatch):
    monkeypatch.setattr(acting, "_LAST_SECONDS", 0.05)
    may_go_on = threading.Event()

    def act(_: Event) -> None:
        may_go_on.wait(PATIENCE)

    action = Action("the webhook", print, lambda: None)
    action.begin(lambda _stream, _wait: act, EventStream.over(reactivex.never()))
    for _ in range(3):
        action.put(WRONG)
    action.finish()
    assert str(action.failure) == "the webhook had 3 events left to do when the program ended"
    may_go_on.set()


@pytest.mark.parametrize(
    ("name", "value"), [("SSL_CERT_FILE", "/gone/ca.pem"), ("ALL_PROXY", "socks://127.0.0.1:1080/")]
)
def test_an_environment_that_cannot_work_is_told_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        Webhook("https://hooks.example.org/secret", "json", wait=lambda _: False)
