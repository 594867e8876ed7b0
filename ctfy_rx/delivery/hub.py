"""The subscribers of one connection: each gets every item that it wants, none hurts another, all end once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from threading import RLock
from time import perf_counter
from typing import Any, Generic, TypeVar

from reactivex import abc
from reactivex.disposable import SerialDisposable, SingleAssignmentDisposable

from ctfy_rx.delivery.buffer import Drops
from ctfy_rx.delivery.interests import NOBODY, Member, Members, Routes, Wants, all_alike
from ctfy_rx.delivery.receipts import Receipts
from ctfy_rx.delivery.slow_subscriber import End, Strand, end, report
from ctfy_rx.threads.loops import running_loop
from ctfy_rx.threads.process import this_process
from ctfy_rx.threads.turns import InTurn

__all__ = ["SLOW", "Hub", "complete"]

T = TypeVar("T")

SLOW = 0.1
"""Once an item took longer than this, in seconds, a subscriber that does gets a thread and a buffer of its
own."""


class Hub(Generic[T]):
    """The subscribers of one connection. Delivers to each in turn, and ends them once.

    `key` tells the subscribers that want the items of some keys which ones to get; all others get all.

    Notifications never overlap and keep their order: what comes during a delivery, from another thread or
    out of a callback, waits for its end and is delivered by whoever delivers. What came together, as
    `on_batch`, is given item by item as well, so that streams that are merged keep the order of their source.

    With `make_drops`, which makes what counts drops, a subscriber that turns out to be slow on a thread has
    a `Strand` in its place from then on. On an event loop it cannot: who blocks there blocks the loop. The
    receipt of an item on which a subscriber raises fails, where there are `receipts`.
    """

    def __init__(
        self,
        make_drops: Callable[[], Drops] | None = None,
        receipts: Receipts | None = None,
        key: Callable[[T], Hashable] = all_alike,
    ) -> None:
        # Replaced, never changed, so that delivery needs no copy.
        self.members: Members[T] = ()
        self._routes = NOBODY
        self._key = key
        self.connection = SingleAssignmentDisposable()
        self.lingering = SerialDisposable()
        self.scheduler: abc.SchedulerBase | None = None  # of the first subscriber that has one
        self.holds = 0
        self._opened = False
        self._process = this_process()
        self._discarded = False
        self._seeks_slow = False
        self._make_drops = make_drops
        self._receipts = receipts
        self._strands: list[Strand[T]] = []  # that have not ended
        self._when_quiet: list[Callable[[], None]] = []
        self._membership = RLock()
        self._in_turn: InTurn[Iterator[T] | _End] = InTurn(self._deliver)

    def add(self, observer: abc.ObserverBase[T], wants: Wants | None = None) -> None:
        """Deliver to `observer` from the next item on, only what it `wants`."""
        self._replace(lambda members: (*members, Member(observer, wants)))

    def remove(self, observer: abc.ObserverBase[T]) -> None:
        """Deliver to `observer` no more."""
        self._replace(lambda members: tuple(each for each in members if not each.is_of(observer)))
        for strand in tuple(self._strands):
            if strand.observer is observer:
                strand.stop()

    def wants(self, key: Hashable) -> bool:
        """Whether anybody wants the items of `key`."""
        return bool(self._routes[key])

    def bring(self, scheduler: abc.SchedulerBase | None) -> None:
        """A subscriber brings its `scheduler`. Whoever comes after the opening takes it away again."""
        if not self._opened:
            self.scheduler = self.scheduler or scheduler

    def must_open(self) -> bool:
        """True once."""
        opened, self._opened = self._opened, True
        self._process = self._process if opened else this_process()
        return not opened

    @property
    def is_of_the_parent(self) -> bool:
        """Whether it was open when this process was forked. One that was not opens here."""
        return self._opened and self._process is not this_process()

    def is_idle(self) -> bool:
        """Nobody listens, nobody holds it open."""
        return not self.members and not self.holds

    def on_next(self, item: T) -> None:
        """Give `item` to each subscriber; one that raises is reported, and hurts no other."""
        self.on_batch((item,))

    def on_batch(self, items: Iterable[T]) -> None:
        """Give each of `items`, one after another, to each subscriber."""
        self._in_turn.take(iter(items))

    def finish(self, tell: End, *, then: Callable[[], None] = lambda: None) -> None:
        """End every subscriber with `tell`, after what came before; `then` is called when all have ended."""
        self._in_turn.take(_End(tell, then))

    def discard(self) -> None:
        """Forget what waits, here and for slow subscribers."""
        self._discarded = True
        for strand in tuple(self._strands):
            strand.discard()

    def when_quiet(self, action: Callable[[], None]) -> None:
        """Call `action` when no slow subscriber is left that has yet to end: now, or later on its thread."""
        with self._membership:
            quiet = not self._strands
            if not quiet:
                self._when_quiet.append(action)
        if quiet:
            action()

    def _replace(self, change: Callable[[Members[T]], Members[T]]) -> None:
        # Under the lock nothing is made, so that no garbage collection there lets a forgotten iterator leave,
        # which takes another lock.
        while True:
            before = self.members
            after = change(before)
            routes = Routes(after, self._on_next_of) if after else NOBODY
            with self._membership:
                if self.members is before:
                    self.members, self._routes = after, routes
                    return

    def _deliver(self, came: Iterator[T] | _End) -> None:
        if isinstance(came, _End):
            self._end(came)
            return
        try:
            self._give_each(came)
        except BaseException:  # it is meant for the program; what is left of them is not lost
            self._in_turn.put_back(came)
            raise

    def _give_each(self, items: Iterator[T]) -> None:
        # Nothing is called here but the subscribers, and the clock once: what is costs each item each time.
        key, began = self._key, perf_counter()
        for item in items:
            if self._discarded:
                return
            for on_next in self._routes[key(item)]:
                try:
                    on_next(item)
                except BaseException as error:  # noqa: BLE001 - what is not for the program is reported
                    self._fail()
                    report(error, item)
            ended = perf_counter()
            if ended - began > SLOW and not self._seeks_slow:
                self._seek_slow()
            began = ended

    def _on_next_of(self, observer: abc.ObserverBase[T] | Strand[T]) -> Callable[[T], None]:
        """What gives it an item, by the clock once a slow one is sought."""
        on_next = observer.on_next
        if not self._seeks_slow or isinstance(observer, Strand):
            return on_next

        def timed(item: T) -> None:
            began = perf_counter()
            try:
                on_next(item)
            finally:
                if perf_counter() - began > SLOW:
                    self._isolate(observer)

        return timed

    def _seek_slow(self) -> None:
        self._seeks_slow = self._make_drops is not None and running_loop() is None
        if self._seeks_slow:
            self._replace(lambda members: members)  # the same ones, by the clock

    def _fail(self) -> None:
        receipt = self._receipts.current if self._receipts is not None else None
        if receipt is not None:
            receipt.fail()

    def _isolate(self, slow: abc.ObserverBase[T]) -> None:
        member = next((each for each in self.members if each.observer is slow), None)
        if self._make_drops is None or member is None:  # it left meanwhile
            return
        strand: Strand[T] = Strand(slow, drops=self._make_drops(), on_done=lambda: self._ended(strand))
        isolated = Member(strand, member.chooses)
        with self._membership:
            self._strands.append(strand)
        self._replace(lambda members: tuple(isolated if each is member else each for each in members))
        if isolated not in self.members:  # it left meanwhile
            strand.stop()

    def _ended(self, strand: Strand[T]) -> None:
        actions = none = list[Callable[[], None]]()  # made before the lock is taken
        with self._membership:
            self._strands.remove(strand)
            if not self._strands:
                actions, self._when_quiet = self._when_quiet, none
        for action in actions:
            action()

    def _end(self, last: _End) -> None:
        members = self.members
        self._replace(lambda _: ())
        for member in members:
            observer = member.observer
            if isinstance(observer, Strand):
                observer.finish(last.tell)
            else:
                end(observer, last.tell)
        self.when_quiet(last.then)


class _End:
    """The last thing that a hub delivers."""

    def __init__(self, tell: End, then: Callable[[], None]) -> None:
        self.tell = tell
        self.then = then


def complete(observer: abc.ObserverBase[Any]) -> None:
    """Complete it, for `Hub.finish`."""
    observer.on_completed()
