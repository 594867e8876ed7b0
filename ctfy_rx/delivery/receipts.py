"""Who keeps an event for later says when it is done with it, so that its source can acknowledge it then, and
give it once more where somebody failed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Self

__all__ = ["Held", "Receipt", "Receipts"]


class Receipt:
    """Of one event. `settled` is called once, when all who took it are done: with False if one has failed.

    >>> receipt = Receipt(print)
    >>> callback, loop = receipt.take(), receipt.take()
    >>> callback.done()
    >>> loop.done(failed=True)
    False
    """

    def __init__(self, settled: Callable[[bool], None]) -> None:
        self._settled = settled
        self._takers = 0
        self._failed = False
        self._lock = threading.Lock()

    def take(self) -> Self:
        """One more has to be done with the event."""
        with self._lock:
            self._takers += 1
        return self

    def fail(self) -> None:
        """Somebody who did not take it has failed."""
        self._failed = True

    def done(self, *, failed: bool = False) -> None:
        """One who took it is done with the event; once for each `take`."""
        with self._lock:
            self._failed |= failed
            self._takers -= 1
            settles = not self._takers
        if settles:
            self._settled(not self._failed)


class Receipts:
    """Which event is being delivered on this thread."""

    def __init__(self) -> None:
        self._delivering = threading.local()

    @property
    def current(self) -> Receipt | None:
        """The receipt of the event that this thread delivers."""
        return getattr(self._delivering, "receipt", None)

    def deliver(self, receipt: Receipt, give: Callable[[], None]) -> None:
        """Call `give`, which delivers the event of `receipt`; that is one who is done when it returns."""
        receipt.take()
        self._delivering.receipt = receipt
        try:
            give()
        except BaseException:
            receipt.fail()
            raise
        finally:
            self._delivering.receipt = None
            receipt.done()


class Held:
    """The receipts of the items in a buffer, oldest first, and of the one that was taken out last: who asks
    for the next is done with that. Without `receipts` nothing is kept."""

    def __init__(self, receipts: Receipts | None) -> None:
        self._receipts = receipts
        self._waiting: deque[Receipt] = deque()
        self._taken: Receipt | None = None

    def put(self) -> None:
        """The event in delivery goes into the buffer."""
        current = self._receipts.current if self._receipts is not None else None
        if current is not None:
            self._waiting.append(current.take())

    def refuse(self) -> None:
        """The event in delivery does not go into the buffer."""
        current = self._receipts.current if self._receipts is not None else None
        if current is not None:
            current.fail()

    def drop(self) -> None:
        """The oldest leaves the buffer unread."""
        if self._waiting:
            self._waiting.popleft().done(failed=True)

    def take(self) -> None:
        """The oldest is taken out."""
        if self._waiting:
            self._taken = self._waiting.popleft()

    def done(self, *, failed: bool = False) -> None:
        """What was taken out last is done with, or has failed."""
        taken, self._taken = self._taken, None
        if taken is not None:
            taken.done(failed=failed)

    def close(self) -> None:
        """Nobody will be done with the rest."""
        self.done(failed=True)
        self.discard()

    def discard(self) -> None:
        """All leave the buffer unread."""
        with suppress(IndexError):  # there are no more
            while True:
                self._waiting.popleft().done(failed=True)
