"""Time in columns: a character is a second; source, subscriptions and expectation stand one below the other.

``-`` a second in which nothing comes, a letter an item, ``(ab)`` several in the second of the bracket, ``|``
completion, ``#`` failure, ``^`` subscribe, ``!`` dispose, blanks what is before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import reactivex
from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable
from reactivex.testing import ReactiveTest, Recorded, TestScheduler
from reactivex.testing.mockobserver import MockObserver

from ctfy_rx.errors import ConnectionFailed

LATE = 100_000.0


class Marbles:
    """A clock, and what happens on it; `values` are what letters stand for, else themselves."""

    def __init__(self, *, error: Exception | None = None, **values: Any) -> None:
        self.time = TestScheduler()
        self.error = error or ConnectionFailed("the line is dead")
        self.values = values

    @property
    def now(self) -> float:
        return self.time.to_seconds(self.time.now)

    def read(self, line: str) -> list[Recorded[Any]]:
        """What `line` says, as the records of an observer."""
        records: list[Recorded[Any]] = []
        second, group = 0, False
        for column, mark in enumerate(line):
            second = second if group else column
            if mark in "()":
                group = mark == "("
            elif mark == "|":
                records.append(ReactiveTest.on_completed(second))
            elif mark == "#":
                records.append(ReactiveTest.on_error(second, self.error))
            elif mark not in "- ^!":
                records.append(ReactiveTest.on_next(second, self.values.get(mark, mark)))
        return records

    def hot(self, line: str) -> Observable[Any]:
        return self.time.create_hot_observable(self.read(line))

    def cold(self, line: str) -> Observable[Any]:
        """Its column is counted from its first mark."""
        return self.time.create_cold_observable(self.read(line.lstrip()))

    def connections(self, *lines: str) -> Connections:
        return Connections(self, lines)

    def watch(self, source: Observable[Any], line: str = "^") -> MockObserver[Any]:
        """An observer subscribed at ``^``, disposed at ``!``."""
        observer = self.time.create_observer()
        subscriptions: list[abc.DisposableBase] = []
        self.at(
            line.index("^"), lambda: subscriptions.append(source.subscribe(observer, scheduler=self.time))
        )
        if "!" in line:
            self.at(line.index("!"), lambda: subscriptions[0].dispose())  # noqa: PLW0108 - there is none yet
        return observer

    def at(self, second: float, action: Callable[[], object]) -> None:
        def run(*_: Any) -> None:
            action()

        self.time.schedule_absolute(float(second), run)

    def run(self, until: float = LATE) -> None:
        self.time.advance_to(until)

    def play(
        self, source: str, operator: Callable[[Observable[Any]], Observable[Any]], expected: str
    ) -> None:
        """Assert that `operator` makes `expected` of `source`, listening no longer than until the end."""
        hot = self.hot(source)
        observer = self.watch(hot.pipe(operator))
        self.run()
        assert observer.messages == self.read(expected)
        ends = [record.time for record in self.read(expected) if not hasattr(record.value, "value")]
        assert [subscription.unsubscribe for subscription in hot.subscriptions] == ends


class Connections(Observable[Any]):
    """A source with a line for each connection; each begins in the column in which it should be opened."""

    def __init__(self, marbles: Marbles, lines: tuple[str, ...]) -> None:
        super().__init__()
        self._marbles = marbles
        self._lines = lines
        self.opened: list[float] = []
        self.closed: list[float] = []
        self.schedulers: list[abc.SchedulerBase | None] = []

    @property
    def drawn(self) -> list[float]:
        return [len(line) - len(line.lstrip()) for line in self._lines]

    def _subscribe_core(
        self, observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        number = len(self.opened)
        self.opened.append(self._marbles.now)
        self.schedulers.append(scheduler)
        source = self._marbles.cold(self._lines[number]) if number < len(self._lines) else reactivex.never()
        connection = source.subscribe(observer)
        return CompositeDisposable(connection, Disposable(lambda: self.closed.append(self._marbles.now)))
