"""The subscribers of a hub by what they want, so that an item costs only those who want it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import msgspec
from reactivex import abc

from ctfy_rx.delivery.culprit import Place
from ctfy_rx.delivery.slow_subscriber import report

__all__ = ["NOBODY", "Member", "Members", "Routes", "Wants", "all_alike"]

T = TypeVar("T")

Wants = Callable[[Any], bool]
"""Whether the items of a key are wanted; asked once for a key. Where it raises they are not."""

_MOST_KEYS = 1024  # there are 100 names of events, unless a server invents them


def all_alike(_: object) -> None:
    """The one key of all items where nobody chooses among them."""


class Member(msgspec.Struct, Generic[T], eq=False):
    """A subscriber, how it chooses (None: it wants all), and the line at which it was subscribed."""

    observer: abc.ObserverBase[T]
    chooses: Wants | None = None
    place: Place | None = None
    is_known_as_slow: bool = False

    def wants(self, key: Hashable) -> bool:
        """Whether it wants the items of `key`."""
        try:
            return self.chooses is None or self.chooses(key)
        except BaseException as error:  # noqa: BLE001 - it is its own and hurts no other
            report(error, key)
            return False


Members = tuple[Member[T], ...]


class Routes(dict[Hashable, tuple[Callable[[Any], None], ...]]):
    """What gives the items of a key to whom, by `on_next_of` each member; found out when the key first comes.

    >>> from reactivex import Observer
    >>> members = Member(Observer(print)), Member(Observer(print), {"flag_correct"}.__contains__)
    >>> routes = Routes(members, lambda member: member.observer.on_next)
    >>> len(routes["flag_correct"]), len(routes["flag_wrong"])
    (2, 1)
    """

    def __init__(
        self, members: Members[Any], on_next_of: Callable[[Member[Any]], Callable[[Any], None]]
    ) -> None:
        super().__init__()
        self._members = members
        self._on_next_of = on_next_of

    def __missing__(self, key: Hashable) -> tuple[Callable[[Any], None], ...]:
        on_nexts = tuple(self._on_next_of(each) for each in self._members if each.wants(key))
        if len(self) < _MOST_KEYS:
            self[key] = on_nexts
        return on_nexts


NOBODY = Routes((), lambda member: member.observer.on_next)
"""Where nobody is subscribed."""
