"""The status of a stream as an Observable that always knows its current item."""

from __future__ import annotations

import inspect

from reactivex import abc
from reactivex.disposable import Disposable
from typing_extensions import override

from ctfy_rx.delivery.guard import Keeper
from ctfy_rx.delivery.guarded import Guarded
from ctfy_rx.delivery.slow_subscriber import Failure
from ctfy_rx.status import Closed, Idle, News, Status, SubscriberFailed
from ctfy_rx.text.html import element, page
from ctfy_rx.threads.process import OwnLock
from ctfy_rx.threads.turns import InTurn

__all__ = ["ConnectionStatus", "StatusFeed", "StatusSubject", "failed"]

Observers = tuple[abc.ObserverBase[Status], ...]
Notification = tuple[Status | None, Observers]
"""Whom to tell, and what; None is the end."""


class StatusFeed(Guarded[Status]):
    """What the connection of a stream is doing: the current `Status` at once, then each change. Opens
    nothing.

    ::

        idle--connecting--open------waiting--connecting--open---closed|
                   ^open------waiting--connecting--open---closed|

        print(stream.status.current)            # connected as root (admin)
        stream.status.current.state == "open"   # the same for a program
        stream.status.subscribe(print)
        for status in stream.status: ...        # or async for

    States, of which one is `current`:

    - `Idle()`: nobody is subscribed.
    - `Connecting(attempt)`: how many in a row.
    - `Open(who, nobody, refused)`: connected, as whom; as `nobody` a platform sends signals only, `refused`
      is the error that says why.
    - `Waiting(delay, cause, attempt)`: the next attempt comes in `delay` seconds.
    - `Closed(cause, reopens)`: for good, or until somebody subscribes.

    News, which who comes later is not told again:

    - `Gap(seconds, logged, resumable)`: events of that time may be missing.
    - `Late(delay, cause)`: the log cannot be read now, so events come late.
    - `Lagging(seconds)`: subscribers are slow, events wait for them.
    - `Dropped(total)`: a consumer was too slow for so many.
    - `NoContest(competition, who, others)`: there is none of the id in ``competition=``.
    - `SubscriberFailed(cause, item, line)`: a function of an operator has raised, at that line of yours.

    Each is a value with these fields, and a sentence as a str. Completes when the stream is closed;
    ``stream.close()`` runs the subscribers of the status on the caller's thread, but waits for none that runs
    on another. All its other methods are reactivex's operators.

    >>> from ctfy_rx import events
    >>> events("http://127.0.0.1:8100").status.current
    Idle()
    """

    def __init__(self, subject: StatusSubject) -> None:
        super().__init__()
        self.__doc__ = _HELP  # help() shows an object that has a text of its own without its class
        self._subject = subject
        self._keeper = _Keeper(subject)

    def __repr__(self) -> str:
        return f"<Status: {self.current}>"

    def _repr_html_(self) -> str:
        return page(element("span", "● ", class_="dim"), str(self.current))

    @property
    def current(self) -> Status:
        """The state of this moment."""
        return self._subject.current

    def _subscribe_core(
        self,
        observer: abc.ObserverBase[Status],
        scheduler: abc.SchedulerBase | None = None,  # noqa: ARG002 - a status waits for nothing
    ) -> abc.DisposableBase:
        return self._subject.subscribe(observer)


_HELP = f"{inspect.getdoc(StatusFeed)}\n\nhelp(type(stream.status)) goes on with all its methods."


class StatusSubject:
    """Where a status is emitted; `feed` is what its subscribers see of it.

    Changes come from many threads, and a subscriber may take its time or change the status itself. So what is
    told, and whom, is decided under the lock, and told outside of it, in turn.
    """

    def __init__(self) -> None:
        self._lock = OwnLock()  # reentrant: a garbage collection inside may close a forgotten iterator
        self._observers: Observers = ()
        self._in_turn: InTurn[Notification] = InTurn(_notify)
        self._ended = False
        self._connection: ConnectionStatus | None = None
        self.current: Status = Idle()
        self.feed = StatusFeed(self)

    def emit(self, status: Status) -> None:
        """`status` is current from now on."""
        with self._lock:
            self._put(status)
        self._in_turn.run()

    def end(self, status: Status) -> None:
        """`status` is the last one."""
        with self._lock:
            self._put(status)
            self._ended = True
            self._in_turn.add((None, self._observers))
            self._observers = ()
        self._in_turn.run()

    def of_connection(self) -> ConnectionStatus:
        """The status of a connection that opens; that of the one before it does not count any more."""
        self._connection = connection = ConnectionStatus(self)
        return connection

    def emit_of(self, connection: ConnectionStatus, status: Status) -> None:
        """Emit `status`, if `connection` is the one that counts."""
        with self._lock:
            if self._connection is connection:
                self._put(status)
        self._in_turn.run()

    def left_by(self, connection: ConnectionStatus) -> None:
        """`connection` is gone; if it is the one that counts, and did not say why, the stream is idle."""
        with self._lock:
            if self._connection is connection:
                self._connection = None
                if not isinstance(self.current, Closed):
                    self._put(Idle())
        self._in_turn.run()

    def subscribe(self, observer: abc.ObserverBase[Status]) -> abc.DisposableBase:
        """Tell `observer` the current status, then each change."""
        with self._lock:
            self._in_turn.add((self.current, (observer,)))
            if self._ended:
                self._in_turn.add((None, (observer,)))
            else:
                self._observers = (*self._observers, observer)
        self._in_turn.run()
        return Disposable(lambda: self._forget(observer))

    def _forget(self, observer: abc.ObserverBase[Status]) -> None:
        with self._lock:
            self._observers = tuple(other for other in self._observers if other is not observer)

    def _put(self, status: Status) -> None:
        if self._ended:
            return
        if not isinstance(status, News):
            self.current = status
        self._in_turn.add((status, self._observers))


def _notify(notification: Notification) -> None:
    status, observers = notification
    for observer in observers:
        if status is None:
            observer.on_completed()
        else:
            observer.on_next(status)


def failed(failure: Failure) -> SubscriberFailed:
    """What the status says of it."""
    error, item, place = failure
    return SubscriberFailed(error, item, "" if place is None else str(place))


class _Keeper(Keeper):
    """Tells of a subscriber of the status itself that has ended."""

    def __init__(self, subject: StatusSubject) -> None:
        self._subject = subject

    @override
    def ended(self, failure: Failure) -> None:
        super().ended(failure)
        if not isinstance(failure.item, SubscriberFailed):  # or it would go round for ever
            self._subject.emit(failed(failure))


class ConnectionStatus:
    """What one connection says of itself. A connection that is being closed may still speak while the next
    one opens: then it does not count."""

    def __init__(self, subject: StatusSubject) -> None:
        self._subject = subject

    def __call__(self, status: Status) -> None:
        """`status` is what the connection is doing now."""
        self._subject.emit_of(self, status)

    def stop(self) -> None:
        """The connection is gone."""
        self._subject.left_by(self)
