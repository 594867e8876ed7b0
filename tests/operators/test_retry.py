"""`retry_with_backoff`, in virtual time."""

from __future__ import annotations

import logging
import sys
import threading
import tracemalloc
from functools import partial

import pytest
import reactivex
from reactivex import Observable, abc
from reactivex import operators as ops
from reactivex.disposable import Disposable
from reactivex.internal import DisposedException
from reactivex.scheduler import EventLoopScheduler
from reactivex.subject import Subject
from reactivex.testing import TestScheduler

from ctfy_rx.errors import ConfigurationError, ConnectionFailed, HttpError, NotAnEventStream
from ctfy_rx.operators import retry_with_backoff
from ctfy_rx.reconnect import RETRY_CEILING, RETRY_FLOOR, Session
from ctfy_rx.status import Connecting, Gap, Open, Status, Waiting

from ..support.clocks import SetBack
from ..support.marbles import Marbles
from ..support.threads import started
from ..support.waiting import PATIENCE

retry = partial(retry_with_backoff, jitter=0)


class Resumable(Observable[str]):
    """A source with sessions: each connection is a function of the session that says what comes."""

    def __init__(self, *connections) -> None:
        super().__init__()
        self.connections = connections
        self.sessions: list[Session] = []
        self.resumed_from: list[str] = []

    def session(self) -> Session:
        self.sessions.append(Session())
        return self.sessions[-1]

    def connect(self, session: Session) -> Observable[str]:
        remaining = iter(self.connections)

        def connection(_) -> Observable[str]:
            self.resumed_from.append(session.last_event_id)
            return next(remaining, lambda _: reactivex.never())(session)

        return reactivex.defer(connection)


def raising(_: object) -> None:
    raise ConnectionError("a bug of the subscriber")  # of a kind that would be retried


def failing(error: Exception, subscriptions: list[float]) -> Observable[str]:
    """Fails inside subscribe."""

    def subscribe(observer, scheduler=None) -> abc.DisposableBase:
        subscriptions.append(1)
        observer.on_error(error)
        return Disposable()

    return Observable(subscribe)


def stack_depth() -> int:
    frame, depth = sys._getframe(), 0
    while frame := frame.f_back:
        depth += 1
    return depth


# The delays


def test_what_comes_before_and_after_a_loss_is_one_stream():
    m = Marbles()
    source = m.connections(
        "^-a--b--#",
        "         -c---d--#",
        "                  -e-----",
    )
    seen = m.watch(source.pipe(retry()))
    m.run()
    expected = "--a--b----c---d----e-----"
    assert seen.messages == m.read(expected)
    assert source.opened == source.drawn


def test_the_delay_doubles_up_to_the_maximum():
    m = Marbles()
    source = m.connections(*["#"] * 9)
    m.watch(source.pipe(retry()))
    m.run()
    delays = [later - earlier for earlier, later in zip(source.opened, source.opened[1:], strict=False)]
    assert delays == [1, 2, 4, 8, 16, 30, 30, 30, 30]


def test_initial_factor_and_maximum_shape_the_delays():
    m = Marbles()
    source = m.connections(*["#"] * 5)
    m.watch(source.pipe(retry(2, 100, 3)))
    m.run()
    assert source.opened == [0, 2, 8, 26, 80, 180]


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 10), (0.5, 7.5), (1.0, 5)])
def test_chance_takes_off_no_more_than_the_share_that_jitter_names(chance, delay):
    m = Marbles()
    source = m.connections("#")
    m.watch(source.pipe(retry_with_backoff(10, jitter=0.5, random=lambda: chance)))
    m.run()
    assert source.opened == [0, delay]


def test_a_connection_that_lasted_and_broke_is_reopened_after_the_initial_delay():
    m = Marbles()
    source = m.connections("#", " #", "   a---------#", "              -")
    m.watch(source.pipe(retry(reset_after=10)))
    m.run()
    assert source.opened == source.drawn


def test_a_connection_that_broke_too_soon_does_not_reset_the_delay():
    m = Marbles()
    source = m.connections("#", " #", "   a#", "        -")
    m.watch(source.pipe(retry(reset_after=10)))
    m.run()
    assert source.opened == source.drawn


def test_uptime_counts_from_the_moment_of_opening():
    def slow_to_open(session: Session) -> Observable[str]:
        m.at(9, session.on_open)
        return m.cold("------------#")

    m = Marbles()
    source = Resumable(slow_to_open)
    seen: list[Status] = []
    m.watch(source.pipe(retry(reset_after=10, on_status=seen.append)))
    m.run()
    assert seen[2] == Waiting(1.0, m.error, attempt=2)


def test_a_server_that_answers_and_closes_each_time_is_left_alone_longer_and_longer():
    m = Marbles()
    source = m.connections(*["-|"] * 5)
    m.watch(source.pipe(retry(reset_after=10)))
    m.run()
    assert source.opened == [0, 1 + 1, 2 + 1 + 2, 5 + 1 + 4, 10 + 1 + 8, 19 + 1 + 16]


def test_a_server_that_rotates_its_connections_is_reopened_after_the_initial_delay_each_time():
    m = Marbles()
    source = m.connections("a--|", "    b--|", "        c--|", "            d--")
    seen = m.watch(source.pipe(retry(max_attempts=2)))
    m.run()
    assert seen.messages == m.read("a---b---c---d--")


@pytest.mark.parametrize("end", ["|", "#"])
def test_the_wait_for_headers_is_time_open(end):
    """A server that sends its headers with its first event, and has none."""

    def silent(session: Session) -> Observable[str]:
        m.at(m.now + 1, session.on_accepted)
        return m.cold("-----------" + end)

    m = Marbles()
    source = Resumable(*[silent] * 4)
    told: list[Status] = []
    m.watch(source.pipe(retry(reset_after=10, max_attempts=2, on_status=told.append)))
    m.run()
    assert [status.delay for status in told if isinstance(status, Waiting)] == [1, 1, 1, 1]


def refused(status: int) -> HttpError:
    return HttpError("no", status=status)


@pytest.mark.parametrize(("status", "delays"), [(503, [1, 2, 4]), (504, [1, 1, 1])])
def test_a_refusal_was_never_open_however_long_it_took_but_a_gateway_speaks_for_itself(status, delays):
    def slow(session: Session) -> Observable[str]:
        session.on_accepted()
        return m.cold("------------#")

    m = Marbles(error=refused(status))
    told: list[Status] = []
    m.watch(Resumable(*[slow] * 3).pipe(retry(reset_after=10, on_status=told.append)))
    m.run()
    assert [status.delay for status in told if isinstance(status, Waiting)] == delays


def test_no_initial_delay_stays_none_however_often_it_fails():
    subscriptions: list[float] = []
    m = Marbles()
    source = failing(m.error, subscriptions).pipe(retry(0, max_attempts=2000))
    m.watch(source)
    m.run(100)
    assert len(subscriptions) == 2000


# What the server asks for


def asking(retry_seconds: float) -> Resumable:
    def connection(session: Session) -> Observable[str]:
        session.retry = retry_seconds
        return reactivex.throw(ConnectionFailed("lost"))

    return Resumable(connection, connection)


def test_a_clean_close_that_asks_for_a_wait_is_no_failure_and_holds_for_its_own_connection_alone():
    def closes(session: Session) -> Observable[str]:
        return m.cold("-|")

    def asks_and_closes(session: Session) -> Observable[str]:
        session.retry = 3.0
        return m.cold("-|")

    m = Marbles()
    told: list[Status] = []
    source = Resumable(asks_and_closes, asks_and_closes, asks_and_closes, closes, closes)
    m.watch(source.pipe(retry(on_status=told.append)))
    m.run()
    assert [status.delay for status in told if isinstance(status, Waiting)] == [3, 3, 3, 3, 6]


@pytest.mark.parametrize(
    ("asked", "honoured"), [(5.0, 5.0), (0.05, RETRY_FLOOR), (1e9, 30.0), (0.0, RETRY_FLOOR)]
)
def test_retry_is_honoured_between_its_floor_and_the_maximum(asked, honoured):
    seen: list[Status] = []
    m = Marbles()
    m.watch(asking(asked).pipe(retry(on_status=seen.append)))
    m.run()
    assert seen[1].delay == honoured


def test_retry_grows_while_it_keeps_failing():
    seen: list[Status] = []
    m = Marbles()
    m.watch(asking(5).pipe(retry(on_status=seen.append)))
    m.run()
    assert [status.delay for status in seen if isinstance(status, Waiting)] == [5, 10]


def test_nobody_comes_back_earlier_than_retry_asks():
    seen: list[Status] = []
    m = Marbles()
    m.watch(asking(4).pipe(retry_with_backoff(jitter=0.5, random=lambda: 1.0, on_status=seen.append)))
    m.run()
    assert [status.delay for status in seen if isinstance(status, Waiting)] == [6, 12]


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 20), (0.5, 25), (1.0, 30)])
def test_retry_after_takes_the_place_of_the_delay_with_chance_on_top(chance, delay):
    m = Marbles(error=HttpError("busy", status=503, retry_after=20.0))
    source = m.connections("#")
    m.watch(source.pipe(retry_with_backoff(jitter=0.5, random=lambda: chance)))
    m.run()
    assert source.opened == [0, delay]


@pytest.mark.parametrize(("asked", "honoured"), [(0.0, RETRY_FLOOR), (1e9, RETRY_CEILING)])
def test_retry_after_keeps_to_floor_and_ceiling(asked, honoured):
    m = Marbles(error=HttpError("busy", status=503, retry_after=asked))
    source = m.connections("#")
    m.watch(source.pipe(retry()))
    m.run()
    assert source.opened == [0, honoured]


# Giving up


def test_after_max_attempts_connections_that_came_to_nothing_the_last_real_error_comes_out():
    m = Marbles()
    source = m.connections("#", " #", "   #")
    seen = m.watch(source.pipe(retry(max_attempts=3)))
    m.run()
    assert seen.messages == m.read("---#")
    assert source.opened == source.drawn


def test_clean_closes_in_between_do_not_hide_the_real_error():
    m = Marbles()
    source = m.connections("#", " -|", "    -|")
    seen = m.watch(source.pipe(retry(max_attempts=3)))
    m.run()
    assert seen.messages == m.read("-----#")


def test_clean_closes_alone_give_up_with_an_error_that_says_so():
    m = Marbles()
    seen = m.watch(m.connections("-|", "  -|").pipe(retry(max_attempts=2)))
    m.run()
    error = seen.messages[-1].value.exception
    assert isinstance(error, ConnectionFailed)
    assert str(error) == "the server closed 2 connections in a row without sending an event"


def test_an_error_of_before_a_long_connection_is_not_what_it_gives_up_with():
    m = Marbles(error=ConnectionFailed("of last week"))
    source = m.connections("#", " a---------|", "            -|", "              -|")
    seen = m.watch(source.pipe(retry(reset_after=10, max_attempts=2)))
    m.run()
    assert "without sending an event" in str(seen.messages[-1].value.exception)


def test_max_attempts_counts_anew_after_a_connection_that_lasted():
    m = Marbles()
    source = m.connections("#", " a---------#", "            #", "              #")
    seen = m.watch(source.pipe(retry(reset_after=10, max_attempts=2)))
    m.run()
    assert seen.messages == m.read("-a------------#")


def test_connections_that_each_deliver_are_never_enough():
    m = Marbles()
    source = m.connections(*["a|"] * 9)
    seen = m.watch(source.pipe(retry(1, max_attempts=1)), "^----------------!")
    m.run()
    assert seen.messages == m.read("a-a-a-a-a-a-a-a-a")


@pytest.mark.parametrize(
    "error",
    [
        NotAnEventStream("a login page", status=200),
        HttpError("gone", status=410),
        ConfigurationError("no"),
        ValueError("no"),
    ],
)
def test_an_error_that_would_not_go_away_passes_at_once(error):
    m = Marbles(error=error)
    source = m.connections("--a--#")
    seen = m.watch(source.pipe(retry()))
    m.run()
    assert seen.messages == m.read("--a--#")
    assert source.opened == [0]


def test_retry_if_decides():
    m = Marbles(error=ValueError("again, please"))
    source = m.connections("#", " a")
    seen = m.watch(source.pipe(retry(retry_if=lambda error: isinstance(error, ValueError))))
    m.run()
    assert seen.messages == m.read("-a")


def test_what_retry_if_raises_ends_the_stream():
    broken = RuntimeError("retry_if is broken")

    def retry_if(_: Exception) -> bool:
        raise broken

    m = Marbles()
    seen = m.watch(m.connections("#").pipe(retry(retry_if=retry_if)))
    m.run()
    assert [record.value.exception for record in seen.messages] == [broken]


@pytest.mark.parametrize(
    "options",
    [
        {"initial": -1},
        {"maximum": -1},
        {"factor": 0.5},
        {"jitter": 1.1},
        {"jitter": -0.1},
        {"reset_after": -1},
        {"max_attempts": 0},
    ],
)
def test_numbers_without_a_meaning_are_refused(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        retry_with_backoff(**options)


# Loops, not recursion


def test_a_source_that_fails_inside_subscribe_is_tried_again():
    subscriptions: list[float] = []
    m = Marbles()
    m.watch(failing(m.error, subscriptions).pipe(retry(1, 1, max_attempts=11)))
    m.run()
    assert len(subscriptions) == 11


def test_a_source_that_completes_inside_subscribe_is_subscribed_again():
    m = Marbles()
    seen = m.watch(reactivex.of("a").pipe(retry(1, 1)), "^---!")
    m.run()
    assert seen.messages == m.read("aaaa")


@pytest.mark.parametrize("many", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_many_reconnects_need_no_more_stack_or_memory_than_a_thousand(many: int):
    depths: dict[int, int] = {}
    sizes: dict[int, int] = {}
    attempts = 0

    def subscribe(observer, scheduler=None) -> abc.DisposableBase:
        nonlocal attempts
        attempts += 1
        if attempts in (1_000, many):
            depths[attempts] = stack_depth()
        if attempts == many - 5_000:
            tracemalloc.start(1)  # it slows all down: so not before
        if attempts in (many - 4_900, many):
            sizes[attempts] = tracemalloc.get_traced_memory()[0]
        observer.on_error(ConnectionFailed("lost"))
        return Disposable()

    time = TestScheduler()
    try:
        subscription = Observable(subscribe).pipe(retry(1, 1)).subscribe(scheduler=time)
        time.advance_to(many + 0.5)
    finally:
        tracemalloc.stop()
    subscription.dispose()
    assert attempts == many + 1
    assert depths[many] == depths[1_000]
    assert sizes[many] - sizes[many - 4_900] < 4_900  # less than a byte for each


# Disposing


def test_dispose_while_waiting_cancels_the_next_attempt():
    m = Marbles()
    source = m.connections("--#")
    m.watch(source.pipe(retry(10)), "^----!")
    m.run()
    assert source.opened == [0]
    assert source.closed == [2]


def test_dispose_while_waiting_leaves_no_timer_thread_behind():
    subscription = failing(ConnectionFailed("lost"), []).pipe(retry(600)).subscribe()
    timers = [thread for thread in started("") if isinstance(thread, threading.Timer)]
    subscription.dispose()
    for timer in timers:
        timer.join(PATIENCE)
    assert timers
    assert not any(timer.is_alive() for timer in timers)


def test_dispose_while_connecting_closes_the_source():
    m = Marbles()
    source = m.connections("----------------------a")
    seen = m.watch(source.pipe(retry()), "^----!")
    m.run()
    assert seen.messages == []
    assert source.closed == [5]


def test_dispose_inside_on_next_ends_it():
    m = Marbles()
    source = m.connections("-a-b-#")
    seen = m.watch(source.pipe(retry(), ops.take(1)))
    m.run()
    assert seen.messages == m.read("-(a|)")
    assert (source.opened, source.closed) == ([0], [1])


def test_dispose_when_told_of_the_wait_ends_it():
    m = Marbles()
    source = m.connections("--#")

    def on_status(status: Status) -> None:
        if isinstance(status, Waiting):
            subscription.dispose()

    subscription = source.pipe(retry(on_status=on_status)).subscribe(scheduler=m.time)
    m.run()
    assert source.opened == [0]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_who_ends_the_program_when_told_of_a_status_ends_it(stop: type[BaseException]):
    def on_status(_: Status) -> None:
        raise stop

    with pytest.raises(stop):
        reactivex.never().pipe(retry(on_status=on_status)).subscribe()


def test_an_attempt_that_a_dispose_overtakes_opens_nothing_and_tells_nothing():
    """The timer may fire in its thread at the moment of the dispose."""
    attempts: list[abc.ScheduledAction] = []

    class Overtaken(TestScheduler):
        def schedule_relative(self, duetime, action, state=None):
            attempts.append(action)
            return Disposable()

    subscriptions: list[float] = []
    told: list[Status] = []
    time = Overtaken()
    source = failing(ConnectionFailed("lost"), subscriptions).pipe(
        retry(scheduler=time, on_status=told.append)
    )
    source.subscribe().dispose()
    before = len(told)
    attempts[0](time, None)
    assert len(subscriptions) == 1
    assert len(told) == before


def test_a_connection_that_opens_after_the_dispose_tells_nothing():
    told: list[Status] = []
    source = Resumable()
    source.pipe(retry(on_status=told.append)).subscribe(scheduler=TestScheduler()).dispose()
    source.sessions[0].on_open()
    assert told == [Connecting(1)]


# A subscriber that raises


def test_what_a_subscriber_raises_is_not_retried():
    errors: list[Exception] = []
    source = reactivex.create(lambda observer, _: observer.on_next("a"))
    source.pipe(retry()).subscribe(raising, errors.append, scheduler=TestScheduler())
    assert [str(error) for error in errors] == ["a bug of the subscriber"]


def test_what_a_subscriber_raises_later_is_not_retried():
    """A source that hands on what its observer raised as its own end, as a connection does."""
    m = Marbles()
    opened: list[float] = []

    def subscribe(observer, scheduler=None) -> abc.DisposableBase:
        opened.append(m.now)

        def deliver(*_) -> None:
            try:
                observer.on_next("a")
            except Exception as error:  # noqa: BLE001 - as a connection does
                observer.on_error(error)

        return m.time.schedule_relative(3, deliver)

    errors: list[Exception] = []
    Observable(subscribe).pipe(retry()).subscribe(raising, errors.append, scheduler=m.time)
    m.run()
    assert opened == [0]
    assert [str(error) for error in errors] == ["a bug of the subscriber"]


def test_a_real_loss_is_retried_though_a_subscriber_raised_before():
    """Where the source kept to itself what the subscriber raised."""
    m = Marbles()
    subscriptions: list[float] = []

    def subscribe(observer, scheduler=None) -> abc.DisposableBase:
        subscriptions.append(m.now)
        with pytest.raises(ConnectionError):
            observer.on_next("a")
        observer.on_error(m.error)
        return Disposable()

    errors: list[Exception] = []
    Observable(subscribe).pipe(retry()).subscribe(raising, errors.append, scheduler=m.time)
    m.run(1)
    assert subscriptions == [0, 1]
    assert not errors


def test_a_loss_inside_a_callback_is_retried():
    m = Marbles()
    source: Subject[str] = Subject()
    attempts = iter([source, reactivex.of("back"), reactivex.never()])
    seen: list[str] = []

    def on_next(item: str) -> None:
        seen.append(item)
        if item == "a":
            source.on_error(m.error)

    reactivex.defer(lambda _: next(attempts)).pipe(retry()).subscribe(on_next, scheduler=m.time)
    source.on_next("a")
    m.run(1)
    assert seen == ["a", "back"]


# Sessions and subscribers


def test_the_last_event_id_and_retry_survive_a_reconnect():
    def first(session: Session) -> Observable[str]:
        session.on_open()
        session.last_event_id, session.retry = "41", 7.0
        return m.cold("-a-#")

    def second(session: Session) -> Observable[str]:
        session.on_open()
        return m.cold("b")

    m = Marbles()
    source = Resumable(first, second)
    told: list[Status] = []
    seen = m.watch(source.pipe(retry(on_status=told.append)))
    m.run()
    assert seen.messages == m.read("-a--------b")
    assert source.resumed_from == ["", "41"]
    assert len(source.sessions) == 1


def test_a_gap_is_told_also_where_the_server_was_asked_to_go_on_and_says_so():
    """Many servers give ids, and have nothing to replay."""

    def first(session: Session) -> Observable[str]:
        session.on_open()
        session.last_event_id = "41"
        return m.cold("-#")

    def second(session: Session) -> Observable[str]:
        session.on_open()
        return reactivex.never()

    m = Marbles()
    told: list[Status] = []
    m.watch(Resumable(first, second).pipe(retry(on_status=told.append)))
    m.run()
    assert told == [
        Connecting(1),
        Open(),
        Waiting(1.0, m.error, attempt=2),
        Connecting(2),
        Open(),
        Gap(1.0, resumable=True),
    ]


@pytest.mark.parametrize(("says", "gaps"), [(True, []), (False, [Gap(1.0)])])
def test_a_server_that_says_whether_it_goes_on_is_believed(says, gaps):
    def first(session: Session) -> Observable[str]:
        session.on_open()
        session.last_event_id = "41"
        return m.cold("-#")

    def second(session: Session) -> Observable[str]:
        session.resumes = says
        session.on_open()
        return reactivex.never()

    m = Marbles()
    told: list[Status] = []
    m.watch(Resumable(first, second).pipe(retry(on_status=told.append)))
    m.run()
    assert [status for status in told if isinstance(status, Gap)] == gaps


def test_a_connection_that_waited_for_its_headers_until_the_end_leaves_a_gap():
    def without_headers(session: Session) -> Observable[str]:
        session.on_accepted()
        return m.cold("--#")

    def with_its_first_event(session: Session) -> Observable[str]:
        session.on_accepted()
        m.at(m.now + 5, session.on_open)
        return m.cold("-----a")

    m = Marbles()
    told: list[Status] = []
    source = Resumable(without_headers, with_its_first_event)
    m.watch(source.pipe(retry(on_status=told.append)))
    m.run()
    assert [status for status in told if isinstance(status, Gap)] == [Gap(6.0)]


def test_a_server_that_refused_and_then_opens_leaves_no_gap():
    def refuses(session: Session) -> Observable[str]:
        session.on_accepted()
        return reactivex.throw(refused(503))

    def opens(session: Session) -> Observable[str]:
        session.on_open()
        return reactivex.never()

    m = Marbles()
    told: list[Status] = []
    m.watch(Resumable(refuses, opens).pipe(retry(on_status=told.append)))
    m.run()
    assert told[-1] == Open()


def test_a_wall_clock_that_is_set_back_changes_no_gap_and_no_uptime():
    told: list[Status] = []
    reopened = threading.Event()
    attempts = iter([reactivex.of("a"), reactivex.of("b"), reactivex.never()])

    def on_next(item: str) -> None:
        if item == "b":
            reopened.set()

    source = reactivex.defer(lambda _: next(attempts)).pipe(
        retry(0.001, scheduler=SetBack(), on_status=told.append)
    )
    subscription = source.subscribe(on_next)
    assert reopened.wait(PATIENCE)
    subscription.dispose()
    [gap] = [status for status in told if isinstance(status, Gap)]
    assert 0 < gap.seconds < PATIENCE


def test_each_subscriber_has_a_session_of_its_own():
    source = Resumable()
    retried = source.pipe(retry())
    retried.subscribe()
    retried.subscribe()
    assert len(source.sessions) == 2


def test_each_subscriber_counts_its_own_failures():
    m = Marbles()
    source = m.connections(
        "#",
        " #",
        "   #",
        "       -",  # of the first, after 1 + 2 + 4 s
        "          #",
        "           -",  # of the second, after 1 s
    )
    retried = source.pipe(retry())
    m.watch(retried, "^")
    m.watch(retried, "          ^")
    m.run()
    assert source.opened == source.drawn


# Status


def test_the_statuses_tell_the_life_of_the_connections():
    m = Marbles()
    told: list[tuple[float, Status]] = []
    source = m.connections("#", " --a--#", "       a---|", "            --")
    m.watch(source.pipe(retry(on_status=lambda status: told.append((m.now, status)))))
    m.run()
    assert told == [
        (0, Connecting(1)),
        (0, Waiting(1.0, m.error, attempt=2)),
        (1, Connecting(2)),
        (3, Open()),
        (6, Waiting(1.0, m.error, attempt=2)),
        (7, Connecting(2)),
        (7, Open()),
        (7, Gap(1.0)),
        (11, Waiting(1.0, None, attempt=1)),
        (12, Connecting(1)),
    ]
    assert source.opened == source.drawn


def test_the_gap_counts_from_the_loss_through_all_attempts_in_vain():
    m = Marbles()
    told: list[Status] = []
    source = m.connections("a-#", "   #", "     ---a")
    m.watch(source.pipe(retry(on_status=told.append)))
    m.run()
    assert [status for status in told if isinstance(status, Gap)] == [Gap(6.0)]


def test_on_status_that_raises_is_reported_and_hurts_nothing(caplog):
    def on_status(status: Status) -> None:
        raise RuntimeError("on_status is broken")

    m = Marbles()
    source = m.connections("#", " a")
    seen = m.watch(source.pipe(retry(on_status=on_status)))
    with caplog.at_level(logging.ERROR, "ctfy_rx"):
        m.run()
    assert seen.messages == m.read("-a")
    assert caplog.records
    assert all(record.name == "ctfy_rx" and record.exc_info for record in caplog.records)


# Schedulers


def test_the_scheduler_of_the_subscription_reaches_the_source_at_each_attempt():
    m = Marbles()
    source = m.connections("#", " #")
    m.watch(source.pipe(retry()))
    m.run()
    assert source.schedulers == [m.time] * 3


def test_the_scheduler_option_gives_the_time_and_nothing_else():
    m = Marbles()
    source = m.connections("#", " #")
    source.pipe(retry(scheduler=m.time)).subscribe()
    m.run()
    assert source.opened == [0, 1, 3]
    assert source.schedulers == [None] * 3


def test_without_a_scheduler_a_timer_thread_waits():
    reopened = threading.Event()
    attempts = iter([reactivex.throw(ConnectionFailed("lost")), reactivex.of("back"), reactivex.never()])
    subscription = (
        reactivex.defer(lambda _: next(attempts)).pipe(retry(0.001)).subscribe(lambda _: reopened.set())
    )
    assert reopened.wait(PATIENCE)
    subscription.dispose()


class Clock(TestScheduler):
    """Virtual time whose `immediate` first waits are over before `schedule_relative` returns."""

    def __init__(self, immediate: int) -> None:
        super().__init__()
        self.immediate = immediate

    def schedule_relative(self, duetime, action, state=None):
        if self.immediate:
            self.immediate -= 1
            action(self, state)
            return Disposable()
        return super().schedule_relative(duetime, action, state)


def test_a_wait_that_is_over_at_once_leaves_the_next_one_alone():
    clock = Clock(immediate=1)
    attempts: list[str] = []

    def fail(*_: object) -> Observable[str]:
        attempts.append("attempt")
        return reactivex.throw(ConnectionError())

    reactivex.defer(fail).pipe(retry(scheduler=clock)).subscribe(on_error=pytest.fail)
    assert len(attempts) == 2
    clock.advance_by(2.0)
    assert len(attempts) == 3


def test_a_scheduler_that_is_gone_ends_the_stream_with_its_error():
    gone = EventLoopScheduler()
    gone.dispose()
    errors: list[Exception] = []
    reactivex.throw(ConnectionError()).pipe(retry(scheduler=gone)).subscribe(on_error=errors.append)
    assert [type(error) for error in errors] == [DisposedException]
