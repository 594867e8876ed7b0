"""Who keeps an event for later says when it is done with it, so that its source can acknowledge it then, and
give it once more where somebody failed; and so that a stream knows how far all who hear it are."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Self, TypeVar

from ctfy_rx.threads.loops import running_loop
from ctfy_rx.threads.turns import Turns

__all__ = ["Held", "Kept", "Progress", "Receipt", "Receipts", "item_of", "lose", "receipts_of", "settle"]

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


class _Delivering(threading.local):
    """What this thread delivers. The class holds what most do, nothing: to find no attribute takes 0.4 us."""

    receipt: Receipt | None = None


class Receipts:
    """Which event is being delivered on this thread."""

    def __init__(self) -> None:
        self._delivering = _Delivering()

    @property
    def current(self) -> Receipt | None:
        """The receipt of the event that this thread delivers."""
        return self._delivering.receipt

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
        current = self._delivering.receipt
        return None if current is None else current.take()

    def keep(self, item: T) -> T | Kept:
        """`item` as a buffer keeps it for later: with the receipt of the event in delivery, if it has one."""
        current = self._delivering.receipt
        return item if current is None else Kept(item, current.take())


class Kept(NamedTuple):
    """An item that waits, with its receipt."""

    item: Any
    receipt: Receipt


def item_of(kept: T | Kept) -> T:
    """The item of what `Receipts.keep` gave."""
    if isinstance(kept, Kept):
        item: T = kept.item
        return item
    return kept


def settle(kept: object) -> None:
    """Who took what `Receipts.keep` gave is done with it."""
    if isinstance(kept, Kept):
        kept.receipt.done()


def lose(kept: object) -> None:
    """Who took what `Receipts.keep` gave never will be done with it."""
    if isinstance(kept, Kept):
        kept.receipt.done(failed=True)


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


Taker = asyncio.Task[Any] | threading.Thread


class Held:
    """What was taken out of a buffer last, by each of the tasks or threads that share a loop: who asks for
    the next is done with that. One that has ended is as well: it may have taken an item for another, as
    `asyncio.wait_for` does."""

    def __init__(self) -> None:
        self._taken: dict[Taker, Receipt] = {}

    def take(self, kept: T | Kept) -> T:
        """The item of `kept`, which is taken out now."""
        if isinstance(kept, Kept):
            self._taken[_taker()] = kept.receipt
            item: T = kept.item
            return item
        return kept

    def done(self, *, failed: bool = False) -> None:
        """Who asks is done with what it took last, or has failed at it."""
        if self._taken:
            me = _taker()
            self._settle(lambda taker: taker is me or _has_ended(taker), failed=failed)

    def close(self) -> None:
        """Nobody will be done with what is still held."""
        self._settle(lambda _: True, failed=True)

    def _settle(self, is_done: Callable[[Taker], bool], *, failed: bool) -> None:
        for taker in filter(is_done, tuple(self._taken)):
            receipt = self._taken.pop(taker, None)  # None: another was quicker
            if receipt is not None:
                receipt.done(failed=failed)


def _taker() -> Taker:
    loop = running_loop()
    task = None if loop is None else asyncio.current_task(loop)
    return threading.current_thread() if task is None else task


def _has_ended(taker: Taker) -> bool:
    return not taker.is_alive() if isinstance(taker, threading.Thread) else taker.done()


def receipts_of(source: object) -> Receipts | None:
    """Those of a stream, and of what is made of it; None of anything else."""
    receipts = getattr(source, "receipts", None)
    return receipts if isinstance(receipts, Receipts) else None
