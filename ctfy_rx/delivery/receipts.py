"""Who keeps an event for later says when it is done with it, so that its source can acknowledge it then, and
give it once more where somebody failed; and so that a stream knows how far all who hear it are."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Self, TypeAlias, TypeVar

from ctfy_rx.threads.turns import Turns

__all__ = [
    "InHand",
    "Progress",
    "Receipt",
    "Receipts",
    "WithReceipt",
    "receipts_of",
    "settle",
    "unread",
    "with_receipt",
]

T = TypeVar("T")


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
        self._lock = threading.RLock()  # a garbage collection inside may close a forgotten loop

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


WithReceipt: TypeAlias = "tuple[T, Receipt | None]"
"""An item that waits, and its receipt, None where nobody waits for that. They go through a buffer together,
so that who drops and who takes at the same moment never mistake one for another's."""


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
        around, self._delivering.receipt = self.current, receipt
        try:
            give()
        except BaseException:
            receipt.fail()
            raise
        finally:
            self._delivering.receipt = around
            receipt.done()

    def taken(self) -> Receipt | None:
        """That receipt, taken: who asks keeps the event for later."""
        current = self.current
        return None if current is None else current.take()


class Progress:
    """Up to which of the cursors that events came with, one after another, everybody is done.

    What fails while `nobody_is_left` to be done with it, since the last loop left it unread or the stream was
    closed, holds the cursor back, until somebody else gets what comes. `receipts` tell who has the event.

    >>> receipts = Receipts()
    >>> progress = Progress(receipts)
    >>> progress.deliver("a", lambda: print(progress.cursor)); progress.cursor
    None
    'a'
    """

    def __init__(self, receipts: Receipts, nobody_is_left: Callable[[], bool] = lambda: False) -> None:
        self.cursor: str | None = None
        self._receipts = receipts
        self._nobody_is_left = nobody_is_left
        self._unread: deque[_Place] = deque()
        self._pending: deque[_Place] = deque()
        self._turns = Turns()  # a garbage collection inside may close a forgotten loop

    def deliver(self, cursor: str, give: Callable[[], None]) -> None:
        """Call `give`, which delivers the event of `cursor`."""
        if self._unread and self._nobody_is_left():
            give()
            return
        while self._unread:  # who comes now does not wait for what others have left
            self._unread.popleft().is_passed = True
        place = _Place(cursor)
        self._pending.append(place)
        around = self._receipts.taken()

        def settled(well: bool) -> None:
            if well or not self._nobody_is_left():
                place.is_passed = True
                self._turns.take(self._go_on)
            else:
                self._unread.append(place)
            if around is not None:
                around.done(failed=not well)

        self._receipts.deliver(Receipt(settled), give)

    def _go_on(self) -> None:
        while self._pending and self._pending[0].is_passed:
            self.cursor = self._pending.popleft().cursor


class _Place:
    """Where an event stood; it is passed when everybody is done with it."""

    __slots__ = ("cursor", "is_passed")

    def __init__(self, cursor: str) -> None:
        self.cursor = cursor
        self.is_passed = False


class InHand:
    """The receipt of the item that a loop has taken last: who takes the next is done with that. Without
    `receipts` there is none."""

    def __init__(self, receipts: Receipts | None) -> None:
        self._receipts = receipts
        self._taken: deque[Receipt] = deque()  # one, but while several take at once

    def with_receipt(self, item: T) -> WithReceipt[T]:
        """`item`, which is in delivery, to be kept for later."""
        receipts = self._receipts
        return item, None if receipts is None else receipts.taken()

    def refuse(self) -> None:
        """The event in delivery is not kept."""
        current = self._receipts.current if self._receipts is not None else None
        if current is not None:
            current.fail()

    def take(self, kept: WithReceipt[T]) -> T:
        """The item of `kept`, which the loop has now."""
        item, receipt = kept
        if receipt is not None:
            self.done()
            self._taken.append(receipt)
        return item

    def done(self, *, failed: bool = False) -> None:
        """What was taken last is done with, or has failed."""
        while self._taken:
            try:
                receipt = self._taken.popleft()
            except IndexError:  # another thread was quicker
                return
            receipt.done(failed=failed)


def with_receipt(item: T, receipts: Receipts | None) -> WithReceipt[T]:
    """`item`, which is in delivery, to be kept for later."""
    return item, None if receipts is None else receipts.taken()


def settle(kept: WithReceipt[Any], *, failed: bool = False) -> None:
    """Be done with the item of `kept`; with `failed` in vain."""
    receipt = kept[1]
    if receipt is not None:
        receipt.done(failed=failed)


def unread(kept: WithReceipt[Any]) -> None:
    """The item of `kept` was dropped, or discarded: nobody is going to be done with it."""
    settle(kept, failed=True)


def receipts_of(source: object) -> Receipts | None:
    """Those of a stream, and of what is made of it; None of anything else."""
    receipts = getattr(source, "receipts", None)
    return receipts if isinstance(receipts, Receipts) else None
