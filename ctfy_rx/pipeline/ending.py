"""How all complete when a stream is closed: whoever is fed on a thread of its own after that has ended, and
nobody in the middle of a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from reactivex import abc

from ctfy_rx.delivery.guard import Chain, chain_here
from ctfy_rx.delivery.hub import complete
from ctfy_rx.threads.consumers import Consumer, who_subscribes
from ctfy_rx.threads.turns import after_all

__all__ = ["Ending"]

Observer = abc.ObserverBase[Any]


class Ending:
    """The consumers that stand on a stream, which may have items though all have come to them, and the chains
    of operators in which they stand, and the observers which no consumer stands on."""

    def __init__(self) -> None:
        self._consumers: WeakKeyDictionary[Consumer, Chain | None] = WeakKeyDictionary()
        self._last: WeakKeyDictionary[Observer, Chain | None] = WeakKeyDictionary()

    def add(self, observer: Observer, consumer: Consumer | None) -> None:
        """`observer` is being subscribed, on this thread, and with it `consumer`."""
        chain = chain_here()
        if who_subscribes() is None:
            self._last[observer] = chain
        if consumer is not None:
            self._consumers[consumer] = chain

    @property
    def consumers(self) -> tuple[Consumer, ...]:
        """Those of this moment."""
        return tuple(self._consumers)

    def complete(self, consumers: tuple[Consumer, ...], observers: Iterable[Observer]) -> None:
        """Complete `consumers`, and each of `observers` when those that may feed it have ended."""
        fed: dict[Consumer, list[Callable[[], None]]] = {consumer: [] for consumer in consumers}
        for observer in observers:
            feeding = self._feeding(observer, consumers)
            one_has_ended = after_all(len(feeding), partial(complete, observer))
            for consumer in feeding:
                fed[consumer].append(one_has_ended)
        for consumer, have_waited in fed.items():
            consumer.complete(partial(_call_each, have_waited))

    def complete_unless_fed(self, observer: Observer, busy: tuple[Consumer, ...]) -> None:
        """Complete `observer`, but where those that are `busy` with an item may feed it."""
        if not self._feeding(observer, busy):
            complete(observer)

    def _feeding(self, observer: Observer, consumers: tuple[Consumer, ...]) -> list[Consumer]:
        """Those of `consumers` that may feed `observer`: none where it feeds a consumer itself, which takes
        its end at once."""
        if observer not in self._last:
            return []
        chain = self._last[observer]
        return [each for each in consumers if _may_be_one(self._consumers.get(each), chain)]


def _may_be_one(one: Chain | None, other: Chain | None) -> bool:
    """Of what was subscribed to later, as `concat` and `flat_map` do, nobody knows for whom."""
    return one is None or other is None or one.began_later or other.began_later or one is other


def _call_each(actions: Iterable[Callable[[], None]]) -> None:
    for action in actions:
        action()
