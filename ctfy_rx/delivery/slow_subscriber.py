"""A thread and a bounded buffer of its own for one subscriber, so that it holds up nobody but itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from reactivex import abc
from typing_extensions import override

from ctfy_rx.delivery.buffer import DEFAULT_BUFFER, Buffer, Drops, Policy
from ctfy_rx.delivery.culprit import Place, is_for_the_program, raised_at, was_heard_by_nobody
from ctfy_rx.delivery.receipts import Kept, Receipts, lose, settle
from ctfy_rx.delivery.repeats import Repeats, said
from ctfy_rx.delivery.standstill import Standstill
from ctfy_rx.errors import BufferOverflow, CtfyRxError, StreamClosed
from ctfy_rx.program_log import program_log as _log
from ctfy_rx.text.printable import short
from ctfy_rx.threads.consumers import Consumer
from ctfy_rx.threads.process import OwnLock
from ctfy_rx.threads.waiting import Alarm

__all__ = [
    "End",
    "Failure",
    "Strand",
    "as_exception",
    "deliver",
    "end",
    "refused_exit",
    "report",
    "report_end",
    "report_unheard_end",
    "report_work",
]

T = TypeVar("T")

End = Callable[[abc.ObserverBase[Any]], None]
"""Tells an observer its end."""

_MANY = 1024
_LONGEST_ITEM = 500
_A_SUBSCRIBER = "a subscriber"
_EXITS_NOTHING = (
    ", and sys.exit() ends no program on a thread of the stream: close() it and exit after wait()"
)
_UNTIL_IT_RETURNS = "until it does what comes waits in its buffer: give what it waits for a timeout"


class Strand(Consumer, Generic[T]):
    """Delivers to `observer` on a daemon thread, in order, until its end or `stop`.

    With ``policy="block"`` who puts an item in waits for room.
    """

    def __init__(
        self,
        observer: abc.ObserverBase[T],
        size: int = DEFAULT_BUFFER,
        policy: Policy = "drop_oldest",
        drops: Drops | None = None,
        receipts: Receipts | None = None,
    ) -> None:
        super().__init__()
        self._observer = observer
        self._receipts = receipts or Receipts()
        self._repeats = Repeats(_A_SUBSCRIBER)
        self._standstill = Standstill(_UNTIL_IT_RETURNS)
        self._buffer: Buffer[T | Kept] = Buffer(size, policy, drops, lose)
        self._blocks = policy == "block"
        self._something_waits = Alarm()
        self._room = Alarm()
        self._end: End | None = None
        self._stopped = False
        self._refuses = False
        self._discarded = 0
        self._when_done = OwnLock()
        self._done = False
        self._then: list[Callable[[], None]] = []
        threading.Thread(target=self._run, name="ctfy_rx slow subscriber", daemon=True).start()

    def on_next(self, item: T) -> None:
        """Deliver `item`, when its turn comes."""
        self._standstill.look()
        while self._blocks and self._buffer.is_full and not self._stopped:
            self._room.wait()
        kept = self._receipts.keep(item)
        if self._refuses:
            self._discard(kept)
            return
        if self._end is not None:  # it has failed: what waits is delivered, and then that
            lose(kept)
            return
        try:
            self._buffer.put(kept)
        except BufferOverflow as error:
            lose(kept)
            failure = error  # the name of an except clause is gone after it
            self.finish(lambda observer: observer.on_error(failure))
        if self._stopped:  # just now, perhaps while it waited for room
            self._forget()
        self._something_waits.set()

    def finish(self, end: End) -> None:
        """End it with `end`, after what waits; the first end counts."""
        self._end = self._end or end
        self._something_waits.set()

    @override
    def discard(self) -> None:
        self._refuses = True
        self._forget()

    @override
    def accept(self) -> None:
        if not self._refuses:
            return
        self._forget()  # once more: a thread may just have put something in
        self._refuses, discarded, self._discarded = False, self._discarded, 0
        if discarded:
            _log.info("%d items that waited for a slow subscriber were discarded", discarded)

    @override
    def complete(self, then: Callable[[], None]) -> None:
        self.finish(lambda observer: observer.on_completed())
        with self._when_done:
            has_ended = self._done or self._stopped
            if not has_ended:
                self._then.append(then)
        if has_ended:
            then()

    def stop(self) -> None:
        """Deliver nothing more, not even an end; returns at once."""
        self._stopped = True
        self._forget()
        self._something_waits.set()

    def _forget(self) -> None:
        while forgotten := self._buffer.take_several(_MANY):
            for kept in forgotten:
                self._discard(kept)
        self._room.set()

    def _discard(self, kept: T | Kept) -> None:
        self._discarded += 1
        lose(kept)

    def _run(self) -> None:
        try:
            self._deliver_all()
        except BaseException as error:  # noqa: BLE001 - it ends this thread, and nobody would hear of it
            refusal = refused_exit(error, "subscriber's")
            end(self._observer, lambda observer: observer.on_error(refusal))
        self._buffer.drops.tell()
        self._repeats.tell_the_rest()
        with self._when_done:
            self._done = True
        for then in self._then:  # nobody adds any more
            then()

    def _deliver_all(self) -> None:
        self._standstill.begins()
        while not self._stopped:
            if self._buffer:
                self.is_busy = True
                self._deliver_one()
                self.is_busy = False
            elif self._end is not None:
                end(self._observer, self._end)
                break
            else:
                self._something_waits.wait()

    def _deliver_one(self) -> None:
        try:
            kept = self._buffer.take()
        except IndexError:  # discarded just now
            return
        self._room.set()
        if self._refuses:
            self._discard(kept)
        elif isinstance(kept, Kept):
            self._receipts.deliver(kept.receipt, lambda: self._give(kept.item))
            settle(kept)
        else:
            self._give(kept)

    def _give(self, item: T) -> None:
        self._standstill.at = item
        try:
            deliver(self._observer, item, self._repeats)
        finally:
            self._standstill.at = None


def deliver(observer: abc.ObserverBase[T], item: T, repeats: Repeats) -> None:
    """Give `item` to `observer`; what it raises is reported, and is its own."""
    try:
        observer.on_next(item)
    except BaseException as error:  # noqa: BLE001 - what is not for the program is reported
        report(error, item, repeats=repeats)


def report(
    error: BaseException, item: object, *, goes_on: bool = True, repeats: Repeats | None = None
) -> None:
    """Report what a subscriber raised on `item`, shortly where its `repeats` know it; raises it where it is
    meant for the program."""
    if is_for_the_program(error):
        raise error
    if was_heard_by_nobody(error):
        report_end(Failure(as_exception(error), item, raised_at(error)))
    else:
        then = "; it goes on with the next" if goes_on else ""
        why = _EXITS_NOTHING if isinstance(error, SystemExit) else ""
        (repeats or Repeats(_A_SUBSCRIBER)).log(error, f"on {item!r:.200}{why}{then}")


class Failure(NamedTuple):
    """How a subscriber has ended to whom nobody gave an `on_error`: with what, on which item, and at which
    line of the user's."""

    error: Exception
    item: object = None
    place: Place | None = None


def report_end(failure: Failure) -> None:
    """Report that a subscriber hears nothing more, and why."""
    error, item, place = failure
    or_else = ", or have that line allow for such an item" if raised_at(error) is not None else ""
    _log.error(
        "a subscriber has ended%s: %s%s. It hears nothing more: give subscribe() an on_error%s",
        "" if item is None else f" on {short(repr(item), _LONGEST_ITEM)}",
        said(error),
        "" if place is None else f", at {place}",
        or_else,
        exc_info=not isinstance(error, CtfyRxError) and error,
    )


def report_work(error: BaseException) -> None:
    """Report what something raised that a scheduler's thread did for somebody."""
    if was_heard_by_nobody(error):
        report_end(Failure(as_exception(error), None, raised_at(error)))
    else:
        _log.error("what a Clock was to do raised %r; the others on it go on", error, exc_info=error)


def as_exception(error: BaseException) -> Exception:
    """`error`, as an `on_error` takes it: what ends tasks and programs would do so where it is raised
    again."""
    if isinstance(error, Exception):
        return error
    wrapped = RuntimeError(f"{type(error).__name__} was raised by a function of an operator")
    wrapped.__cause__ = error
    return wrapped.with_traceback(error.__traceback__)


def refused_exit(error: BaseException, thread: str) -> StreamClosed:
    """What ends a stream on whose `thread` somebody tries to end the program."""
    closed = StreamClosed(
        f"{type(error).__name__} was raised on the {thread} thread, which cannot end the program: "
        "let the main thread wait for the end of the stream, and exit there"
    )
    closed.__cause__ = error
    return closed


def end(observer: abc.ObserverBase[Any], tell: End) -> None:
    """Tell `observer` its end; what it raises is reported."""
    try:
        tell(observer)
    except BaseException as error:
        if is_for_the_program(error):
            raise
        report_unheard_end(error)


def report_unheard_end(error: BaseException) -> None:
    """Report that a stream has failed, and a subscriber of it had no `on_error`."""
    _log.error(
        "a subscriber did not handle the end of its stream, %r: give subscribe() an on_error",
        error,
        exc_info=not isinstance(error, CtfyRxError) and error,  # ours say all that there is to say
    )
