"""`share`, in virtual time: one subscription for many."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from typing import Any

import pytest
import reactivex
from reactivex import Observable, Observer, abc
from reactivex import operators as ops
from reactivex.disposable import Disposable
from reactivex.subject import Subject
from reactivex.testing import TestScheduler

from ctfy_rx.delivery.hub import Hub
from ctfy_rx.delivery.interests import Member, Routes
from ctfy_rx.delivery.iterators import to_iter
from ctfy_rx.errors import StreamClosed
from ctfy_rx.operators import share
from ctfy_rx.operators.share import Shared
from ctfy_rx.threads import process

from ..support.marbles import Marbles


class Source(Observable[str]):
    """Says what it is told to say, to the newest connection."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = 0
        self.closed = 0
        self._observer: abc.ObserverBase[str] | None = None

    def _subscribe_core(self, observer: abc.ObserverBase[str], scheduler: Any = None) -> abc.DisposableBase:
        self.opened += 1
        self._observer = observer

        def close() -> None:
            self.closed += 1

        return Disposable(close)

    def say(self, *items: str) -> None:
        for item in items:
            self._observer.on_next(item)

    def end(self, error: Exception | None = None) -> None:
        self._observer.on_error(error) if error else self._observer.on_completed()


class Listener:
    """Writes down what it hears, and then does what it was told to do at an item."""

    def __init__(self, source: Observable[str], **at: Callable[[], object]) -> None:
        self.heard: list[str] = []
        self._at = at
        self.subscription = source.subscribe(self._on_next, self._on_error, lambda: self.heard.append("|"))

    def _on_next(self, item: str) -> None:
        self.heard.append(item)
        self._at.get(item, lambda: None)()

    def _on_error(self, error: Exception) -> None:
        self.heard.append(f"#{error}")

    def leave(self) -> None:
        self.subscription.dispose()


def raising() -> None:
    raise RuntimeError("a bug of the subscriber")


# One subscription, counted


def test_subscribers_share_one_subscription_and_late_ones_start_now():
    m = Marbles()
    source = m.hot("-a-b-c-d-e-")
    shared = source.pipe(share())
    first_ = m.watch(shared, "^-----!")
    first = "-a-b-c"
    second_ = m.watch(shared, "----^---!")
    second = "-----c-d"
    m.run()
    assert first_.messages == m.read(first)
    assert second_.messages == m.read(second)
    assert [(each.subscribe, each.unsubscribe) for each in source.subscriptions] == [(0, 8)]


def test_the_last_one_out_closes_it_and_the_next_one_opens_it_again():
    source = Source()
    shared = source.pipe(share())
    first, second = Listener(shared), Listener(shared)
    first.leave()
    assert (source.opened, source.closed) == (1, 0)
    second.leave()
    assert (source.opened, source.closed) == (1, 1)
    third = Listener(shared)
    source.say("a")
    assert (source.opened, third.heard, first.heard) == (2, ["a"], [])


def test_leaving_twice_counts_once():
    source = Source()
    shared = source.pipe(share())
    first, second = Listener(shared), Listener(shared)
    first.leave()
    first.leave()
    source.say("a")
    assert (second.heard, source.closed) == (["a"], 0)


def test_nothing_is_subscribed_before_somebody_subscribes():
    source = Source()
    source.pipe(share())
    assert source.opened == 0


@pytest.mark.parametrize("error", [None, ConnectionError("lost")])
def test_the_end_reaches_all_and_the_next_subscriber_starts_afresh(error):
    source = Source()
    shared = source.pipe(share())
    early = [Listener(shared), Listener(shared)]
    source.say("a")
    source.end(error)
    late = Listener(shared)
    source.say("b")
    assert [each.heard for each in early] == [["a", "#lost" if error else "|"]] * 2
    assert (late.heard, source.opened) == (["b"], 2)


def test_a_source_that_ends_inside_subscribe_is_subscribed_again_by_the_next_one():
    opened: list[int] = []
    shared = reactivex.defer(lambda _: opened.append(1) or reactivex.of("a")).pipe(share())
    assert Listener(shared).heard == Listener(shared).heard == ["a", "|"]
    assert len(opened) == 2


def test_a_source_that_raises_inside_subscribe_fails_for_the_subscriber():
    def subscribe(observer: Any, scheduler: Any = None) -> abc.DisposableBase:
        raise ConnectionError("no")

    shared = Observable(subscribe).pipe(share())
    assert Listener(shared).heard == Listener(shared).heard == ["#no"]


def test_after_an_interrupt_inside_subscribe_the_next_subscriber_starts_afresh():
    def subscribe(observer: abc.ObserverBase[str], scheduler: Any = None) -> abc.DisposableBase:
        opened.append(1)
        if len(opened) == 1:
            raise KeyboardInterrupt
        observer.on_next("a")
        return Disposable()

    opened: list[int] = []
    shared = Observable(subscribe).pipe(share())
    with pytest.raises(KeyboardInterrupt):
        Listener(shared)
    assert Listener(shared).heard == ["a"]


def test_the_first_subscribers_scheduler_reaches_the_source():
    m = Marbles()
    source = m.connections("a")
    shared = source.pipe(share())
    m.watch(shared)
    m.watch(shared)
    m.run()
    assert source.schedulers == [m.time]


# Isolation


def test_a_subscriber_that_raises_is_reported_and_hurts_nobody(caplog):
    source = Source()
    shared = source.pipe(share())
    before, broken, after = Listener(shared), Listener(shared, a=raising), Listener(shared)
    with caplog.at_level(logging.ERROR, "ctfy_rx"):
        source.say("a", "b")
    assert before.heard == broken.heard == after.heard == ["a", "b"]
    (record,) = caplog.records
    assert record.name == "ctfy_rx"
    assert "'a'" in record.getMessage()
    assert "a bug of the subscriber" in caplog.text
    assert "in raising" in caplog.text


def test_the_report_of_a_huge_item_is_bounded(caplog):
    source = Source()
    shared = source.pipe(share())
    shared.subscribe(lambda item: raising())
    source.say("x" * 1_000_000)
    assert len(caplog.records[0].getMessage()) < 500


def test_a_subscriber_that_does_not_handle_the_failure_hurts_nobody(caplog):
    source = Source()
    shared = source.pipe(share())
    shared.subscribe()
    after = Listener(shared)
    source.end(ConnectionError("lost"))
    assert after.heard == ["#lost"]
    assert "give subscribe() an on_error" in caplog.text
    assert "lost" in caplog.text


def test_a_subscriber_that_raises_as_it_completes_hurts_nobody(caplog):
    source = Source()
    shared = source.pipe(share())
    shared.subscribe(on_completed=raising)
    after = Listener(shared)
    source.end()
    assert after.heard == ["|"]
    assert "a bug of the subscriber" in caplog.text


# In the middle of a delivery


def test_who_subscribes_inside_a_delivery_starts_with_the_next_item():
    source = Source()
    shared = source.pipe(share())
    late: list[Listener] = []
    first = Listener(shared, a=lambda: late.append(Listener(shared)))
    source.say("a", "b")
    assert (first.heard, late[0].heard, source.opened) == (["a", "b"], ["b"], 1)


def test_who_leaves_inside_its_delivery_hears_no_more():
    source = Source()
    shared = source.pipe(share())
    first = Listener(shared, a=lambda: first.leave())  # noqa: PLW0108 - there is no first yet
    second = Listener(shared)
    source.say("a", "b")
    assert (first.heard, second.heard) == (["a"], ["a", "b"])


def test_who_is_sent_away_inside_a_delivery_does_not_get_the_item():
    source = Source()
    shared = source.pipe(share())
    first = Listener(shared, a=lambda: second.leave())  # noqa: PLW0108 - there is no second yet
    second = Listener(shared)
    third = Listener(shared)
    source.say("a", "b")
    assert (first.heard, second.heard, third.heard) == (["a", "b"], [], ["a", "b"])


def test_who_sends_all_away_inside_a_delivery_closes_the_source():
    source = Source()
    shared = source.pipe(share())
    listeners = [Listener(shared, a=lambda: [each.leave() for each in listeners]) for _ in range(3)]
    source.say("a")
    assert (source.closed, [each.heard for each in listeners]) == (1, [["a"], [], []])


def test_who_leaves_and_comes_back_inside_a_delivery_is_on_a_new_connection():
    source = Source()
    shared = source.pipe(share())
    again: list[Listener] = []
    first = Listener(shared, a=lambda: (first.leave(), again.append(Listener(shared))))
    source.say("a", "b")
    assert (first.heard, again[0].heard, source.opened, source.closed) == (["a"], ["b"], 2, 1)


def test_close_inside_a_delivery_completes_all_after_the_item():
    source = Source()
    shared = Shared(source)
    first, second = Listener(shared, a=shared.close), Listener(shared)
    source.say("a", "b")
    assert first.heard == second.heard == ["a", "|"]
    assert source.closed == 1


def test_an_item_that_comes_out_of_a_callback_is_delivered_after_the_one_before():
    subject: Subject[str] = Subject()
    shared = subject.pipe(share())
    first = Listener(shared, a=lambda: subject.on_next("b"))
    second = Listener(shared)
    subject.on_next("a")
    assert first.heard == second.heard == ["a", "b"]


def test_an_end_that_comes_out_of_a_callback_is_delivered_after_the_item():
    subject: Subject[str] = Subject()
    shared = subject.pipe(share())
    first = Listener(shared, a=subject.on_completed)
    second = Listener(shared)
    subject.on_next("a")
    assert first.heard == second.heard == ["a", "|"]


def test_after_an_interrupt_in_a_callback_it_goes_on():
    def interrupt() -> None:
        raise KeyboardInterrupt

    source = Source()
    first = Listener(source.pipe(share()), a=interrupt)
    with pytest.raises(KeyboardInterrupt):
        source.say("a")
    source.say("b")
    assert first.heard == ["a", "b"]


# Lingering


def test_it_lingers_for_whom_comes_in_time():
    m = Marbles()
    source = m.hot("-a-b-c-d-e-f-g-h")
    shared = source.pipe(share(linger=5, scheduler=m.time))
    first = m.watch(shared, "^-!")
    second = m.watch(shared, "      ^-!")
    m.run()
    assert first.messages == m.read("-a")
    assert second.messages == m.read("-------d")
    assert [(each.subscribe, each.unsubscribe) for each in source.subscriptions] == [(0, 8 + 5)]


def test_who_comes_after_the_linger_opens_it_again():
    m = Marbles()
    source = m.hot("-a-b-c-d-e-f-g-h")
    shared = source.pipe(share(linger=2, scheduler=m.time))
    m.watch(shared, "^-!")
    m.watch(shared, "      ^-!")
    m.run()
    assert [(each.subscribe, each.unsubscribe) for each in source.subscriptions] == [(0, 4), (6, 10)]


def test_the_linger_counts_from_the_last_one_to_leave():
    m = Marbles()
    source = m.hot("-a")
    shared = source.pipe(share(linger=4, scheduler=m.time))
    m.watch(shared, "^--!")
    m.watch(shared, "^------!")
    m.run()
    assert [each.unsubscribe for each in source.subscriptions] == [7 + 4]


def test_without_a_linger_it_closes_at_once():
    m = Marbles()
    source = m.hot("-a")
    m.watch(source.pipe(share(scheduler=m.time)), "^--!")
    m.run()
    assert [each.unsubscribe for each in source.subscriptions] == [3]


def test_an_end_while_it_lingers_is_the_end():
    m = Marbles()
    source = m.hot("-a--|")
    shared = source.pipe(share(linger=9, scheduler=m.time))
    m.watch(shared, "^-!")
    m.run(6)
    m.watch(shared, "       ^")
    m.run()
    assert len(source.subscriptions) == 2


def test_what_was_never_opened_is_left_though_it_is_idle():
    source = Source()
    shared = Shared(source, linger=9)
    shared.leave_if_idle()
    shared.subscribe(print)
    assert (source.opened, source.closed) == (1, 0)


@pytest.mark.parametrize("use", [Shared.subscribe, Shared.connect])
def test_a_forked_child_is_refused_what_its_parent_holds_open_and_closes_none_of_it(
    use: Callable[[Shared[str]], abc.DisposableBase], monkeypatch: pytest.MonkeyPatch
):
    source = Source()
    shared = Shared(source)
    held = [shared.connect(), shared.subscribe(print)]
    monkeypatch.setattr(process, "_this", object())  # as after a fork
    with pytest.raises(StreamClosed, match="opened before fork"):
        use(shared)
    for each in held:
        each.dispose()
    assert (source.opened, source.closed) == (1, 0)


def test_close_while_it_lingers_closes_at_once():
    m = Marbles()
    source = m.hot("-a")
    shared = Shared(source, linger=9, scheduler=m.time)
    m.watch(shared, "^-!")
    m.at(4, shared.close)
    m.run()
    assert [each.unsubscribe for each in source.subscriptions] == [4]


# Held open, closed


def test_without_autoconnect_only_connect_opens_it():
    source = Source()
    shared = Shared(source, autoconnect=False)
    first, second = Listener(shared), Listener(shared)
    assert source.opened == 0
    shared.connect()
    source.say("a")
    assert (source.opened, first.heard, second.heard) == (1, ["a"], ["a"])


def test_connect_holds_it_open_without_subscribers():
    source = Source()
    shared = Shared(source)
    held = shared.connect()
    Listener(shared).leave()
    assert (source.opened, source.closed) == (1, 0)
    held.dispose()
    assert source.closed == 1


def test_it_is_held_open_until_the_last_hold_is_released_once():
    source = Source()
    shared = Shared(source)
    one, other = shared.connect(), shared.connect()
    one.dispose()
    one.dispose()
    assert (source.opened, source.closed) == (1, 0)
    other.dispose()
    assert source.closed == 1


def test_a_released_hold_leaves_it_open_for_its_subscribers():
    source = Source()
    shared = Shared(source)
    first = Listener(shared)
    shared.connect().dispose()
    source.say("a")
    assert (first.heard, source.closed) == (["a"], 0)


def test_a_hold_on_a_connection_that_ended_releases_nothing():
    source = Source()
    shared = Shared(source)
    held = shared.connect()
    source.end()
    first = Listener(shared)
    held.dispose()
    source.say("a")
    assert first.heard == ["a"]


def test_without_autoconnect_who_leaves_before_connect_is_forgotten():
    source = Source()
    shared = Shared(source, autoconnect=False)
    Listener(shared).leave()
    second = Listener(shared)
    shared.connect()
    source.say("a")
    assert (source.opened, second.heard) == (1, ["a"])


def test_connect_passes_its_scheduler_on():
    m = Marbles()
    source = m.connections("a")
    Shared(source).connect(m.time)
    assert source.schedulers == [m.time]


def test_close_completes_all_and_a_later_subscriber_starts_afresh():
    source = Source()
    shared = Shared(source)
    first, second = Listener(shared), Listener(shared)
    shared.close()
    shared.close()
    third = Listener(shared)
    source.say("a")
    assert (first.heard, second.heard, third.heard) == (["|"], ["|"], ["a"])
    assert (source.opened, source.closed) == (2, 1)


def test_a_source_that_ends_after_it_was_closed_ends_nobody_twice():
    def subscribe(observer: abc.ObserverBase[str], scheduler: Any = None) -> abc.DisposableBase:
        observer.on_next("a")
        late.append(Listener(shared))
        observer.on_completed()
        return Disposable()

    shared = Shared(Observable(subscribe), autoconnect=False)
    late: list[Listener] = []
    first = Listener(shared, a=shared.close)
    shared.connect()
    assert (first.heard, late[0].heard) == (["a", "|"], [])


def test_close_of_what_is_not_open_does_nothing():
    source = Source()
    shared = Shared(source)
    shared.close()
    assert source.opened == 0
    late = Listener(shared)
    source.say("a")
    assert (source.opened, late.heard) == (1, ["a"])


def test_take_ends_one_subscriber_and_not_the_others():
    source = Source()
    shared = source.pipe(share())
    first, second = Listener(shared.pipe(ops.take(1))), Listener(shared)
    source.say("a", "b")
    assert (first.heard, second.heard) == (["a", "|"], ["a", "b"])


# Forgotten iterators: a garbage collection may let one leave at any moment, in the middle of anything


def test_a_forgotten_iterator_leaves():
    source = Source()
    shared = source.pipe(share())
    iterator = to_iter(shared)
    del iterator
    gc.collect()
    assert source.closed == 1


def test_who_joins_while_the_last_one_is_collected_is_served():
    class Collecting(Shared[str]):
        def _current(self) -> Any:
            opening = super()._current()
            if forgotten:
                forgotten.pop().leave()
            return opening

    forgotten: list[Listener] = []
    source = Source()
    shared = Collecting(source)
    forgotten.append(Listener(shared))
    second = Listener(shared)
    source.say("a")
    assert (second.heard, source.opened, source.closed) == (["a"], 2, 1)


def test_who_is_collected_while_another_joins_does_not_come_back():
    hub: Hub[str] = Hub()
    first, second = Observer[str](), Observer[str]()
    hub.add(first)

    def joined(members: tuple[Any, ...]) -> tuple[Any, ...]:
        hub.remove(first)
        return (*members, Member(second))

    hub._replace(joined)
    assert [member.observer for member in hub.members] == [second]


def test_linger_is_measured_by_the_scheduler_of_the_first_subscription():
    source, clock = Source(), TestScheduler()
    source.pipe(share(linger=5)).subscribe(scheduler=clock).dispose()
    assert source.closed == 0
    clock.advance_by(4.9)
    assert source.closed == 0
    clock.advance_by(0.2)
    assert source.closed == 1


def test_nothing_is_made_under_the_lock_of_a_hub_for_a_collection_might_want_another(monkeypatch):
    hub: Hub[str] = Hub()

    def made(*arguments: Any) -> Routes:
        assert not hub._membership._is_owned()
        return Routes(*arguments)

    monkeypatch.setattr("ctfy_rx.delivery.hub.Routes", made)
    first, second = Observer[str](), Observer[str]()
    hub.add(first)
    hub.add(second)
    hub.remove(first)
    hub.finish(lambda observer: observer.on_completed())
    assert not hub.members


def test_what_is_left_of_a_batch_after_an_interrupt_comes_with_the_next_item():
    heard: list[str] = []

    def on_next(item: str) -> None:
        if item == "b":
            raise KeyboardInterrupt
        heard.append(item)

    hub: Hub[str] = Hub()
    hub.add(Observer(on_next))
    with pytest.raises(KeyboardInterrupt):
        hub.on_batch("abcd")
    hub.on_next("e")
    assert heard == ["a", "c", "d", "e"]


def test_close_while_the_last_item_of_an_ended_source_is_in_delivery_waits_for_it():
    told: list[str] = []
    source: Subject[str] = Subject()
    shared = Shared(source)

    def on_next(item: str) -> None:
        told.append("begin")
        source.on_error(ValueError(item))
        shared.close(then=lambda: told.append("closed"))
        told.append("end")

    shared.subscribe(on_next, lambda _: told.append("failed"), lambda: told.append("completed"))
    source.on_next("a")
    assert told == ["begin", "end", "failed", "closed"]


def test_what_is_shared_can_be_parted():
    source: Subject[int] = Subject()
    parts: list[list[int]] = [[], []]
    even, odd = source.pipe(share()).partition(lambda number: number % 2 == 0)
    even.subscribe(parts[0].append)
    odd.subscribe(parts[1].append)
    for number in range(4):
        source.on_next(number)
    assert parts == [[0, 2], [1, 3]]
