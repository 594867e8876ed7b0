"""Who is subscribed to a stream, and whether anybody is left."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from ctfy_rx.threads.process import OwnLock

__all__ = ["Subscribers", "only_waiting"]

_waits: ContextVar[bool] = ContextVar("ctfy_rx waits", default=False)


@contextmanager
def only_waiting() -> Generator[None]:
    """Who subscribes here only waits for the end, and is nobody for whose sake others would wait."""
    token = _waits.set(True)
    try:
        yield
    finally:
        _waits.reset(token)


class Subscribers:
    """The subscribers of a stream and of what derives from it, each with what it is subscribed to.

    The listeners are those at the root, where the events come from, but for who only waits. When the last of
    them has gone, and one had ended with an error of which nobody heard, whoever waits is told.
    """

    def __init__(self, is_at_the_root: Callable[[Observable[Any]], bool]) -> None:
        self._is_at_the_root = is_at_the_root
        self._lock = OwnLock()  # reentrant: a garbage collection inside may end a forgotten iterator
        self._sources: dict[abc.ObserverBase[Any], Observable[Any]] = {}  # in the order in which they came
        self._waiting: set[abc.ObserverBase[Any]] = set()
        self._unheard: Exception | None = None
        self._when_abandoned: list[Callable[[Exception], None]] = []

    def __iter__(self) -> Generator[abc.ObserverBase[Any]]:
        with self._lock:
            subscribers = tuple(self._sources)
        yield from subscribers

    @property
    def subscribed(self) -> int:
        """How many there are at the root."""
        with self._lock:
            return sum(map(self._is_at_the_root, self._sources.values()))

    def add(self, observer: abc.ObserverBase[Any], source: Observable[Any]) -> None:
        """`observer` is subscribed to `source`."""
        with self._lock:
            if _waits.get():
                self._waiting.add(observer)
            elif self._is_at_the_root(source) and not self._has_listeners():
                self._unheard = None  # it begins anew
            self._sources[observer] = source

    def remove(self, observer: abc.ObserverBase[Any]) -> None:
        """`observer` is not subscribed any more."""
        with self._lock:
            self._sources.pop(observer, None)
            self._waiting.discard(observer)
        self._look_who_is_left()

    def has_ended_unheard(self, error: Exception) -> None:
        """A listener has ended with `error`, and nobody hears of it."""
        with self._lock:
            self._unheard = error
        self._look_who_is_left()

    @property
    def abandoned(self) -> Exception | None:
        """That error, if no listener is left."""
        with self._lock:
            return None if self._has_listeners() else self._unheard

    def when_abandoned(self, tell: Callable[[Exception], None]) -> abc.DisposableBase:
        """Call `tell` with that error when there is one: now or later, until disposed."""
        with self._lock:
            self._when_abandoned.append(tell)
        self._look_who_is_left()
        return Disposable(lambda: self._when_abandoned.remove(tell))

    def _look_who_is_left(self) -> None:
        error = self.abandoned
        if error is not None:
            for tell in tuple(self._when_abandoned):
                tell(error)

    def _has_listeners(self) -> bool:
        return any(
            self._is_at_the_root(source) and observer not in self._waiting
            for observer, source in self._sources.items()
        )
