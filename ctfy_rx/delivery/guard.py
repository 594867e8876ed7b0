"""`Guard`: one subscriber, whose exceptions end nothing but itself, and are told.

An exception in a chain of operators may be a callback's, which has a bug, or an operator's, whose function
has one. The first ends nothing: it is reported, and the subscriber goes on with the next item. The second
ends the subscription, as in Rx: ``on_error``, and where nobody gave one, it is reported that this subscriber
hears nothing more. From where items come from both look alike, so they are told apart where they arise: a
guard at the end of the chain lets no exception of a callback through. `guarded` puts one between any two
operators as well: what reaches that one can only be an operator's.

An operator that is applied by hand, ``ops.map(f)(stream)``, has reactivex's own observer at its end. Then the
traceback says who raised.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from sys import getrefcount
from threading import get_ident, local
from types import CoroutineType
from typing import Any, Final

from reactivex import abc
from reactivex.disposable import SingleAssignmentDisposable
from reactivex.scheduler import CurrentThreadScheduler
from typing_extensions import override

from ctfy_rx.delivery.culprit import (
    calling_place,
    frames_above,
    given,
    is_an_operators,
    is_for_the_program,
    raised_at,
    was_heard_by_nobody,
)
from ctfy_rx.delivery.receipts import Receipts
from ctfy_rx.delivery.repeats import Repeats
from ctfy_rx.delivery.slow_subscriber import Failure, as_exception, report, report_end
from ctfy_rx.threads.coroutines import AWAIT_INSTEAD

__all__ = ["UNATTENDED", "Chain", "Guard", "Keeper", "chain_here"]

_NOTHING: Final = object()
_OURS = 2  # references to what nobody else, such as a task, holds


class Keeper:
    """Hears what becomes of the subscribers of a source; this one tells the log."""

    receipts: Receipts | None = None  # of the events that they are given

    of_platform: bool | None = None  # whether they are a platform's, and not another server's; None: unknown

    def raised(
        self, error: BaseException, item: object, *, goes_on: bool, repeats: Repeats | None = None
    ) -> None:
        """A callback raised `error` on `item`, as its `repeats` perhaps know; raises it where it is meant for
        the program."""
        report(error, item, goes_on=goes_on, repeats=repeats)

    def ended(self, failure: Failure) -> None:
        """A subscriber has ended, and there was no `on_error` to hear of it."""
        report_end(failure)

    def refuses(self, error: Exception) -> bool:  # noqa: ARG002 - it takes an owner to know
        """Whether `error`, with which a subscriber ends before anything came, is raised where it subscribes,
        rather than reported."""
        return False


UNATTENDED: Final = Keeper()
"""That of a source which nobody else looks after."""


class Chain:
    """What somebody subscribes to in one call, with all that operators subscribe to for it. One that
    `began_later` was begun by an operator, or out of a delivery: for whom is not known."""

    def __init__(self, *, began_later: bool) -> None:
        self.began_later = began_later


class _Here(local):
    chain: Chain | None = None


_here = _Here()


def chain_here() -> Chain | None:
    """That which is being subscribed to on this thread; None where reactivex's own observers began it."""
    return _here.chain


class Guard(abc.ObserverBase[Any]):
    """One subscriber; it detaches itself when it has ended, as reactivex's own do.

    With `feeds_operator` what it calls are functions of an operator, whose errors are passed on as its end.
    """

    def __init__(
        self,
        on_next: abc.OnNext[Any] | None,
        on_error: abc.OnError | None,
        on_completed: abc.OnCompleted | None,
        keeper: Keeper,
        *,
        feeds_operator: bool,
    ) -> None:
        self.is_stopped = False
        self._on_next = on_next or _ignore
        self._on_error = on_error
        self._on_completed = on_completed or _ignore
        self._keeper = keeper
        self._feeds_operator = feeds_operator
        self._subscription = SingleAssignmentDisposable()
        self._place = calling_place() if on_error is None else None
        self._beginning: int | None = None  # the thread that subscribes it
        self._refusal: Exception | None = None
        self._repeats: Repeats | None = None  # of what it raises, once it has

    def begin(self, subscribe: Callable[[Guard], abc.DisposableBase]) -> None:
        """Subscribe it. Raises what it is refused with before any item came, unless it has an `on_error`."""

        def start(*_: Any) -> None:
            try:
                self._subscription.disposable = subscribe(self)
            except Exception as error:
                if self.is_stopped or self._on_error is None:
                    self.is_stopped = True
                    raise
                self.is_stopped = True
                self._tell(error)

        self._beginning = get_ident()
        trampoline = CurrentThreadScheduler.singleton()  # as reactivex does, so that sources can be ended
        is_first = trampoline.schedule_required()
        try:
            if is_first:
                _here.chain = Chain(began_later=self._feeds_operator or _is_in_a_delivery())
                trampoline.schedule(start)  # and what that schedules
            else:
                start()
        finally:
            self._beginning = None
            if is_first:
                _here.chain = None
        if self._refusal is not None:
            raise self._refusal

    @override
    def on_next(self, value: Any) -> None:
        """Give it `value`; raises nothing but what is meant for the program."""
        if self.is_stopped:
            return
        try:
            returned: Any = self._on_next(value)
        except BaseException as error:  # noqa: BLE001 - what is not for the program is told
            self._caught(error, value)
        else:
            if returned.__class__ is CoroutineType and getrefcount(returned) <= _OURS:
                self._caught(_unawaited(returned), value)

    @override
    def on_error(self, error: Exception) -> None:
        """Fail it."""
        if self.is_stopped:
            return
        self.is_stopped = True
        try:
            self._tell(error)
        finally:
            self._detach()

    @override
    def on_completed(self) -> None:
        """Complete it."""
        if self.is_stopped:
            return
        self.is_stopped = True
        try:
            self._on_completed()
        except BaseException as error:  # noqa: BLE001 - as above
            self._caught(error, "the end of its items")
        finally:
            self._detach()

    def dispose(self) -> None:
        """Tell it nothing more."""
        self.is_stopped = True
        self._subscription.dispose()
        if self._repeats is not None:
            self._repeats.tell_the_rest()

    def _detach(self) -> None:
        try:
            self.dispose()
        except BaseException as error:  # noqa: BLE001 - by what an operator does in the end
            self._keeper.raised(error, "what is done after its end", goes_on=False)

    def _caught(self, error: BaseException, item: object) -> None:
        if is_for_the_program(error):
            raise error
        if was_heard_by_nobody(error):  # the subscriber of an operator that was applied by hand
            self._keeper.ended(Failure(as_exception(error), item, raised_at(error)))
        elif self._on_error is not None and is_an_operators(error, called_by_us=self._feeds_operator):
            self.is_stopped = True
            try:
                self._tell(as_exception(error))
            finally:
                self._detach()
        else:
            self._repeats = self._repeats or Repeats("a subscriber")
            self._keeper.raised(error, item, goes_on=not self.is_stopped, repeats=self._repeats)

    def _tell(self, error: Exception) -> None:
        """Tell its end to whom it may concern."""
        if self._on_error is not None:
            try:
                self._on_error(error)
            except BaseException as raised:
                if raised is not error or not was_heard_by_nobody(raised):
                    self._keeper.raised(raised, error, goes_on=False)
                    return
                if self._is_refused(error):
                    raise
            else:
                return
        elif self._is_refused(error):
            self._refusal = error
            return
        item = self._in_delivery()
        item = given(error) if item is _NOTHING else item
        self._keeper.ended(Failure(error, item, raised_at(error) or self._place))

    def _is_refused(self, error: Exception) -> bool:
        """Whether it ends before anything came, so that whoever subscribes can be told at once."""
        begins = self._beginning == get_ident() and self._in_delivery() is _NOTHING
        return begins and self._keeper.refuses(error)

    def _in_delivery(self) -> Any:
        """The item of its source that this thread is delivering: by the frames that do it, for to note each
        item would cost each."""
        found = _NOTHING
        for frame in frames_above(inspect.currentframe()):
            if frame.f_code is _BEGINS and frame.f_locals["self"] is self:
                break
            if frame.f_code is _GIVES and self._has_the_keeper_of(frame.f_locals["self"]):
                found = frame.f_locals["value"]
        return found

    def _has_the_keeper_of(self, other: Guard) -> bool:
        return other._keeper is self._keeper


_GIVES = Guard.on_next.__code__
_BEGINS = Guard.begin.__code__
_DELIVERS = ("on_next", "on_completed", "on_error")


def _is_in_a_delivery() -> bool:
    """Whether this thread delivers an item or an end, ours or reactivex's."""
    return any(frame.f_code.co_name.startswith(_DELIVERS) for frame in frames_above(inspect.currentframe()))


def _unawaited(coroutine: Any) -> TypeError:
    """The error of a callback that has made `coroutine`, as a lambda may."""
    coroutine.close()
    return TypeError(
        f"a callback made a coroutine of {coroutine.__qualname__}() that nobody awaits: {AWAIT_INSTEAD}"
    )


def _ignore(*_: Any) -> None:
    """What is called where nothing was asked for."""
