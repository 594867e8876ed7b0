"""`ctfy_rx.testing`: events and streams for tests, without a server."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime

import pytest
from reactivex.testing import ReactiveTest, TestScheduler

from ctfy_rx import Closed, ConfigurationError, ConnectionFailed, Event, Idle, Open, Status
from ctfy_rx.catalogue import PAYLOADS, FlagCorrect, Payload
from ctfy_rx.stream.stream import EventStream
from ctfy_rx.testing import (
    MOMENT,
    achievement,
    announcement,
    event,
    instance_ready,
    marbles,
    solve,
    stream_of,
    wrong,
)

on_next, on_completed, on_error = ReactiveTest.on_next, ReactiveTest.on_completed, ReactiveTest.on_error


def test_an_event_has_the_fields_that_were_written_and_no_others():
    made = event("flag_correct", challenge_id="pwn-1", solve_time_s=98.3)
    assert made.data == {"challenge_id": "pwn-1", "solve_time_s": 98.3}
    assert isinstance(made.payload, FlagCorrect)
    assert made.payload.solve_time_s == 98.3


def test_an_event_happens_at_a_fixed_moment_unless_it_says_when():
    later = datetime(2026, 1, 1, 13, tzinfo=UTC)
    assert event("flag_correct").at == MOMENT
    assert [event("flag_correct", at=later).at, solve(at=later).at, wrong(at=later).received_at] == [
        later
    ] * 3


def test_the_same_line_makes_the_same_event():
    assert solve("Red", "pwn-1") == solve("Red", "pwn-1")
    assert solve("Red", "pwn-1") != solve("Blue", "pwn-1")


def test_an_event_with_a_team_is_one_of_the_log():
    logged = event("flag_correct", team="Red", log_id=7)
    assert (logged.team_name, logged.team_id, logged.log_id, logged.origin) == ("Red", "team-Red", 7, "log")
    seen = event("flag_correct")
    assert (seen.team_name, seen.team_id, seen.log_id, seen.origin) == (None, None, None, "live")


@pytest.mark.parametrize("payload", PAYLOADS.values())
def test_every_event_of_the_platform_can_be_made(payload: type[Payload]):
    assert type(event(payload).payload) is payload


@pytest.mark.parametrize(
    ("name", "fields", "text"),
    [
        ("flag_corect", {}, "did you mean 'flag_correct'"),
        ("solve", {}, "did you mean 'flag_correct'"),
        ("xyzzy", {}, "`ctfy-rx events` lists them"),
        ("flag_wrong", {"chalenge_id": "pwn-1"}, "did you mean 'challenge_id'"),
        ("scoreboard_updated", {"xyzzy": 1}, "it has challenge_id"),
    ],
)
def test_a_typo_in_a_name_or_field_is_an_error_with_a_suggestion(
    name: str, fields: dict[str, object], text: str
):
    with pytest.raises(ConfigurationError, match=text):
        event(name, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("made", [solve(), wrong(), achievement(), announcement(), instance_ready()])
def test_a_whole_event_decodes_as_its_payload_class(made: Event):
    assert type(made.payload) is PAYLOADS[made.event]
    assert set(made.data) <= set(type(made.payload).__struct_fields__)


def test_fields_of_a_whole_event_can_be_replaced():
    assert solve(challenge_fully_solved=False).payload.challenge_fully_solved is False
    assert wrong(challenge="web-2", actor_name="Eve").data["actor_name"] == "Eve"


def test_a_stream_of_events_gives_them_to_every_kind_of_consumer():
    stream = stream_of(solve(), wrong())
    heard: list[str] = []
    stream.subscribe(lambda each: heard.append(each.event))
    assert [each.event for each in stream] == heard == ["flag_correct", "flag_wrong"]
    assert isinstance(stream, EventStream)


async def test_a_stream_of_events_can_be_awaited():
    stream = stream_of(solve(), wrong())
    assert [each.event async for each in stream] == ["flag_correct", "flag_wrong"]
    assert (await stream.wrong_answers().next_event(1)).event == "flag_wrong"


def test_a_stream_of_events_fails_as_it_was_told():
    failures: list[Exception] = []
    gone = ConnectionFailed("gone")
    stream = stream_of(solve(), error=gone)
    stream.subscribe(on_error=failures.append)
    assert failures == [gone]
    assert stream.status.current == Closed(gone, reopens=True)


def test_a_stream_of_events_stays_open_if_it_is_told_to_until_it_is_closed():
    stream = stream_of(solve(), ends=False)
    states: list[Status] = []
    stream.status.subscribe(states.append)
    completed = threading.Event()
    stream.subscribe(on_completed=completed.set)
    assert not completed.is_set()
    stream.close()
    assert completed.is_set()
    assert states == [Idle(), Open(), Closed()]


def test_subscribers_of_an_unconnected_stream_share_one_run():
    stream = stream_of(solve(), wrong(), autoconnect=False)
    first, second = iter(stream), iter(stream.wrong_answers())
    stream.connect()
    assert len(list(first)) == 2
    assert len(list(second)) == 1


def test_marbles_give_events_in_virtual_time():
    time = TestScheduler()
    red, oops = solve(), wrong()
    stream = marbles("--a-b--|", a=red, b=oops, scheduler=time)
    seen = time.start(lambda: stream)
    assert seen.messages == [on_next(202, red), on_next(204, oops), on_completed(207)]


def test_marbles_fail_with_the_error_that_was_given():
    time = TestScheduler()
    gone = ConnectionFailed("gone")
    stream = marbles("-a#", a=solve(), error=gone, scheduler=time)
    assert time.start(lambda: stream).messages[-1] == on_error(202, gone)


def test_domain_operators_work_on_marbles():
    time = TestScheduler()
    red = solve("Red")
    stream = marbles("-a-b-a-|", a=red, b=wrong(), scheduler=time, timespan=10)
    assert time.start(stream.solves).messages == [on_next(210, red), on_completed(270)]


def test_time_operators_work_on_marbles():
    time = TestScheduler()
    red = solve()
    stream = marbles("-a-a-a---|", a=red, scheduler=time)
    assert time.start(lambda: stream.debounce(2.0, scheduler=time)).messages[0] == on_next(207, red)


def test_marbles_begin_with_the_first_subscriber_and_a_late_one_sees_the_rest():
    time = TestScheduler()
    red, oops = solve(), wrong()
    stream = marbles("-a-b-|", a=red, b=oops, scheduler=time)
    late = time.create_observer()
    time.schedule_absolute(202, lambda *_: stream.subscribe(late))
    time.start(lambda: stream)
    assert late.messages == [on_next(203, oops), on_completed(205)]


def test_a_letter_without_an_event_is_an_error():
    with pytest.raises(ConfigurationError, match=r"add b=event"):
        marbles("-a-b", a=solve())


@pytest.mark.parametrize(
    ("diagram", "advice"),
    [("-aa-b|", 'write "a-a", or "(a,a)"'), ("-(ab)|", 'write "a-b", or "(a,b)"')],
)
def test_letters_with_nothing_between_them_are_an_error_that_says_what_to_write(diagram, advice):
    with pytest.raises(ConfigurationError, match=re.escape(advice)):
        marbles(diagram, a=solve(), b=wrong())


@pytest.mark.parametrize("sign", ["1", "*", "_"])
def test_a_sign_that_is_no_letter_is_an_error(sign):
    with pytest.raises(ConfigurationError, match="name each by a letter"):
        marbles(f"-{sign}-", **{sign: solve()})


def test_the_repr_of_a_test_stream_says_what_it_is():
    assert repr(stream_of(solve())).startswith("<EventStream of 1 events (idle")
    assert repr(marbles("-a-|", a=solve())).startswith("<EventStream of -a-| (idle")
