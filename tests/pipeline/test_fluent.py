"""Which methods of a stream give a stream again, and which a plain Observable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import reactivex
from reactivex import Observable, abc
from reactivex import operators as ops
from reactivex.scheduler import ImmediateScheduler
from reactivex.testing import TestScheduler

from ctfy_rx import EventStream
from ctfy_rx import operators as op
from ctfy_rx.catalogue import FlagCorrect
from ctfy_rx.delivery.guarded import Guarded
from ctfy_rx.testing import marbles, solve, stream_of, wrong

Use = Callable[[EventStream, abc.SchedulerBase], Observable[Any]]

KEEPING: dict[str, Use] = {
    "__add__": lambda s, _: s + s,
    "__getitem__": lambda s, _: s[0:1],
    "__iadd__": lambda s, _: s.__iadd__(s),
    "amb": lambda s, _: s.amb(s),
    "catch": lambda s, _: s.catch(s),
    "concat": lambda s, _: s.concat(s),
    "debounce": lambda s, t: s.debounce(1.0, t),
    "delay": lambda s, t: s.delay(1.0, t),
    "delay_subscription": lambda s, t: s.delay_subscription(1.0, t),
    "delay_with_mapper": lambda s, t: s.delay_with_mapper(lambda _: reactivex.timer(1.0, scheduler=t)),
    "distinct": lambda s, _: s.distinct(lambda event: event.event),
    "distinct_until_changed": lambda s, _: s.distinct_until_changed(lambda event: event.event),
    "do": lambda s, _: s.do(print),
    "do_action": lambda s, _: s.do_action(lambda _: None),
    "do_while": lambda s, _: s.do_while(lambda _: False),
    "element_at": lambda s, _: s.element_at(0),
    "filter": lambda s, _: s.filter(bool),
    "filter_indexed": lambda s, _: s.filter_indexed(lambda _, index: index < 1),
    "finally_action": lambda s, _: s.finally_action(lambda: None),
    "first": lambda s, _: s.first(),
    "ignore_elements": lambda s, _: s.ignore_elements(),
    "last": lambda s, _: s.last(lambda event: event.event == "flag_wrong"),
    "merge": lambda s, _: s.merge(s),
    "observe_on": lambda s, _: s.observe_on(ImmediateScheduler()),
    "on_error_resume_next": lambda s, _: s.on_error_resume_next(s),
    "repeat": lambda s, _: s.repeat(2),
    "retry": lambda s, _: s.retry(2),
    "sample": lambda s, t: s.sample(1.0, t),
    "share": lambda s, _: s.share(),
    "single": lambda s, _: s.single(lambda event: event.event == "flag_wrong"),
    "skip": lambda s, _: s.skip(1),
    "skip_last": lambda s, _: s.skip_last(1),
    "skip_last_with_time": lambda s, t: s.skip_last_with_time(0.0, t),
    "skip_until": lambda s, _: s.skip_until(reactivex.of(1)),
    "skip_until_with_time": lambda s, t: s.skip_until_with_time(0.0, t),
    "skip_while": lambda s, _: s.skip_while(lambda event: event.event == "flag_correct"),
    "skip_while_indexed": lambda s, _: s.skip_while_indexed(lambda _, index: index < 1),
    "skip_with_time": lambda s, t: s.skip_with_time(0.0, t),
    "slice": lambda s, _: s.slice(0, 1, 1),
    "start_with": lambda s, _: s.start_with(solve()),
    "subscribe_on": lambda s, _: s.subscribe_on(ImmediateScheduler()),
    "take": lambda s, _: s.take(1),
    "take_last": lambda s, _: s.take_last(1),
    "take_last_with_time": lambda s, t: s.take_last_with_time(1.0, t),
    "take_until": lambda s, _: s.take_until(reactivex.never()),
    "take_until_with_time": lambda s, t: s.take_until_with_time(1.0, t),
    "take_while": lambda s, _: s.take_while(lambda event: event.event == "flag_correct", inclusive=True),
    "take_while_indexed": lambda s, _: s.take_while_indexed(lambda _, index: index < 1),
    "take_with_time": lambda s, t: s.take_with_time(1.0, t),
    "throttle_first": lambda s, t: s.throttle_first(1.0, t),
    "throttle_with_mapper": lambda s, t: s.throttle_with_mapper(lambda _: reactivex.timer(1.0, scheduler=t)),
    "throttle_with_timeout": lambda s, t: s.throttle_with_timeout(1.0, t),
    "timeout": lambda s, t: s.timeout(1.0, None, t),
    "timeout_with_mapper": lambda s, _: s.timeout_with_mapper(reactivex.never()),
    "while_do": lambda s, _: s.while_do(_once()),
}
"""Every name of reactivex's that a stream overrides and that keeps the item, with a use of it."""

REPLACED = {"__await__", "__init__", "run", "sequence_equal", "subscribe", "to_future"}
"""The others: an error that says what to write, what refuses coroutine functions and closed streams, what
reactivex takes for a list because it can be looped over, and waits that know of threads and event loops."""

GUARDED = {"dematerialize", "partition_indexed", "pipe", "pluck", "ref_count", "sum", "switch_latest"}
"""Which of reactivex's guard the subscribers of what they return; all its other methods go through `pipe`."""

DOMAIN: dict[str, Callable[[EventStream], EventStream[Any]]] = {
    "achievements": lambda s: s.achievements(),
    "alerts": lambda s: s.alerts(),
    "announcements": lambda s: s.announcements(),
    "by_actor": lambda s: s.by_actor("user-Ada"),
    "by_competition": lambda s: s.by_competition("final"),
    "by_team": lambda s: s.by_team("team-Red"),
    "first_bloods": lambda s: s.first_bloods(),
    "instances": lambda s: s.instances(),
    "mine": lambda s: s.mine(),
    "named": lambda s: s.named(),
    "of_event": lambda s: s.of_event(FlagCorrect),
    "shared_flags": lambda s: s.shared_flags(),
    "solved_challenges": lambda s: s.solved_challenges(),
    "solves": lambda s: s.solves(),
    "verdicts": lambda s: s.verdicts(),
    "where": lambda s: s.where(challenge_id="pwn-1"),
    "wrong_answers": lambda s: s.wrong_answers(),
}

MAKING_SOMETHING_ELSE: dict[str, Callable[[EventStream], Any]] = {
    "buffer": lambda s: s.buffer(reactivex.never()),
    "count": lambda s: s.count(),
    "map": lambda s: s.map(lambda event: event.event),
    "materialize": lambda s: s.materialize(),
    "pipe": lambda s: s.pipe(ops.take(1)),
    "scan": lambda s: s.scan(lambda total, _: total + 1, 0),
    "to_list": lambda s: s.to_list(),
    "zip": lambda s: s.zip(s),
}


def _once() -> Callable[[object], bool]:
    answers = iter([True])
    return lambda _: next(answers, False)


def overridden() -> set[str]:
    """The public names of `Observable`, and its special ones, that a stream has of its own."""
    mine = {
        name for kind in EventStream.__mro__ if kind.__module__.startswith("ctfy_rx") for name in vars(kind)
    }
    theirs = {name for kind in Observable.__mro__[:-1] for name in vars(kind)}
    dull = {
        "__annotations__",
        "__doc__",
        "__module__",
        "__orig_bases__",
        "__parameters__",
        "__abstractmethods__",
        "__firstlineno__",  # these two from Python 3.13 on
        "__static_attributes__",
    }
    return {
        name for name in mine & theirs if not name.startswith("_abc") and name != "_subscribe_core"
    } - dull


def only_checked() -> set[str]:
    """Which are reactivex's own, but refuse coroutine functions."""
    return {
        name
        for name, method in vars(Guarded).items()
        if getattr(method, "__wrapped__", None) is getattr(Observable, name, ...)
    }


def test_a_stream_overrides_exactly_these_names_of_reactivex():
    assert overridden() - only_checked() == KEEPING.keys() - only_checked() | REPLACED | GUARDED
    assert {"map", "scan", "group_by", "take_while"} <= only_checked()


@pytest.mark.parametrize("name", KEEPING)
def test_what_keeps_the_item_gives_a_stream_on_the_same_connection(name: str):
    time = TestScheduler()
    stream = stream_of(solve(), wrong())
    derived = KEEPING[name](stream, time)
    assert isinstance(derived, EventStream)
    assert derived.status is stream.status


@pytest.mark.parametrize("name", KEEPING)
def test_what_keeps_the_item_delivers_what_reactivexs_own_delivers(name: str):
    ours, theirs = TestScheduler(), TestScheduler()
    diagram, letters = "-a-b-|", {"a": solve(), "b": wrong()}
    stream = marbles(diagram, scheduler=ours, **letters)
    plain: Any = reactivex.from_marbles(diagram, 1.0, theirs, {**letters}).pipe(op.share())
    expected = theirs.start(lambda: KEEPING[name](plain, theirs)).messages
    assert ours.start(lambda: KEEPING[name](stream, ours)).messages == expected


@pytest.mark.parametrize("name", DOMAIN)
def test_the_domains_operators_give_a_stream_on_the_same_connection(name: str):
    stream = stream_of(solve(), wrong())
    derived = DOMAIN[name](stream)
    assert isinstance(derived, EventStream)
    assert derived.status is stream.status


@pytest.mark.parametrize("name", MAKING_SOMETHING_ELSE)
def test_what_makes_something_else_gives_a_plain_observable(name: str):
    derived = MAKING_SOMETHING_ELSE[name](stream_of(solve(), wrong()))
    assert isinstance(derived, Observable)
    assert not isinstance(derived, EventStream)


def test_a_slice_of_a_stream_can_be_looped_over():
    assert [event.event for event in stream_of(solve(), wrong(), solve())[1:]] == [
        "flag_wrong",
        "flag_correct",
    ]


def test_operators_can_be_chained_across_domain_and_reactivex():
    stream = stream_of(solve("Red"), wrong(), solve("Blue"), solve("Red"))
    late = stream.solves().filter(lambda event: event.payload.solve_time_s is not None).skip(1).take(1)
    assert [event.data["instance_id"] for event in late] == ["pwn-1-of-Blue"]
