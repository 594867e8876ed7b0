"""`Names`: a directory that keeps itself up to date while somebody uses it; `named`, which uses it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable, SerialDisposable

from ctfy_rx.connection.steps import Steps
from ctfy_rx.contest.directory import Directory, changes_names, contest_of, look_up
from ctfy_rx.errors import CtfyRxError, LoopClosed
from ctfy_rx.event import Event
from ctfy_rx.pipeline.pipeline import Pipeline
from ctfy_rx.threads.turns import Turns

__all__ = ["LookUp", "Names", "named", "names_of"]

LookUp = Callable[[frozenset[str]], Observable[Directory]]
"""Asks for the names of some contests; none: of those that are on."""

_FLOOR = 2.0  # seconds between two look-ups
_VAIN = 10_000  # ids without a name that are remembered, so that nobody asks for them again and again


class Names:
    """Looks up at once, when ids come that it does not know, and when names may have changed; every
    2 s at most, and only while somebody is subscribed through `named`."""

    def __init__(self, look_up: LookUp | None, contests: frozenset[str] = frozenset()) -> None:
        self.directory = Directory()
        self._look_up = look_up
        self._contests = contests
        self._coming = frozenset[str]()  # the contests of events that are held back for their names
        self._vain: set[str] = set()
        self._timers: list[abc.SchedulerBase] = []  # of those who are subscribed; the last one's is used
        self._turns = Turns()
        self._answered = threading.Event()
        self._awaiting: list[Callable[[], None]] = []
        self._asking = SerialDisposable()
        self._waits = SerialDisposable()
        self._busy = False  # asks, or waits until it may ask again
        self._stale = False

    def wait(self, seconds: float) -> bool:
        """Block until the platform has answered once (True), or `seconds` have passed (False); where there is
        nobody to ask, it is False at once."""
        return self._look_up is not None and self._answered.wait(seconds)

    def when_answered(self, then: Callable[[], None], coming: Iterable[Event[Any]] = ()) -> None:
        """Call `then` when the platform has told names once, also those of the contests of the events that
        are `coming`, or cannot; at once where nobody uses them."""
        contests = _contests_of(coming) if self._timers else frozenset[str]()
        self._turns.take(lambda: self._await(then, contests))

    def _await(self, then: Callable[[], None], contests: frozenset[str]) -> None:
        is_known = self._answered.is_set() and contests <= self.directory.contests
        if is_known or not self._timers or self._look_up is None:
            then()
            return
        self._awaiting.append(then)
        self._coming |= contests
        if self._answered.is_set():
            self._look_up_what_comes()

    def ask_for(self, events: Iterable[Event[Any]]) -> Steps[None]:
        """Look up what the contests of `events` are about, before these are given, where somebody uses
        names."""
        contests = _contests_of(events)
        if self._timers and contests - self.directory.contests:
            with suppress(CtfyRxError):  # which costs no more than the names
                self.learn((yield from look_up(contests)))

    def learn(self, directory: Directory) -> None:
        """What somebody else has looked up is known from now on."""
        self._turns.take(lambda: self._add(directory))

    def use(self, timer: abc.SchedulerBase) -> abc.DisposableBase:
        """Keep the names up to date until disposed; `timer` gives the time."""
        self._turns.take(lambda: self._join(timer))
        return Disposable(lambda: self._turns.take(lambda: self._leave(timer)))

    def heard(self, event: Event[Any]) -> Event[Any]:
        """`event` with its names, as they are known now; looks up later what is not."""
        directory = self.directory
        if changes_names(event):
            self._vain.clear()
            self._turns.take(self._refresh)
        elif any(unknown not in self._vain for unknown in directory.unknown(event)):
            self._turns.take(lambda: self._want(event))
        return directory.named(event)

    def _add(self, directory: Directory) -> None:
        self.directory = self.directory | directory
        self._contests |= directory.contests

    def _join(self, timer: abc.SchedulerBase) -> None:
        self._timers.append(timer)
        if len(self._timers) == 1:
            self._refresh()

    def _leave(self, timer: abc.SchedulerBase) -> None:
        self._timers.remove(timer)
        if not self._timers:
            self._busy = self._stale = False
            self._asking.disposable = Disposable()
            self._waits.disposable = Disposable()

    def _want(self, event: Event[Any]) -> None:
        unknown = [each for each in self.directory.unknown(event) if each not in self._vain]
        if not unknown or (self._busy and not self._answered.is_set()):
            return  # the first names are on their way
        if len(self._vain) + len(unknown) > _VAIN:
            self._vain.clear()
        self._vain.update(unknown)
        contest = contest_of(event)
        if contest is not None:
            self._contests = self._contests | self.directory.contests | {contest}
        self._refresh()

    def _refresh(self) -> None:
        if self._look_up is None or not self._timers:
            return
        if self._busy:
            self._stale = True
            return
        self._stale = False
        self._ask(self._look_up(self._contests))

    def _ask(self, question: Observable[Directory]) -> None:
        self._busy = True
        self._waits.disposable = Disposable()
        self._asking.disposable = question.subscribe(
            lambda directory: self._turns.take(lambda: self._found(directory)),
            lambda _: self._turns.take(self._failed),
            scheduler=self._timers[-1],
        )

    def _found(self, directory: Directory) -> None:
        self.directory = self.directory | directory
        self._look_up_what_comes()

    def _look_up_what_comes(self) -> None:
        missing, self._coming = self._coming - self.directory.contests, frozenset[str]()
        if missing and self._look_up is not None and self._timers:
            self._ask(self._look_up(missing))
        else:
            self._go_on_to_rest()

    def _failed(self) -> None:
        self._go_on_to_rest()  # ids stand for names, until something asks again

    def _go_on_to_rest(self) -> None:
        self._answered.set()
        awaiting, self._awaiting = self._awaiting, []
        for then in awaiting:
            then()
        self._rest()

    def _rest(self) -> None:
        if not self._timers:
            return
        try:
            self._waits.disposable = self._timers[-1].schedule_relative(_FLOOR, self._rested)
        except (LoopClosed, RuntimeError):  # a loop, just now: no event may be lost over that
            self._busy = False

    def _rested(self, *_: Any) -> None:
        self._turns.take(self._go_on)

    def _go_on(self) -> None:
        self._busy = False
        if self._stale:
            self._refresh()


def _contests_of(events: Iterable[Event[Any]]) -> frozenset[str]:
    return frozenset(filter(None, map(contest_of, events)))


def names_of(pipeline: Pipeline, rows: Iterable[Event[Any]]) -> Steps[None]:
    """What must be asked so that `rows` of the log have names, where somebody uses them in that stream."""
    if pipeline.names is not None:
        one = pipeline.competition
        yield from pipeline.names.ask_for(row for row in rows if one is None or contest_of(row) == one)


def named(
    names: Names, timer_of: Callable[[abc.SchedulerBase | None], abc.SchedulerBase]
) -> Callable[[Observable[Event[Any]]], Observable[Event[Any]]]:
    """The same events with names, at once. `timer_of` gives the time for a subscription.

    ::

        --{pwn-1}--------------{pwn-1}--|
          named()
        --{pwn-1, "pwn-1"}-----{pwn-1, "Overflow"}--|
    """

    def apply(source: Observable[Event[Any]]) -> Observable[Event[Any]]:
        def subscribe(
            observer: abc.ObserverBase[Event[Any]], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            using = names.use(timer_of(scheduler))
            events = source.subscribe(
                lambda event: observer.on_next(names.heard(event)),
                observer.on_error,
                observer.on_completed,
                scheduler=scheduler,
            )
            return CompositeDisposable(events, using)

        return Observable(subscribe)

    return apply
