"""`Clock`: one thread that gives the time to any number of compositions, of which none can stop it; and how
time is measured."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self, TypeVar

from reactivex import abc, typing
from reactivex.disposable import Disposable
from reactivex.internal import DisposedException
from reactivex.scheduler import EventLoopScheduler, VirtualTimeScheduler
from reactivex.scheduler.scheduleditem import ScheduledItem
from typing_extensions import override

from ctfy_rx.delivery.slow_subscriber import report_work

__all__ = ["Clock", "seconds_of"]

S = TypeVar("S")


def seconds_of(scheduler: abc.SchedulerBase) -> float:
    """Seconds, from which to take a difference, on a clock that nobody sets.

    What a scheduler of reactivex's calls `now` is the wall clock, which jumps; only a virtual one's is its
    own.

    >>> from reactivex.testing import TestScheduler
    >>> time = TestScheduler()
    >>> time.advance_to(2.5)
    >>> seconds_of(time)
    2.5
    """
    virtual = isinstance(scheduler, VirtualTimeScheduler)
    return scheduler.to_seconds(scheduler.now) if virtual else time.monotonic()


class Clock(EventLoopScheduler):
    """A scheduler for operators that measure time, and for `observe_on`: one daemon thread for all of them.

    It is reactivex's `EventLoopScheduler`, whose thread dies of the first exception, so that everybody on it
    is silent from then on. Here what is scheduled may raise: that is reported under the logger ``ctfy_rx``,
    and everything else goes on. `dispose`, or ``with``, ends the thread; what is scheduled then is forgotten.

    >>> import ctfy_rx
    >>> from ctfy_rx.testing import solve, stream_of
    >>> with Clock() as clock, stream_of(solve(), ends=False) as stream:
    ...     next(iter(stream.delay(0.001, scheduler=clock))).event
    'flag_correct'
    """

    @override
    def invoke_action(self, action: abc.ScheduledAction[S], state: S | None = None) -> abc.DisposableBase:
        """Call `action`, whatever it raises."""
        try:
            return super().invoke_action(action, state)
        except DisposedException as error:
            if not self._is_disposed:  # just now, while it was at work: what comes next is forgotten
                report_work(error)
        except BaseException as error:  # noqa: BLE001 - this thread is others' too
            report_work(error)
        return Disposable()

    @override
    def schedule_periodic(
        self,
        period: typing.RelativeTime,
        action: typing.ScheduledPeriodicAction[S],
        state: S | None = None,
    ) -> abc.DisposableBase:
        """As reactivex's, but an `action` that raises is called again when it is due again."""

        def periodic(state: Any = None) -> Any:
            try:
                return action(state)
            except BaseException as error:  # noqa: BLE001 - as above
                report_work(error)
                return state

        return super().schedule_periodic(period, periodic, state)

    @override
    def dispose(self) -> None:
        """End the thread; what is scheduled is forgotten."""
        with self._condition:
            if not self._is_disposed:
                self._is_disposed = True
                # Its thread looks for work before it sleeps, but not whether it is disposed: one that was at
                # work just now, perhaps disposing it, would sleep for ever.
                self._ready_list.append(ScheduledItem(self, None, _nothing, self.now))
                self._condition.notify()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dispose()


def _nothing(*_: Any) -> None:
    """What wakes a thread."""
