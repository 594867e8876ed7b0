"""What the type checkers see; pyright and mypy, both strict, check this file, and pytest runs it."""

from __future__ import annotations

from typing import assert_type

import reactivex
from reactivex import Observable
from reactivex import operators as ops

import ctfy_rx
from ctfy_rx import Burst, Event, EventStream, Frame, Instance, Payload
from ctfy_rx import operators as op
from ctfy_rx.catalogue import (
    AchievementUnlocked,
    AnnouncementCreated,
    FlagCorrect,
    FlagWrong,
    ForeignAnswerSubmitted,
    InstanceReady,
)
from ctfy_rx.contest.boards import Boards
from ctfy_rx.contest.eventual import Eventual
from ctfy_rx.delivery.iterators import Items

URL = "http://127.0.0.1:9"  # nothing here opens a connection


def stream() -> EventStream:
    return ctfy_rx.events(URL)


def events() -> Observable[Event[Payload]]:
    return reactivex.empty()


def test_a_stream_is_one_of_any_payload() -> None:
    assert_type(ctfy_rx.events(URL), EventStream[Payload])
    assert_type(stream(), EventStream[Payload])


def test_of_event_gives_the_type_of_the_payload() -> None:
    assert_type(stream().of_event(FlagCorrect), EventStream[FlagCorrect])
    assert_type(stream().of_event(InstanceReady), EventStream[InstanceReady])
    assert_type(stream().of_event("flag_*"), EventStream[Payload])
    assert_type(stream().of_event("flag_*", FlagWrong), EventStream[Payload])
    assert_type(stream().of_event(FlagCorrect, FlagWrong), EventStream[Payload])


def test_the_derived_streams_have_the_types_of_their_payloads() -> None:
    assert_type(stream().solves(), EventStream[FlagCorrect])
    assert_type(stream().solved_challenges(), EventStream[FlagCorrect])
    assert_type(stream().wrong_answers(), EventStream[FlagWrong])
    assert_type(stream().achievements(), EventStream[AchievementUnlocked])
    assert_type(stream().announcements(), EventStream[AnnouncementCreated])
    assert_type(stream().instances(), EventStream[Payload])
    assert_type(stream().first_bloods(), EventStream[FlagCorrect])
    assert_type(stream().shared_flags(), EventStream[ForeignAnswerSubmitted])
    assert_type(stream().verdicts(), EventStream[FlagCorrect | FlagWrong])
    assert_type(stream().alerts(), EventStream[Payload])
    assert_type(stream().of_event(FlagCorrect).named(), EventStream[FlagCorrect])
    assert_type(stream().of_event(FlagCorrect).mine(), EventStream[FlagCorrect])


def test_streams_that_come_together_have_the_payloads_of_all() -> None:
    right, wrong, pattern = stream().solves(), stream().wrong_answers(), stream().of_event("flag_*")
    assert_type(right.merge(wrong), EventStream[FlagCorrect | FlagWrong])
    assert_type(right.concat(wrong), EventStream[FlagCorrect | FlagWrong])
    assert_type(right + wrong, EventStream[FlagCorrect | FlagWrong])
    assert_type(pattern.sample(5.0).merge(pattern.debounce(21.0)), EventStream[Payload])


def test_what_is_no_event_has_its_type_too() -> None:
    assert_type(stream().scoreboard("final"), Boards)
    assert_type(stream().burst(5, within=60.0), Observable[Burst])
    assert_type(stream().rate(60.0), Observable[float])
    assert_type(stream().instance("7").ready(), Eventual[Instance])


def test_an_event_knows_the_type_of_its_payload() -> None:
    event: Event[FlagCorrect] = Event("flag_correct", '{"solve_time_s": 98.3}')
    assert_type(event.payload, FlagCorrect)
    assert_type(event.payload.solve_time_s, float | None)
    assert_type(event.payload.challenge_fully_solved, bool | None)
    assert_type(event.payload.actor_name, str | None)
    assert event.payload.solve_time_s == 98.3


def test_an_event_of_a_type_is_an_event() -> None:
    def name(event: Event[Payload]) -> str | None:
        return event.payload.actor_name

    def names(source: EventStream[Payload]) -> Observable[str | None]:
        return source.map(name)

    solve: Event[FlagCorrect] = Event("flag_correct", '{"actor_name": "Ada"}')
    assert_type(name(solve), str | None)
    assert_type(names(stream().solves()), Observable[str | None])
    assert name(solve) == "Ada"


def test_operators_that_keep_the_item_keep_the_type() -> None:
    solves = stream().solves()
    assert_type(solves.where(challenge_id="pwn"), EventStream[FlagCorrect])
    assert_type(solves.by_competition("final"), EventStream[FlagCorrect])
    assert_type(solves.by_actor("ada"), EventStream[FlagCorrect])
    assert_type(solves.take(3), EventStream[FlagCorrect])
    assert_type(solves.skip(3), EventStream[FlagCorrect])
    assert_type(solves.merge(solves), EventStream[FlagCorrect])
    assert_type(solves.distinct(), EventStream[FlagCorrect])
    assert_type(solves.do_action(print), EventStream[FlagCorrect])
    assert_type(solves.share(), EventStream[FlagCorrect])
    assert_type(solves.filter(lambda _: True), EventStream[FlagCorrect])


def test_a_lambda_gets_the_typed_event() -> None:
    quick = (
        stream()
        .solves()
        .filter(lambda event: assert_type(event.payload.solve_time_s, float | None) is not None)
    )
    assert_type(quick, EventStream[FlagCorrect])
    stream().of_event(FlagWrong).take_while(lambda event: assert_type(event, Event[FlagWrong]).event != "")
    stream().solves().distinct(lambda event: assert_type(event.payload, FlagCorrect).actor_id)


def test_a_callback_gets_the_typed_event() -> None:
    heard: list[float | None] = []
    source = stream()
    source.close()
    try:
        source.solves().subscribe(
            lambda event: heard.append(assert_type(event.payload, FlagCorrect).solve_time_s)
        )
    except ctfy_rx.StreamClosed:
        assert heard == []


def test_an_operator_that_makes_something_else_gives_a_plain_observable() -> None:
    names = stream().solves().map(actor)
    assert_type(names, Observable[str | None])


def actor(event: Event[FlagCorrect]) -> str | None:
    return event.payload.actor_name


def challenge(event: Event[FlagCorrect]) -> str:
    return event.payload.challenge_id or ""


def test_iterators_give_the_typed_event() -> None:
    def loop(solves: EventStream[FlagCorrect]) -> None:
        for event in solves:
            assert_type(event, Event[FlagCorrect])

    async def coroutine(solves: EventStream[FlagCorrect]) -> None:
        assert_type(await solves.next_event(timeout=1), Event[FlagCorrect])
        async for event in solves:
            assert_type(event, Event[FlagCorrect])

    assert callable(loop)
    assert callable(coroutine)
    assert_type(ctfy_rx.to_iter(events()), Items[Event[Payload]])


def test_the_parts_fit_together() -> None:
    source = ctfy_rx.frames(URL)
    assert_type(source.pipe(op.retry_with_backoff()), Observable[Frame])
    assert_type(source.pipe(op.retry_with_backoff(), op.parse()), Observable[Event[Payload]])
    assert_type(source.pipe(op.retry_with_backoff(), op.parse(), op.share()), Observable[Event[Payload]])
    assert_type(source.pipe(op.of_event("flag_*")), Observable[Frame])


def test_pipe_keeps_the_type_through_each_operator() -> None:
    assert_type(events().pipe(op.of_event(FlagCorrect)), Observable[Event[FlagCorrect]])
    assert_type(events().pipe(op.of_event("flag_*")), Observable[Event[Payload]])
    assert_type(events().pipe(op.of_event("flag_*", FlagWrong)), Observable[Event[Payload]])
    assert_type(events().pipe(op.solves()), Observable[Event[FlagCorrect]])
    assert_type(events().pipe(op.solved_challenges()), Observable[Event[FlagCorrect]])
    assert_type(events().pipe(op.wrong_answers()), Observable[Event[FlagWrong]])
    assert_type(events().pipe(op.achievements()), Observable[Event[AchievementUnlocked]])
    assert_type(events().pipe(op.announcements()), Observable[Event[AnnouncementCreated]])
    assert_type(events().pipe(op.instances()), Observable[Event[Payload]])
    assert_type(events().pipe(op.share()), Observable[Event[Payload]])
    assert_type(events().pipe(op.solves(), op.where(challenge_id="pwn")), Observable[Event[FlagCorrect]])
    assert_type(events().pipe(op.solves(), op.by_actor("ada")), Observable[Event[FlagCorrect]])
    assert_type(events().pipe(op.solves(), op.by_competition("final")), Observable[Event[FlagCorrect]])
    assert_type(events().pipe(op.solves(), op.distinct_by(challenge)), Observable[Event[FlagCorrect]])


def test_pipe_keeps_the_type_through_seven_operators() -> None:
    names = ctfy_rx.frames(URL).pipe(
        op.retry_with_backoff(),
        op.parse(),
        op.share(),
        op.solves(),
        op.by_competition("final"),
        op.distinct_by(challenge),
        ops.map(challenge),
    )
    assert_type(names, Observable[str])
    solves = ctfy_rx.frames(URL).pipe(
        op.retry_with_backoff(),
        op.parse(),
        op.of_event(FlagCorrect),
        op.where(challenge_id="pwn"),
        op.by_actor("ada"),
        op.by_competition("final"),
        op.share(),
    )
    assert_type(solves, Observable[Event[FlagCorrect]])
