"""When the log is read: decided without I/O, so tested with a clock of our own and made-up answers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ctfy_rx.connection.redaction import Secrets
from ctfy_rx.connection.steps import Answer, Get
from ctfy_rx.errors import ConnectionFailed, HttpError, LogUnavailable, TokenRefused
from ctfy_rx.event import Event
from ctfy_rx.platform.doorbell import FLOOR, TICK, Doorbell
from ctfy_rx.platform.effects import Ask, Give, Wait
from ctfy_rx.reconnect import Backoff
from ctfy_rx.stats import Counters
from ctfy_rx.status import Gap, Late, Open, Status

ADMIN = {"id": "1", "display_name": "root", "is_admin": True, "token_kind": "user"}
PLAYER = {"id": "2", "display_name": "Ada", "is_admin": False, "token_kind": "user", "competition_teams": []}


def answer(body: Any, status: int = 200, **headers: str) -> Answer:
    told = {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, httpx.Headers(told), json.dumps(body).encode(), "http://ctf.example", Secrets())


def page(*ids: int) -> Answer:
    rows = [
        {
            "id": str(number),
            "timestamp": f"2026-01-01T00:00:{number:02d}Z",
            "event": "flag_wrong",
            "detail": {},
        }
        for number in sorted(ids, reverse=True)
    ]
    return answer({"items": rows, "total": len(rows), "limit": 1000, "offset": 0})


class House:
    """A doorbell, its clock, and a platform of made-up answers by path; an Exception is raised instead."""

    def __init__(self, me: Any = ADMIN, chance: float = 0.0, **options: Any) -> None:
        self.now = 1000.0
        self.told: list[Status] = []
        self.reopened = 0
        self.answers: dict[str, Any] = {"/me": answer(me), "/admin/activities": page(), "/activities": page()}
        self.asked: list[str] = []
        self.bell = Doorbell(
            tell=self.told.append,
            reopen=self._reopen,
            counters=Counters(),
            clock=lambda: self.now,
            random=lambda: chance,
            **{"backoff": Backoff(random=lambda: 0.0)} | options,
        )
        self.effects = self.bell.read()
        self.effect: Any = None

    def _reopen(self) -> None:
        self.reopened += 1

    def ask(self, steps: Any) -> Any:
        """What `steps` return, asked here."""
        step: Callable[[], Get] = lambda: next(steps)  # noqa: E731 - it changes
        while True:
            try:
                get = step()
            except StopIteration as done:
                return done.value
            self.asked.append(get.path)
            found = self.answers[get.path]
            if isinstance(found, Exception):
                step = lambda failed=found: steps.throw(failed)  # noqa: E731
            else:
                step = lambda found=found: steps.send(found)  # noqa: E731

    def open(self, token: str = "pt_1") -> None:
        self.ask(self.bell.before_open(token))
        self.bell.completed(Open())

    def turn(self) -> Any:
        """Do what is to be done, without waiting, until it waits or gives; returns that."""
        if self.effect is None:
            self.effect = next(self.effects)
        while isinstance(self.effect, Ask):
            try:
                result = self.ask(self.effect.steps)
            except Exception as error:  # noqa: BLE001 - the doorbell's to judge
                self.effect = self.effects.throw(error)
            else:
                self.effect = self.effects.send(result)
        return self.effect

    def waits(self) -> float:
        """How long it waits now, in seconds, after it has given what there was."""
        while isinstance(self.turn(), Give):
            self.effect = self.effects.send(None)
        assert isinstance(self.effect, Wait)
        return self.effect.seconds

    def wake(self, after: float = 0.0) -> None:
        self.now += after
        self.effect = self.effects.send(None)

    def settle(self) -> None:
        """Do what has become due since it waited."""
        self.wake()
        self.wake(self.waits())
        self.waits()

    def gives(self) -> list[int | None]:
        effect = self.turn()
        assert isinstance(effect, Give), effect
        self.effect = self.effects.send(None)
        return [event.log_id for event in effect.events]

    def reads(self) -> int:
        return sum(path.endswith("activities") for path in self.asked)


def solved(**data: Any) -> Event:
    return Event("flag_correct", json.dumps({"challenge_id": "pwn", "actor_id": "2"} | data))


def test_the_opening_rings_and_what_is_new_is_given():
    house = House()
    house.open()
    house.answers["/admin/activities"] = page(1, 2)
    assert house.gives() == [1, 2]
    assert house.waits() == pytest.approx(TICK)


def test_a_first_ring_is_answered_at_once_and_chance_spreads_the_openings_and_what_follows():
    house = House(chance=1.0)
    house.open()
    assert house.waits() == pytest.approx(0.05)
    house.wake(after=0.05)
    house.waits()
    house.now += 10
    before = house.reads()
    assert house.bell.takes(solved())
    house.wake()
    assert house.waits() == pytest.approx(1.25 * TICK)
    assert house.reads() == before + 1
    assert house.bell.takes(solved())
    house.wake()
    assert house.waits() == pytest.approx(2 * FLOOR)


def test_rings_during_a_quiet_time_cause_one_read_after_the_floor():
    house = House()
    house.open()
    house.waits()
    before = house.reads()
    for _ in range(100):
        assert house.bell.takes(solved())
    house.wake()
    assert house.waits() == pytest.approx(FLOOR)
    assert house.reads() == before
    house.answers["/admin/activities"] = page(3)
    house.wake(FLOOR)
    assert house.gives() == [3]
    assert house.reads() == before + 1


def test_without_a_ring_the_log_is_read_now_and_then():
    house = House()
    house.open()
    house.waits()
    house.answers["/admin/activities"] = page(4)
    house.wake(TICK)
    assert house.gives() == [4]


def test_while_the_log_fails_it_is_tried_later_and_later_and_nothing_is_lost():
    house = House()
    house.open()
    house.waits()
    house.answers["/admin/activities"] = ConnectionFailed("refused")
    assert house.bell.takes(solved())
    house.wake(FLOOR)
    delays = []
    for _ in range(4):
        delays.append(house.waits())
        house.wake(delays[-1])
    assert [*delays, house.waits()] == pytest.approx([1.0, 2.0, 4.0, 8.0, 16.0])
    assert [told.delay for told in house.told if isinstance(told, Late)] == [1.0, 2.0, 4.0, 8.0, 16.0]
    house.answers["/admin/activities"] = page(5)
    house.wake(16)
    assert house.gives() == [5]
    assert house.reopened == 0


def test_a_log_that_asks_for_time_gets_it():
    house = House()
    house.open()
    house.waits()
    house.answers["/admin/activities"] = answer({}, 429, retry_after="20")
    house.bell.ring()
    house.wake(FLOOR)
    assert house.waits() == pytest.approx(20.0)


def test_a_log_that_refuses_in_mid_life_has_the_connection_opened_anew():
    house = House()
    house.open()
    house.waits()
    house.answers["/admin/activities"] = answer({}, 403)
    house.bell.ring()
    house.wake(FLOOR)
    house.waits()
    assert house.reopened == 1
    house.answers["/me"] = answer({}, 403)
    with pytest.raises(TokenRefused):
        house.open()


def test_a_player_reads_the_own_log_and_only_the_own_frames_ring():
    house = House(PLAYER)
    house.open()
    house.waits()
    assert set(house.asked) == {"/me", "/activities"}
    assert house.bell.takes(solved(actor_id="2"))
    assert not house.bell.takes(solved(actor_id="3"))
    assert not house.bell.takes(Event("instance_ready", "{}"))


@pytest.mark.parametrize(
    ("event", "rings"),
    [
        (Event("flag_wrong", "no json"), True),
        (Event("scoreboard_updated", "{}"), False),
        (Event("meta_stats", '{"challenge_id": null, "actor_id": null}'), False),
        (Event("hologram_opened", '{"challenge_id": null, "actor_id": null}'), True),
        (Event("hologram_opened", '{"actor_id": "2"}'), False),
        (Event("hologram_opened", "[]"), False),
    ],
)
def test_for_an_admin_what_the_log_stores_rings(event: Event, rings: bool):
    house = House()
    house.open()
    assert house.bell.takes(event) is rings


def test_when_the_teams_change_the_connection_is_opened_anew():
    house = House(PLAYER)
    house.open()
    house.waits()
    for _ in range(5):
        house.bell.takes(Event("team_membership_changed", "{}"))
    house.wake()
    assert 0 < house.waits() <= 5
    asked = house.asked.count("/me")
    house.wake(house.effect.seconds)
    house.waits()
    assert house.asked.count("/me") == asked + 1  # once for all five
    assert house.reopened == 0
    house.answers["/me"] = answer(PLAYER | {"competition_teams": [{"team_id": "t1"}]})
    house.bell.takes(Event("team_membership_changed", "{}"))
    house.wake()
    house.wake(house.waits())
    house.waits()
    assert house.reopened == 1


@pytest.mark.parametrize("option", ["auto", False])
@pytest.mark.parametrize("body", [{"hello": "world"}, [], "page"])
def test_another_kind_of_server_is_read_live(option: Any, body: Any):
    house = House(log=option)
    house.answers["/me"] = answer(body)
    house.open()
    assert not house.bell.takes(solved())
    assert not house.bell.is_platform
    assert house.waits() == pytest.approx(TICK)


def test_a_platform_that_has_no_log_for_us_is_heard_live():
    house = House()
    house.answers["/admin/activities"] = answer({}, 403)
    house.open()
    assert not house.bell.takes(solved())


@pytest.mark.parametrize("options", [{"log": True}, {"since": "start"}, {"since": 60.0}])
def test_who_needs_the_log_is_told_that_there_is_none(options: Any):
    house = House(**options)
    house.answers["/admin/activities"] = answer({}, 403)
    with pytest.raises(LogUnavailable, match="cannot read the log"):
        house.open()
    with pytest.raises(LogUnavailable):
        house.bell.nobody()


def test_a_platform_in_trouble_before_we_know_who_we_are_is_tried_again():
    house = House()
    house.answers["/me"] = answer({}, 503)
    with pytest.raises(HttpError, match="503"):
        house.open()


def test_who_we_are_is_asked_beside_a_connection_that_opens_again_and_holds_it_up_no_more():
    house = House()
    house.open()
    house.waits()
    asked = len(house.asked)
    house.answers["/admin/activities"] = page(3)
    house.open()
    assert len(house.asked) == asked  # nothing was waited for
    house.settle()
    assert house.asked[asked:] == ["/admin/activities", "/me"]  # what was missed comes first
    assert house.reopened == 0


def test_a_token_that_has_died_is_noticed_beside_and_refused_before_the_next_opening():
    house = House(log=False)
    house.open()
    house.waits()
    house.answers["/me"] = answer({}, 403)
    house.open()
    house.settle()
    assert house.reopened == 1
    with pytest.raises(TokenRefused):
        house.open()


@pytest.mark.parametrize("me", [PLAYER, ADMIN | {"competition_teams": [{"team_id": "t1"}]}])
def test_one_who_has_become_another_meanwhile_is_asked_before_the_next_opening(me: Any):
    house = House()
    house.open()
    house.waits()
    house.answers["/me"] = answer(me)
    house.open()
    house.settle()
    assert house.reopened == 1
    house.open()
    assert house.bell.identity.name == me["display_name"]
    house.waits()
    assert house.reopened == 1


def test_another_token_is_asked_about_before_the_connection_opens():
    house = House()
    house.open()
    house.waits()
    house.answers["/me"] = answer({}, 403)
    with pytest.raises(TokenRefused):
        house.open("pt_2")


def test_a_platform_in_trouble_once_we_know_who_we_are_is_no_obstacle():
    house = House()
    house.open()
    house.waits()
    for trouble in (answer({}, 503), ConnectionFailed("refused")):
        house.answers["/me"] = trouble
        house.open("pt_1")
        house.open("pt_2")
        assert house.bell.takes(solved())
        house.wake(math.inf if house.effect is None else house.effect.seconds)
        house.waits()
        assert house.reopened == 0
    house.answers["/me"] = answer(ADMIN)
    house.answers["/admin/activities"] = answer({}, 500)
    house.open("pt_2")
    house.answers["/admin/activities"] = page(6)
    house.wake(house.effect.seconds)
    assert house.gives() == [6]


@pytest.mark.parametrize(
    "body", ['{"id": "1", "displ', "<p>A captive portal", '{"hello": "world"}'], ids=["cut", "page", "other"]
)
@pytest.mark.parametrize("since", [None, "start"])
def test_an_answer_that_says_nothing_once_we_know_who_we_are_changes_nothing(body: str, since: Any):
    house = House(since=since)
    house.open()
    house.waits()
    said = Answer(200, {"content-type": "application/json"}, body.encode(), "http://ctf.example", Secrets())
    house.answers["/me"] = said
    house.open()
    assert house.bell.takes(solved())


def test_an_identity_that_is_cut_off_at_first_is_asked_for_again():
    house = House(since="start")
    house.answers["/me"] = Answer(200, {"content-type": "application/json"}, b'{"id', "http://x", Secrets())
    with pytest.raises(ConnectionFailed, match="cut off"):
        house.open()


def test_with_log_false_trouble_is_no_obstacle_and_no_log_is_read():
    house = House(log=False)
    house.answers["/me"] = answer({}, 500)
    house.open()
    house.answers["/me"] = answer(ADMIN)
    house.open()
    assert house.reads() == 0
    assert not house.bell.takes(solved())


def test_open_says_who_we_are_and_a_gap_whether_the_log_fills_it():
    house = House()
    house.open()
    assert house.bell.completed(Open()) == Open("root (admin)")
    assert house.bell.completed(Gap(2.0)) == Gap(2.0, logged=True)
    assert house.bell.completed(Gap(2.0, resumable=True)) == Gap(2.0, logged=True, resumable=True)
    house.bell.nobody()
    assert house.bell.completed(Open()) == Open()
    house.bell.nobody(anonymous=True)
    assert house.bell.completed(Open()) == Open(nobody=True)
    assert house.bell.completed(Gap(2.0)) == Gap(2.0)


def test_at_its_end_it_reads_once_more_what_rang():
    house = House()
    house.open()
    house.waits()
    house.answers["/admin/activities"] = page(7)
    house.bell.ring()
    house.bell.finish()
    house.wake()
    assert house.turn() == Give(house.effect.events)
    with pytest.raises(StopIteration):
        house.effects.send(None)


def test_a_failing_log_is_not_read_without_a_floor_though_the_back_off_is_none():
    house = House(backoff=Backoff(initial=0.0, maximum=0.0, random=lambda: 0.0))
    house.open()
    house.answers["/admin/activities"] = ConnectionFailed("lost")
    assert house.waits() == pytest.approx(FLOOR)
