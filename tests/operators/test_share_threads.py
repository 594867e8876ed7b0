"""`share` among threads: subscribe, dispose, deliver, raise and close, all at once."""

from __future__ import annotations

import itertools
import random
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from reactivex import Observable, abc
from reactivex.disposable import Disposable
from reactivex.subject import Subject

from ctfy_rx.operators import share
from ctfy_rx.operators.share import Shared

from ..support.waiting import PATIENCE


def together(*actions: Callable[[], object]) -> None:
    """Run each in a thread of its own; fails with what they raise, and if they do not end."""
    failures: list[BaseException] = []

    def guarded(action: Callable[[], object]) -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(action,), daemon=True) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads), "a deadlock"
    assert not failures, failures


def reached(event: threading.Event) -> None:
    assert event.wait(PATIENCE)


class Counting(Observable[tuple[int, int]]):
    """Each connection counts up on a thread of its own: (which connection, which item)."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count()
        self.threads: list[threading.Thread] = []

    def _subscribe_core(
        self, observer: abc.ObserverBase[tuple[int, int]], scheduler: Any = None
    ) -> abc.DisposableBase:
        connection, closed = next(self._numbers), threading.Event()

        def run() -> None:
            for item in itertools.count():
                if closed.is_set():
                    return
                observer.on_next((connection, item))

        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()
        return Disposable(closed.set)


class Listener:
    """Hears so many items, and whether they overlap or leave one out."""

    def __init__(self, enough: int, *, raises: bool = False) -> None:
        self.heard: list[tuple[int, int]] = []
        self.overlaps = 0
        self.enough = threading.Event()
        self._enough = enough
        self._raises = raises
        self._inside = False

    def __call__(self, item: tuple[int, int]) -> None:
        self.overlaps += self._inside
        self._inside = True
        self.heard.append(item)
        if len(self.heard) >= self._enough:
            self.enough.set()
        self._inside = False
        if self._raises:
            raise RuntimeError("a bug of the subscriber")

    def misses_nothing(self) -> bool:
        connection, start = self.heard[0]
        return self.heard == [(connection, start + number) for number in range(len(self.heard))]


@pytest.fixture(autouse=True)
def _restless() -> Iterator[None]:
    """Threads take turns as often as they can, so that what may interleave does."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.fixture
def unreported(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of expected reports are not worth their time."""
    caplog.set_level("CRITICAL", "ctfy_rx")


@pytest.mark.usefixtures("unreported")
@pytest.mark.parametrize("seed", range(3))
def test_eight_threads_come_and_go_and_raise_while_it_delivers(seed):
    source = Counting()
    shared = source.pipe(share())
    listeners: list[Listener] = []

    def come_and_go(chance: random.Random) -> None:
        for _ in range(40):
            listener = Listener(chance.randrange(1, 4), raises=chance.random() < 0.3)
            listeners.append(listener)
            subscription = shared.subscribe(listener)
            reached(listener.enough)
            subscription.dispose()

    together(*(lambda n=n: come_and_go(random.Random(seed * 8 + n)) for n in range(8)))
    assert len(listeners) == 8 * 40
    assert all(listener.misses_nothing() for listener in listeners)
    assert not any(listener.overlaps for listener in listeners)
    for thread in source.threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in source.threads)


def test_who_subscribes_while_the_last_dispose_is_still_closing_is_served():
    for _ in range(200):
        closing, may_close = threading.Event(), threading.Event()
        observers: list[abc.ObserverBase[str]] = []

        def subscribe(
            observer: abc.ObserverBase[str],
            scheduler: Any = None,
            observers=observers,
            closing=closing,
            may_close=may_close,
        ) -> abc.DisposableBase:
            def close() -> None:
                closing.set()
                reached(may_close)

            observers.append(observer)
            return Disposable(close) if len(observers) == 1 else Disposable()

        shared = Observable(subscribe).pipe(share())
        first = shared.subscribe()
        heard: list[str] = []

        def come(
            shared=shared, heard=heard, observers=observers, closing=closing, may_close=may_close
        ) -> None:
            reached(closing)
            shared.subscribe(heard.append)
            observers[-1].on_next("served")
            may_close.set()
            observers[-1].on_next("still served")

        together(first.dispose, come)
        assert len(observers) == 2
        assert heard == ["served", "still served"]


@pytest.mark.usefixtures("unreported")
def test_notifications_never_overlap_though_four_threads_deliver():
    source: Observable[tuple[int, int]] = Observable(
        lambda observer, _: delivering.append(observer) or Disposable()
    )
    delivering: list[abc.ObserverBase[tuple[int, int]]] = []
    shared = source.pipe(share())
    listeners = [Listener(1), Listener(1, raises=True), Listener(1)]
    for listener in listeners:
        shared.subscribe(listener)

    def deliver(thread: int) -> None:
        for number in range(2_000):
            delivering[0].on_next((thread, number))

    together(*(lambda n=n: deliver(n) for n in range(4)))
    everything = {(thread, number) for thread in range(4) for number in range(2_000)}
    for listener in listeners:
        assert listener.overlaps == 0
        assert len(listener.heard) == len(everything)
        assert set(listener.heard) == everything
    assert listeners[0].heard == listeners[1].heard == listeners[2].heard


def test_close_during_a_delivery_returns_at_once_and_completes_after_it():
    source: Subject[str] = Subject()
    shared = Shared(source)
    inside, may_return = threading.Event(), threading.Event()
    heard: list[str] = []

    def on_next(item: str) -> None:
        inside.set()
        reached(may_return)
        heard.append(item)

    shared.subscribe(on_next, on_completed=lambda: heard.append("|"))

    def close() -> None:
        reached(inside)
        shared.close()
        heard.append("closed")
        may_return.set()

    together(lambda: source.on_next("a"), close)
    assert heard == ["closed", "a", "|"]


def test_a_callback_may_wait_for_a_thread_that_comes_and_goes():
    source: Subject[str] = Subject()
    shared = source.pipe(share())
    waited: list[str] = []

    def on_next(item: str) -> None:
        together(lambda: shared.subscribe().dispose())
        waited.append(item)

    shared.subscribe(on_next)
    source.on_next("a")
    assert waited == ["a"]


def test_others_come_and_go_while_the_first_is_still_connecting():
    connecting, may_connect = threading.Event(), threading.Event()

    def subscribe(observer: abc.ObserverBase[str], scheduler: Any = None) -> abc.DisposableBase:
        connecting.set()
        reached(may_connect)
        observer.on_next("a")
        return Disposable()

    shared = Observable(subscribe).pipe(share())
    heard: list[str] = []

    def second() -> None:
        reached(connecting)
        shared.subscribe().dispose()
        shared.subscribe(heard.append)
        may_connect.set()

    together(lambda: shared.subscribe(heard.append), second)
    assert heard == ["a", "a"]


@pytest.mark.usefixtures("unreported")
def test_everybody_completes_once_when_it_is_closed_in_the_middle_of_it_all():
    for _ in range(20):
        shared = Shared(Counting())
        ends: list[threading.Event] = []

        def come(shared=shared, ends=ends) -> None:
            for _ in range(10):
                ended = threading.Event()
                ends.append(ended)
                shared.subscribe(lambda _: None, on_completed=ended.set)

        together(come, shared.close, come, shared.close)
        shared.close()
        for ended in ends:
            reached(ended)


def test_holding_and_releasing_from_many_threads_closes_it_in_the_end():
    source = Counting()
    shared = Shared(source)

    def hold_and_release() -> None:
        for _ in range(100):
            shared.connect().dispose()

    together(*[hold_and_release] * 8)
    for thread in source.threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in source.threads)
