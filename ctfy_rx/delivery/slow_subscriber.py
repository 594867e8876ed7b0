"""A thread and a bounded buffer of its own for one subscriber, so that it holds up nobody but itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from reactivex import abc

from ctfy_rx.delivery.buffer import DEFAULT_BUFFER, Buffer, Drops, Overflow
from ctfy_rx.errors import BufferOverflow, CtfyRxError
from ctfy_rx.threads.waiting import Alarm

__all__ = ["End", "Strand", "deliver", "end", "report"]

T = TypeVar("T")

End = Callable[[abc.ObserverBase[Any]], None]
"""Tells an observer its end."""

_log = logging.getLogger("ctfy_rx")


class Strand(Generic[T]):
    """Delivers to `observer` on a daemon thread, in order, until its end or `stop`; `on_done` is called then.

    With ``overflow="block"`` who puts an item in waits for room.
    """

    def __init__(
        self,
        observer: abc.ObserverBase[T],
        size: int = DEFAULT_BUFFER,
        overflow: Overflow = "drop_oldest",
        drops: Drops | None = None,
        on_done: Callable[[], None] = lambda: None,
    ) -> None:
        self.observer = observer
        self._buffer: Buffer[T] = Buffer(size, overflow, drops)
        self._blocks = overflow == "block"
        self._on_done = on_done
        self._something_waits = Alarm()
        self._room = Alarm()
        self._end: End | None = None
        self._stopped = False
        threading.Thread(target=self._run, name="ctfy_rx slow subscriber", daemon=True).start()

    def on_next(self, item: T) -> None:
        """Deliver `item`, when its turn comes."""
        while self._blocks and self._buffer.is_full and not self._stopped:
            self._room.wait()
        try:
            self._buffer.put(item)
        except BufferOverflow as error:
            failure = error  # the name of an except clause is gone after it
            self.finish(lambda observer: observer.on_error(failure))
        self._something_waits.set()

    def finish(self, end: End) -> None:
        """End it with `end`, after what waits; the first end counts."""
        self._end = self._end or end
        self._something_waits.set()

    def discard(self) -> None:
        """Forget what waits."""
        self._buffer.clear()
        self._room.set()

    def stop(self) -> None:
        """Deliver nothing more, not even an end; returns at once."""
        self._stopped = True
        self.discard()
        self._something_waits.set()

    def _run(self) -> None:
        while not self._stopped:
            if self._buffer:
                self._deliver_one()
            elif self._end is not None:
                end(self.observer, self._end)
                break
            else:
                self._something_waits.wait()
        self._buffer.drops.tell()
        self._on_done()

    def _deliver_one(self) -> None:
        try:
            item = self._buffer.take()
        except IndexError:  # discarded just now
            return
        self._room.set()
        deliver(self.observer, item)


def deliver(observer: abc.ObserverBase[T], item: T) -> None:
    """Give `item` to `observer`; what it raises is reported, and is its own."""
    try:
        observer.on_next(item)
    except BaseException as error:  # noqa: BLE001 - what is not for the program is reported
        report(error, item)


def report(error: BaseException, item: object) -> None:
    """Report what a subscriber raised on `item`; raises it where it is meant for the program."""
    if isinstance(error, Exception):
        _log.error("a subscriber raised on %.200r; it goes on with the next", item, exc_info=error)
    elif isinstance(error, SystemExit) and threading.current_thread() is not threading.main_thread():
        # sys.exit() ends the program on the main thread, and nothing but the thread elsewhere.
        _log.error("a subscriber called sys.exit() on a thread of the stream; it goes on", exc_info=error)
    else:
        raise error


def end(observer: abc.ObserverBase[Any], tell: End) -> None:
    """Tell `observer` its end; what it raises is reported."""
    try:
        tell(observer)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
        _log.error(
            "a subscriber did not handle the end of its stream, %r: give subscribe() an on_error",
            error,
            exc_info=not isinstance(error, CtfyRxError),  # ours say all that there is to say
        )
