"""The subscribers of one connection: each gets every item that it wants, none hurts another, all end once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from threading import RLock
from time import perf_counter
from typing import Any, Generic, TypeVar

from reactivex import abc

from ctfy_rx.delivery.culprit import calling_place
from ctfy_rx.delivery.interests import NOBODY, Member, Members, Routes, Wants, all_alike
from ctfy_rx.delivery.receipts import Receipts
from ctfy_rx.delivery.slow_subscriber import End, end, report
from ctfy_rx.program_log import program_log as _log
from ctfy_rx.text.printable import short
from ctfy_rx.threads.loops import running_loop
from ctfy_rx.threads.turns import InTurn

__all__ = ["SLOW", "Hub", "complete"]

T = TypeVar("T")

SLOW = 1.0
"""A subscriber that takes longer for an item, in seconds, is named once in the log."""

_LONGEST = 200
_ON_A_LOOP = "it blocks its event loop: let asyncio.to_thread() do what takes long"
_ON_A_THREAD = "all others of its stream wait meanwhile: stream.buffered() gives it a thread of its own"


class Hub(Generic[T]):
    """The subscribers of one connection. Delivers to each in turn, and ends them once.

    `key` tells the subscribers that want the items of some keys which ones to get; all others get all.

    Notifications never overlap and keep their order: what comes during a delivery, from another thread or
    out of a callback, waits for its end and is delivered by whoever delivers. What came together, as
    `on_batch`, is given item by item as well, so that streams that are merged keep the order of their source.

    The receipt of an item on which a subscriber raises fails, where there are `receipts`. One that takes
    longer than `SLOW`, by a `clock` that counts seconds, is named in the log, with what to do about it.
    """

    def __init__(
        self,
        receipts: Receipts | None = None,
        key: Callable[[T], Hashable] = all_alike,
        *,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        # Replaced, never changed, so that delivery needs no copy.
        self.members: Members[T] = ()
        self._routes = NOBODY
        self._key = key
        self._discarded = False
        self._clock = clock
        self._times_each = False
        self._receipts = receipts
        self._membership = RLock()
        self._in_turn: InTurn[Iterator[T] | _End] = InTurn(self._deliver)

    def add(self, observer: abc.ObserverBase[T], wants: Wants | None = None) -> None:
        """Deliver to `observer` from the next item on, only what it `wants`."""
        member = Member(observer, wants, calling_place())
        self._replace(lambda members: (*members, member))

    def remove(self, observer: abc.ObserverBase[T]) -> None:
        """Deliver to `observer` no more."""
        self._replace(lambda members: tuple(each for each in members if each.observer is not observer))

    @property
    def wanted(self) -> Callable[[Any], object]:
        """What tells of a key whether a subscriber of now wants its items."""
        return self._routes.__getitem__

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
        """Forget what waits."""
        self._discarded = True

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
        key, clock = self._key, self._clock
        began = clock()
        for item in items:
            if self._discarded:
                self._fail()
                return
            for on_next in self._routes[key(item)]:
                try:
                    on_next(item)
                except BaseException as error:  # noqa: BLE001 - what is not for the program is reported
                    self._fail()
                    report(error, item)
            ended = clock()
            if ended - began > SLOW and not self._times_each:
                self._look_for_slow_ones(item, ended - began)
            began = ended

    def _look_for_slow_ones(self, item: T, took: float) -> None:
        """Have each timed from now on, which takes longer. The slow one may never be so slow again, so it is
        named at once, with the others that got the item."""
        self._times_each = True
        wanting = [member for member in self.members if member.wants(self._key(item))]
        if wanting:
            self._warn(wanting, item, took)
        self._replace(lambda members: members)  # the same ones, by the clock

    def _on_next_of(self, member: Member[T]) -> Callable[[T], None]:
        """What gives it an item, by the clock once slow ones are looked for."""
        on_next, clock = member.observer.on_next, self._clock
        if not self._times_each:
            return on_next

        def timed(item: T) -> None:
            began = clock()
            try:
                on_next(item)
            finally:
                took = clock() - began
                if took > SLOW and not member.is_known_as_slow:
                    self._warn([member], item, took)

        return timed

    def _warn(self, members: list[Member[T]], item: T, took: float) -> None:
        if len(members) == 1:
            members[0].is_known_as_slow = True
        places = "; or ".join(str(member.place) for member in members if member.place is not None)
        _log.warning(
            "a subscriber took %.1f s for %s%s; %s",
            took,
            short(repr(item), _LONGEST),
            f", subscribed at {places}" if places else "",
            _ON_A_THREAD if running_loop() is None else _ON_A_LOOP,
        )

    def _fail(self) -> None:
        receipt = self._receipts.current if self._receipts is not None else None
        if receipt is not None:
            receipt.fail()

    def _end(self, last: _End) -> None:
        members = self.members
        self._replace(lambda _: ())
        for member in members:
            end(member.observer, last.tell)
        last.then()


class _End:
    """The last thing that a hub delivers."""

    def __init__(self, tell: End, then: Callable[[], None]) -> None:
        self.tell = tell
        self.then = then


def complete(observer: abc.ObserverBase[Any]) -> None:
    """Complete it, for `Hub.finish`."""
    observer.on_completed()
