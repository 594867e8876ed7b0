"""The guard at the end of a chain, and what is composed of something guarded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import reactivex
from reactivex import ConnectableObservable, Observable, Subject
from reactivex import operators as ops

from ctfy_rx import EventStream
from ctfy_rx import operators as op
from ctfy_rx.delivery.guarded import Composed, Guarded
from ctfy_rx.errors import ConnectionFailed
from ctfy_rx.testing import solve

from ..support.logs import our_errors


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged at ERROR."""
    return lambda: [each.getMessage() for each in our_errors(caplog)]


def bug(*_: object) -> Any:
    raise ValueError("a bug of the app")


def test_a_subscriber_that_raises_is_reported_and_goes_on(errors):
    seen: list[int] = []
    Composed(reactivex.of(1, 2)).subscribe(lambda item: (seen.append(item), bug())[0])
    assert seen == [1, 2]
    assert len(errors()) == 2


def test_an_end_that_nobody_hears_of_is_reported(errors):
    Composed(reactivex.throw(ConnectionFailed("down"))).subscribe()
    assert "ConnectionFailed: down" in errors()[0]
    assert "give subscribe() an on_error" in errors()[0]


def test_what_a_stream_refuses_is_raised_where_one_subscribes(errors):
    stream = EventStream.over(Subject())
    for refused in (
        stream.derived(reactivex.throw(KeyError("no"))),
        stream.derived(reactivex.throw(KeyError("no"))).filter(bool),
        stream.pipe(ops.take_until(reactivex.throw(KeyError("no")))),
    ):
        with pytest.raises(KeyError):
            refused.subscribe(print)
        heard: list[Exception] = []
        refused.subscribe(print, heard.append)
        assert len(heard) == 1
    assert errors() == []


def test_a_stream_that_fails_at_once_tells_the_log_as_it_would_later(errors):
    stream = EventStream.over(reactivex.throw(ConnectionFailed("gone")))
    stream.filter(bool).subscribe(print)
    assert "did not handle the end of its stream" in errors()[0]
    with pytest.raises(ConnectionFailed):
        stream.wait()


@pytest.mark.parametrize(
    "compose",
    [
        lambda s: s.map(str),
        lambda s: s.pipe(ops.map(str)),
        lambda s: s.pipe(ops.map(str)).filter(bool),
        lambda s: s.pipe(ops.map(str), op.share()),
        lambda s: s.status.map(str),
        lambda s: s.map(str) + reactivex.never(),
        lambda s: s.map(str)[1:],
        lambda s: s.partition(bool)[1],
        lambda s: s.publish(),
        lambda s: s.replay(buffer_size=1),
        lambda s: s.publish().ref_count(),
        lambda s: s.map(str).sum(),
        lambda s: s.partition_indexed(lambda _, index: bool(index))[0],
        lambda s: s.materialize().dematerialize(),
        lambda s: s.map(lambda _: s).switch_latest(),
        lambda s: s.map(lambda event: event.data).pluck("challenge_id"),
        lambda s: s.rate(1),
        lambda s: s.burst(2, 60),
        lambda s: s.scoreboard(),
        lambda s: s.opened(),
    ],
)
def test_what_is_composed_of_a_stream_is_guarded_and_an_observable_of_reactivexs(compose):
    composed = compose(EventStream.over(Subject()))
    assert isinstance(composed, Guarded)
    assert isinstance(composed, Observable)


def test_what_operators_return_that_is_none_of_reactivexs_is_left_as_it_is():
    class Own(Observable[int]):
        pass

    own, stream = Own(), EventStream.over(Subject())
    assert stream.pipe(lambda _: own) is own
    assert stream.pipe(lambda _: 7) == 7
    assert stream.pipe() is stream
    assert stream.pipe(lambda source: source) is stream
    assert isinstance(stream.pipe(lambda source: source.solves().take(1)), EventStream)


def test_a_connectable_is_one_still():
    source: Subject[Any] = Subject()
    connectable = EventStream.over(source).publish()
    assert isinstance(connectable, ConnectableObservable)
    seen: list[Any] = []
    connectable.subscribe(bug)
    connectable.subscribe(seen.append)
    subscription = connectable.connect()
    source.on_next(solve())
    assert len(seen) == 1
    assert subscription is not None
    subscription.dispose()
    assert source.observers == []


def test_dispose_and_ends_detach_it_from_its_source():
    source: Subject[int] = Subject()
    guarded = Composed(source)
    guarded.subscribe(print).dispose()
    guarded.take(1).subscribe(lambda _: None)
    guarded.map(bug).subscribe(print)
    guarded.map(bug).subscribe(print, lambda _: None)
    assert len(source.observers) == 3
    source.on_next(1)
    assert source.observers == []


def test_nothing_comes_after_the_end():
    source: Subject[int] = Subject()
    seen: list[Any] = []
    Composed(source).map(lambda item: 1 / item).subscribe(
        seen.append, lambda error: seen.append(type(error)), lambda: seen.append("completed")
    )
    for item in (1, 0, 1):
        source.on_next(item)
    source.on_completed()
    assert seen == [1.0, ZeroDivisionError]


def test_an_operators_clean_up_that_raises_is_reported(errors):
    source: Subject[int] = Subject()
    completed: list[bool] = []
    Composed(source).finally_action(bug).subscribe(print, on_completed=lambda: completed.append(True))
    source.on_completed()
    assert completed == [True]
    assert errors()
