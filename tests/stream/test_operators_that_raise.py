"""A function of an operator that raises ends its subscription, as in Rx; whoever stopped hearing is told."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
import reactivex
from reactivex import Observable, Subject
from reactivex import operators as ops
from reactivex.scheduler import EventLoopScheduler, NewThreadScheduler, ThreadPoolScheduler

import ctfy_rx
from ctfy_rx import Clock, EventStream, SubscriberFailed
from ctfy_rx import operators as op
from ctfy_rx.demo.running import Platform
from ctfy_rx.testing import announcement, solve, wrong

from ..support.logs import our_errors
from ..support.servers import CLOSE_DELIMITED, Server, frame, sends
from ..support.waiting import Background, until

Use = Callable[[EventStream], Observable[Any]]


class AppError(Exception):
    """Of the app."""


def bug(*_: object) -> Any:
    raise AppError("of the app")


def decoded_by_hand() -> Callable[[Observable[Any]], Observable[Any]]:
    """An operator as reactivex's documentation writes them."""

    def apply(source: Observable[Any]) -> Observable[Any]:
        def subscribe(observer: Any, scheduler: Any = None) -> Any:
            return source.subscribe(
                lambda event: observer.on_next(bug(event)),
                observer.on_error,
                observer.on_completed,
                scheduler=scheduler,
            )

        return reactivex.create(subscribe)

    return apply


FLUENT: dict[str, Use] = {
    "all": lambda s: s.all(bug),
    "burst": lambda s: s.burst(2, 60, of="flag_*", key=bug),
    "concat_map": lambda s: s.concat_map(bug),
    "contains": lambda s: s.contains(1, bug),
    "count": lambda s: s.count(bug),
    "delay_with_mapper": lambda s: s.delay_with_mapper(bug),
    "distinct": lambda s: s.distinct(bug),
    "distinct_by": lambda s: s.distinct_by(bug),
    "distinct_until_changed": lambda s: s.distinct_until_changed(bug),
    "do_action": lambda s: s.do_action(bug),
    "filter": lambda s: s.filter(bug),
    "filter_indexed": lambda s: s.filter_indexed(bug),
    "find": lambda s: s.find(bug),
    "first": lambda s: s.first(bug),
    "flat_map": lambda s: s.flat_map(bug),
    "flat_map_to_no_observable": lambda s: s.flat_map(lambda _: 3),
    "group_by": lambda s: s.group_by(bug),
    "group_by_an_unhashable_key": lambda s: s.group_by(lambda event: event.data),
    "last": lambda s: s.last(bug),
    "map": lambda s: s.map(bug),
    "map_indexed": lambda s: s.map_indexed(bug),
    "map_then_keep": lambda s: s.map(lambda event: event.event).filter(bug),
    "partition": lambda s: s.partition(bug)[0],
    "publish_with_ref_count": lambda s: s.map(bug).publish().ref_count(),
    "scan": lambda s: s.scan(bug, 0),
    "share": lambda s: s.map(bug).share(),
    "single": lambda s: s.single(bug),
    "skip_while": lambda s: s.skip_while(bug),
    "some": lambda s: s.some(bug),
    "starmap": lambda s: s.map(lambda event: (event,)).starmap(bug),
    "switch_map": lambda s: s.switch_map(bug),
    "take_while": lambda s: s.take_while(bug),
    "take_while_indexed": lambda s: s.take_while_indexed(bug),
    "throttle_with_mapper": lambda s: s.throttle_with_mapper(bug),
    "to_dict": lambda s: s.to_dict(bug),
    "with_the_domains": lambda s: s.of_event("flag_*").filter(bug).where(challenge_id="pwn-1").take(1),
}

PIPED: dict[str, Use] = {
    "an_operator_of_ones_own": lambda s: s.pipe(decoded_by_hand()),
    "an_operator_of_ones_own_behind_others": lambda s: s.pipe(ops.skip(0), decoded_by_hand(), ops.skip(0)),
    "burst": lambda s: s.pipe(op.burst(2, 60, of="flag_*", key=bug)),
    "distinct_by": lambda s: s.pipe(op.distinct_by(bug)),
    "filter": lambda s: s.pipe(ops.filter(bug)),
    "first_bloods": lambda s: s.pipe(op.first_bloods(seed=bug)),
    "flat_map": lambda s: s.pipe(ops.flat_map(bug)),
    "group_by_an_unhashable_key": lambda s: s.pipe(ops.group_by(lambda event: event.data)),
    "map": lambda s: s.pipe(ops.map(bug)),
    "map_then_share": lambda s: s.pipe(ops.map(bug), op.share()),
    "of_event_then_map": lambda s: s.pipe(op.of_event("flag_*"), ops.map(bug), ops.filter(bool)),
    "piped_again": lambda s: s.pipe(ops.skip(0)).pipe(ops.map(bug)),
    "scan": lambda s: s.pipe(ops.scan(bug, 0)),
    "starmap": lambda s: s.pipe(ops.map(lambda event: (event,)), ops.starmap(bug)),
    "take_while": lambda s: s.pipe(ops.take_while(bug)),
}

BY_HAND: dict[str, Use] = {
    "map": ops.map(bug),
    "map_behind_a_stream": lambda s: ops.map(bug)(s.filter(bool)),
    "merge": lambda s: reactivex.merge(s, reactivex.never()).pipe(ops.map(bug)),
    "combine_latest": lambda s: reactivex.combine_latest(s, reactivex.of(1)).pipe(ops.starmap(bug)),
    "over_another_stream": lambda s: ops.filter(bug)(s.alerts().merge(s)),
}

USES = {
    **{f"fluent {name}": use for name, use in FLUENT.items()},
    **{f"piped {name}": use for name, use in PIPED.items()},
    **{f"by hand {name}": use for name, use in BY_HAND.items()},
}
every_use = pytest.mark.parametrize("use", USES.values(), ids=list(USES))


class Fixed:
    """A stream of what the test says, with all that is told of it."""

    def __init__(self) -> None:
        self.source: Subject[ctfy_rx.Event] = Subject()
        self.stream = EventStream.over(self.source)
        self.told: list[SubscriberFailed] = []
        self.stream.status.subscribe(
            lambda status: self.told.append(status) if isinstance(status, SubscriberFailed) else None
        )

    @property
    def subscribed(self) -> int:
        found = re.search(r"(\d+) subscribed", repr(self.stream))
        assert found is not None
        return int(found[1])

    def say(self, *events: ctfy_rx.Event) -> None:
        for event in events:
            self.source.on_next(event)


@pytest.fixture
def fixed() -> Fixed:
    return Fixed()


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Callable[[], list[logging.LogRecord]]:
    """What was logged at ERROR."""
    caplog.set_level(logging.DEBUG, "ctfy_rx")
    return lambda: our_errors(caplog)


def end(source: Fixed, error: Exception | None = None) -> None:
    """What only an end makes some operators do."""
    source.source.on_error(error) if error else source.source.on_completed()


@every_use
def test_on_error_is_told_once_where_there_is_one_and_nothing_else_is_said(use: Use, fixed, errors):
    heard: list[Exception] = []
    use(fixed.stream).subscribe(lambda _: None, heard.append)
    fixed.say(solve(), solve())
    end(fixed)
    assert len(heard) == 1
    assert fixed.told == []
    assert errors() == []


@every_use
def test_without_one_the_log_and_the_status_tell_once_that_it_has_ended(use: Use, fixed, errors, caplog):
    use(fixed.stream).subscribe(lambda _: None)
    others: list[Any] = []
    fixed.stream.subscribe(others.append)
    fixed.say(solve(), solve(), wrong())
    end(fixed)
    (record,) = errors()
    assert record.name == "ctfy_rx"
    assert "has ended" in record.getMessage()
    assert "give subscribe() an on_error" in record.getMessage()
    assert "goes on" not in caplog.text
    (status,) = fixed.told
    assert str(status).startswith("a subscriber has ended")
    assert len(others) == 3


@every_use
def test_wait_raises_it_when_nobody_is_left(use: Use, fixed):
    use(fixed.stream).subscribe(lambda _: None)
    before = fixed.subscribed
    waiting = [Background(fixed.stream.wait), Background(fixed.stream.of_event("flag_*").skip(0).wait)]
    until(lambda: fixed.subscribed == before + 2)
    fixed.say(solve(), solve())
    for each in waiting:
        with pytest.raises(type(fixed.told[0].cause)):
            each.join()
    with pytest.raises(type(fixed.told[0].cause)):
        fixed.stream.wait()


def test_the_record_names_the_event_and_shows_the_users_own_line(fixed, errors):
    fixed.stream.solves().filter(lambda e: e.payload.solve_time_s < 60).subscribe(print)  # the line
    fixed.say(solve(challenge="pwn-7", solve_time_s=None))
    (record,) = errors()
    message = record.getMessage()
    assert "flag_correct" in message
    assert "TypeError: '<' not supported" in message
    assert "test_operators_that_raise.py:" in message
    assert "fixed.stream.solves().filter(lambda e: e.payload.solve_time_s < 60)" in message
    assert record.exc_info
    (status,) = fixed.told
    assert isinstance(status.cause, TypeError)
    assert status.item.data["challenge_id"] == "pwn-7"
    assert "solve_time_s < 60" in status.line


def test_what_the_domain_refuses_says_itself_what_to_do(p: Platform, errors):
    player = p.players[0]
    with ctfy_rx.events(p.url, token=player.token) as stream:
        stream.shared_flags().subscribe(print)
        with pytest.raises(ctfy_rx.NeedsAdmin):
            stream.wait()
    (record,) = errors()
    assert "needs an administrator's token" in record.getMessage()
    assert "stream.shared_flags().subscribe(print)" in record.getMessage()
    assert record.getMessage().endswith("give subscribe() an on_error")
    assert not record.exc_info


def test_where_no_line_of_the_user_raised_the_one_that_subscribed_is_shown(fixed, errors):
    fixed.stream.map(len).subscribe(print)  # an Event has no len()
    fixed.say(solve())
    assert "fixed.stream.map(len).subscribe(print)" in errors()[0].getMessage()
    assert "flag_correct" in errors()[0].getMessage()


def test_the_event_is_named_though_the_operator_was_given_something_else(fixed):
    fixed.stream.map(lambda event: event.event).filter(bug).subscribe(print)
    fixed.say(solve())
    assert fixed.told[0].item.event == "flag_correct"


def test_what_no_exception_class_is_too_strange_for(fixed, errors):
    class Strange(BaseException):
        pass

    def strange(_: object) -> Any:
        raise Strange

    def cancelled(_: object) -> Any:
        raise asyncio.CancelledError

    heard: list[Exception] = []
    fixed.stream.filter(strange).subscribe(print)
    fixed.stream.map(cancelled).subscribe(print, heard.append)
    others: list[Any] = []
    fixed.stream.subscribe(others.append)
    fixed.say(solve(), solve())
    assert len(others) == 2
    assert "Strange was raised" in str(fixed.told[0])
    assert isinstance(heard[0], Exception)
    assert isinstance(heard[0].__cause__, asyncio.CancelledError)
    assert len(errors()) == 1


def test_wait_goes_on_while_somebody_is_left_and_raises_when_the_last_one_goes(fixed):
    fixed.stream.filter(bug).subscribe(print)
    other = fixed.stream.subscribe(lambda _: None)
    fixed.say(solve())
    assert fixed.stream.wait(0) is False
    waiting = Background(fixed.stream.wait)
    until(lambda: fixed.subscribed == 2)
    other.dispose()
    with pytest.raises(AppError):
        waiting.join()


def test_who_subscribes_anew_after_that_is_waited_for(fixed):
    fixed.stream.filter(bug).subscribe(print)
    fixed.say(solve())
    again = fixed.stream.subscribe(lambda _: None)
    assert fixed.stream.wait(0) is False
    again.dispose()
    assert fixed.stream.wait(0) is False


def test_a_stream_that_was_closed_has_ended_in_order(fixed):
    fixed.stream.filter(bug).subscribe(print)
    fixed.say(solve())
    fixed.stream.close()
    assert fixed.stream.wait() is True


def test_wait_raises_it_though_the_stream_has_completed_since(fixed):
    fixed.stream.filter(bug).subscribe(print)
    fixed.say(solve())
    end(fixed)
    with pytest.raises(AppError):
        fixed.stream.wait()


def test_a_stream_that_fails_is_no_subscribers_failure(fixed, errors):
    fixed.stream.filter(bool).subscribe(print)
    fixed.stream.map(str).subscribe(print)
    ops.map(str)(fixed.stream).subscribe(print)
    end(fixed, ctfy_rx.ConnectionFailed("lost"))
    assert fixed.told == []
    assert len(errors()) == 3
    assert all("did not handle the end of its stream" in each.getMessage() for each in errors())
    with pytest.raises(ctfy_rx.ConnectionFailed):
        fixed.stream.wait()


def test_a_derived_stream_that_refuses_its_subscriber_is_told(fixed):
    timed_out = fixed.stream.pipe(ops.take_until(reactivex.throw(AppError("late"))))
    with pytest.raises(AppError):  # before anything came: whoever subscribes hears it at once
        timed_out.subscribe(print)
    assert fixed.told == []


def test_the_subscriber_of_a_group_ends_alone(fixed, errors):
    seen: list[str] = []

    def begin(group: Any) -> None:
        group.pipe(ops.map(bug if group.key == "flag_wrong" else lambda event: event.event)).subscribe(
            seen.append
        )

    fixed.stream.group_by(lambda event: event.event).subscribe(begin)
    fixed.say(wrong(), solve(), wrong(), solve())
    assert seen == ["flag_correct"] * 2
    assert len(fixed.told) == len(errors()) == 1


def test_the_docstrings_own_example_on_a_real_connection(errors):
    solves = frame("flag_correct", '{"solve_time_s": 50.0}') + frame("flag_correct", '{"solve_time_s": null}')
    with Server(sends(CLOSE_DELIMITED, solves, stay=True)) as server:
        stream = ctfy_rx.events(f"{server.url}/events")
        told: list[ctfy_rx.Status] = []
        stream.status.subscribe(told.append)
        seen: list[float] = []
        stream.filter(lambda e: e.payload.solve_time_s < 60).subscribe(
            lambda e: seen.append(e.payload.solve_time_s)
        )
        with pytest.raises(TypeError):
            stream.wait()
        assert seen == [50.0]
        until(lambda: stream.status.current.state == "idle")  # nobody is left, so nothing is open
        assert [type(status) for status in told if isinstance(status, SubscriberFailed)] == [SubscriberFailed]
        assert len(errors()) == 1


@pytest.mark.parametrize(
    "derived",
    [
        lambda stream: stream.alerts(),
        lambda stream: stream.announcements(),
        lambda stream: stream.first_bloods(),
        lambda stream: stream.shared_flags(),
        lambda stream: stream.named(),
        lambda stream: stream.mine(),
        lambda stream: stream.buffered(),
        lambda stream: stream.solves(),
    ],
)
def test_behind_each_stream_of_the_domain_it_is_told(derived, p: Platform, errors):
    with ctfy_rx.events(p.url, token=p.admin_token) as stream:
        derived(stream).merge(stream.of_event("announcement_created")).filter(bug).subscribe(print)
        waiting = Background(stream.wait)
        stream.opened().wait()
        p.announce("hello")
        with pytest.raises(AppError):
            waiting.join()
        assert [each.getMessage() for each in errors() if "has ended" in each.getMessage()]


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda stream: stream.rate(1, every=0.01), "map"),
        (lambda stream: stream.scoreboard(), "map"),
    ],
)
def test_behind_what_is_no_event_it_is_told_too(make, what, p: Platform, errors):
    with ctfy_rx.events(p.url, token=p.admin_token) as stream:
        told: list[ctfy_rx.Status] = []
        stream.status.subscribe(told.append)
        getattr(make(stream), what)(bug).subscribe(print)
        until(lambda: any(isinstance(status, SubscriberFailed) for status in told))
        with pytest.raises(AppError):
            stream.wait()
        assert "goes on" not in "".join(each.getMessage() for each in errors())


@pytest.mark.parametrize("use", [FLUENT["filter"], PIPED["map"], BY_HAND["map"]])
def test_on_an_event_loop_it_is_told_too(use, p: Platform, errors):
    async def main() -> list[SubscriberFailed]:
        async with ctfy_rx.events(p.url, token=p.admin_token) as stream:
            told: list[SubscriberFailed] = []
            stream.status.subscribe(lambda status: told.append(status) if status.state[:3] == "sub" else None)
            events = aiter(stream)  # the loop reads
            use(stream).subscribe(print)
            await stream.opened()
            p.announce("hello")
            await anext(events)
            return told

    (status,) = asyncio.run(main())
    assert isinstance(status.cause, AppError)
    assert len(errors()) == 1


@pytest.mark.parametrize("scheduler", [Clock, EventLoopScheduler, NewThreadScheduler, ThreadPoolScheduler])
def test_behind_a_hand_over_to_another_thread_it_is_told_too(scheduler, fixed, errors):
    fixed.stream.observe_on(scheduler()).filter(bug).subscribe(print)
    fixed.stream.pipe(ops.observe_on(scheduler()), ops.map(bug)).subscribe(print)
    waiting = Background(fixed.stream.wait)
    until(lambda: fixed.subscribed == 3)
    fixed.say(announcement())
    with pytest.raises(AppError):
        waiting.join()
    until(lambda: len(fixed.told) == 2)
    assert len(errors()) == 2


def test_a_recording_is_one_more_source(tmp_path, errors):
    with ctfy_rx.EventStream.over(reactivex.of(solve(), wrong())).record(
        tmp_path / "day1.jsonl"
    ) as recording:
        recording.wait()
    replayed = ctfy_rx.replay(tmp_path / "day1.jsonl", speed=None)
    heard: list[Any] = []
    replayed.filter(bug).subscribe(heard.append)
    until(errors)
    with pytest.raises(AppError):
        replayed.wait()
    assert heard == []
    assert len(errors()) == 1


def test_a_subscriber_of_the_status_that_ends_is_told(fixed, errors):
    fixed.stream.status.filter(bug).subscribe(print)
    (status,) = fixed.told
    assert isinstance(status.cause, AppError)
    assert len(errors()) == 1
    assert "goes on" not in errors()[0].getMessage()


def test_a_shared_source_without_a_stream_says_that_its_subscriber_has_ended(errors, caplog):
    source: Subject[int] = Subject()
    shared = source.pipe(op.share())
    seen: list[int] = []
    shared.pipe(ops.map(bug)).subscribe(print)
    ops.map(bug)(shared).subscribe(print)
    shared.subscribe(seen.append)
    source.on_next(1)
    source.on_next(2)
    assert seen == [1, 2]
    assert len(errors()) == 2
    assert all("has ended" in each.getMessage() for each in errors())
    assert "goes on" not in caplog.text
