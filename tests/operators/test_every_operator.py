"""What all operators have in common: ends, dispose and the scheduler pass through."""

from __future__ import annotations

import re
from typing import NoReturn

import pytest
import reactivex

from ctfy_rx import operators as op
from ctfy_rx.catalogue import FlagCorrect
from ctfy_rx.event import Event
from ctfy_rx.sse import Frame

from ..support.marbles import Marbles

OPERATORS = {
    "achievements": op.achievements,
    "alerts": op.alerts,
    "announcements": op.announcements,
    "burst": lambda: op.burst(2, within=1.0),
    "by_actor": lambda: op.by_actor("ada"),
    "by_competition": lambda: op.by_competition("final"),
    "by_team": lambda: op.by_team("red"),
    "distinct_by": lambda: op.distinct_by(id),
    "first_bloods": op.first_bloods,
    "instances": op.instances,
    "of_event": lambda: op.of_event(FlagCorrect),
    "parse": op.parse,
    "rate": lambda: op.rate(10.0, every=10.0),
    "retry_with_backoff": op.retry_with_backoff,
    "share": op.share,
    "shared_flags": op.shared_flags,
    "solved_challenges": op.solved_challenges,
    "solves": op.solves,
    "where": lambda: op.where(challenge_id="pwn"),
    "wrong_answers": op.wrong_answers,
}
every_operator = pytest.mark.parametrize("make", OPERATORS.values(), ids=list(OPERATORS))


def test_these_are_all():
    # `buffered` and `record` work on threads, which know no virtual time: see their own tests.
    assert set(OPERATORS) | {"buffered", "record"} == set(op.__all__)


@pytest.mark.parametrize("name", op.__all__)
def test_its_page_shows_a_marble_diagram_an_example_and_what_else_to_look_at(name):
    page = getattr(op, name).__doc__ or ""
    assert re.search(r"::\n\n +.*--", page)
    assert ">>> " in page
    also = re.search(r"See also: (.+?)\.\n", page, re.DOTALL)
    assert also
    named = set(re.findall(r"`(\w+)`", also[1].replace("``", ""))) & set(op.__all__)
    assert name not in named


@pytest.mark.parametrize("name", sorted(set(OPERATORS) - {"retry_with_backoff"}))
def test_completion_passes_through(name):
    source = "---|"
    expect = "---|"
    Marbles().play(source, OPERATORS[name](), expect)


@every_operator
def test_an_error_passes_through(make):
    source = "---#"
    expect = "---#"
    Marbles(error=ValueError("not transient")).play(source, make(), expect)


@every_operator
def test_dispose_passes_through(make):
    m = Marbles()
    source = m.hot("-")
    m.watch(source.pipe(make()), "--^--!")
    m.run()
    assert [(each.subscribe, each.unsubscribe) for each in source.subscriptions] == [(2, 5)]


@every_operator
def test_the_scheduler_of_the_subscription_reaches_the_source(make):
    m = Marbles()
    source = m.connections("-")
    m.watch(source.pipe(make()))
    m.run()
    assert source.schedulers == [m.time]


@every_operator
def test_it_is_cold_until_somebody_subscribes(make):
    m = Marbles()
    source = m.connections("-")
    source.pipe(make())
    assert source.opened == []


@every_operator
def test_it_can_be_applied_to_several_sources(make):
    operator = make()
    ends: list[str] = []
    for _ in range(2):
        source = reactivex.throw(ValueError("not transient"))
        operator(source).subscribe(on_error=lambda error: ends.append(str(error)))
    assert ends == ["not transient"] * 2


@pytest.mark.parametrize("text", ["", "text", "[]", "null", "{", '{"challenge_id": [7]}'])
@every_operator
def test_no_payload_is_the_end_of_the_stream(make, text):
    item = Frame("flag_correct", text) if make is op.parse else Event("flag_correct", text)
    errors: list[Exception] = []
    reactivex.of(item).pipe(make()).subscribe(on_error=errors.append, scheduler=Marbles().time)
    assert errors == []


def bug(*_: object) -> NoReturn:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    "operator",
    [
        op.burst(2, within=1.0, of="flag_*", key=bug),
        op.burst(2, within=1.0, of="flag_*", key=lambda event: event.data),  # which has no hash
        op.distinct_by(bug),
        op.distinct_by(lambda event: event.data),
        op.first_bloods(seed=bug),
    ],
)
def test_what_a_function_of_the_app_raises_is_the_end_of_its_subscription(operator):
    source: reactivex.Subject[Event] = reactivex.Subject()
    errors: list[Exception] = []
    source.pipe(operator).subscribe(print, errors.append)
    for _ in range(2):
        source.on_next(Event("flag_correct", "{}"))
    assert len(errors) == 1
    assert source.observers == []
