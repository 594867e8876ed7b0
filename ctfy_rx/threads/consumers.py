"""`Consumer`: who waits for items, on a thread or in a task, as a ``for`` loop does.

Between it and the streams that it stands on there may be any operators, which pass on nothing but items. So
what is subscribed to can ask who subscribes, on this thread, and tell the consumer two things: which event
loop has to bring its items, and that a stream was closed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from ctfy_rx.errors import ConfigurationError
from ctfy_rx.threads.loops import running_loop

__all__ = ["Consumer", "who_subscribes"]

Driver = Callable[[], asyncio.AbstractEventLoop | None]
"""Which event loop brings the items of something, now; None: threads do, or nothing is open."""


class Consumer:
    """One that waits."""

    is_busy = False
    """Whether it is delivering an item, on a thread of its own."""

    def __init__(self) -> None:
        self._drivers: list[Driver] = []
        self._streams: set[object] = set()
        self._inside = False

    @contextmanager
    def subscribing(self, source: object) -> Generator[None]:
        """What is subscribed to in here, for `source` and on this thread, hears who subscribes."""
        whole = getattr(source, "closed_with", None)  # it is a stream, whatever it is made of
        if whole is not None:
            self._streams.add(whole)
            self._inside = True
        before, _here.consumer = _here.consumer, self
        try:
            yield
        finally:
            _here.consumer = before

    @contextmanager
    def inside(self, stream: object) -> Generator[bool]:
        """What is subscribed to in here is that on which `stream` stands. Gives whether the consumer stands
        on `stream` itself: it is the last one on the way to it, and hides those before."""
        outermost = not self._inside
        if outermost:
            self._streams.add(stream)
        self._inside = True
        try:
            yield stream in self._streams
        finally:
            self._inside = not outermost

    def needs(self, driver: Driver) -> None:
        """Its items come from `driver`."""
        self._drivers.append(driver)

    def refuse_to_block(self) -> None:
        """Raise `ConfigurationError` on an event loop that would have to bring what is waited for."""
        loop = running_loop()
        if loop is not None and any(driver() is loop for driver in self._drivers):
            raise ConfigurationError(
                "this would block the event loop that reads the stream, for ever: "
                "write `async for event in stream`, or `await stream.next_event()`"
            )

    def closed(self, stream: object) -> None:
        """`stream` was closed. Once all on which it stands are, what waits is discarded."""
        self._streams.discard(stream)
        if not self._streams:
            self.discard()

    def discard(self) -> None:
        """Forget what waits, and what comes, until `accept` is called."""

    def accept(self) -> None:
        """A stream that was closed completes now: what operators have held comes."""

    def complete(self, then: Callable[[], None]) -> None:
        """A stream that was closed has completed: end, and call `then` when no item is in the middle of its
        delivery."""
        then()


class _Here(threading.local):
    consumer: Consumer | None = None


_here = _Here()


def who_subscribes() -> Consumer | None:
    """The consumer that subscribes on this thread now; None: nobody who waits, as a callback does not."""
    return _here.consumer
