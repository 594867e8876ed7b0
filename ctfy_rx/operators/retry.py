"""`retry_with_backoff`: a source that outlives its connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, SerialDisposable, SingleAssignmentDisposable
from reactivex.scheduler import TimeoutScheduler

from ctfy_rx.delivery.clock import seconds_of
from ctfy_rx.delivery.culprit import is_for_the_program
from ctfy_rx.errors import HttpError
from ctfy_rx.program_log import program_log as _log
from ctfy_rx.reconnect import Attempts, Backoff, Ended, Session, chance, is_transient
from ctfy_rx.status import Connecting, Gap, Open, Status, Waiting
from ctfy_rx.threads.loops import LoopScheduler, loop_of

__all__ = ["retry_with_backoff"]

_GATEWAY_TIMEOUT = 504


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@runtime_checkable
class _Resumable(Protocol[T_co]):
    """A source whose connections can continue one another, as `ctfy_rx.frames` is."""

    def session(self) -> Session: ...
    def connect(self, session: Session) -> Observable[T_co]: ...


def retry_with_backoff(
    initial: float = 1.0,
    maximum: float = 30.0,
    factor: float = 2.0,
    *,
    jitter: float = 0.5,
    reset_after: float = 60.0,
    max_attempts: int | None = None,
    retry_if: Callable[[Exception], bool] = is_transient,
    scheduler: abc.SchedulerBase | None = None,
    random: Callable[[], float] = chance,
    on_status: Callable[[Status], None] | None = None,
) -> Callable[[Observable[T]], Observable[T]]:
    """Subscribe to the source again whenever it ends, after a delay that grows while it keeps failing.

    ::

        first    --a--b--X
        second           .....--c--|
        third                      .--d--e--
                 retry_with_backoff()
                 --a--b---------c-----d--e--

    The delay is `initial` seconds after the first failure, grows by `factor` up to `maximum`, and a random
    amount, up to `jitter` x delay, is subtracted. It does not grow after a connection that the server closed
    in order and that delivered an item, sent a ``retry:``, or was open for `reset_after` seconds; it begins
    anew after any that was open for `reset_after`, or that delivered and was open for as long as the wait
    before it. The wait for a connection's headers is time open.

    A server's ``retry:`` takes the place of `initial`, from 0.5 s up to `maximum`; its ``Retry-After`` takes
    that of the delay, between 0.5 and 300 s. A random amount, up to `jitter` x delay, is then added.
    `maximum` bounds every wait but that of a ``Retry-After``.

    Never completes. Fails at once with an error for which `retry_if` is false; after `max_attempts`
    connections in a row that delivered nothing and were not open for `reset_after`, with the last real error
    of them (`ConnectionFailed` if all of them were closed in order); and with what a subscriber raised, which
    is never retried. `scheduler` gives the time (default: the event loop that drives the connections, else
    that of the subscription, else a timer thread for each wait), `random` the chance, numbers in [0, 1).
    `on_status` is told of `Connecting`, `Open`, `Waiting` and `Gap`. Raises `ConfigurationError` for numbers
    without a meaning.

    See also: `share`; reactivex's ``retry``, which waits for nothing, and ``repeat``.

    >>> import reactivex
    >>> from reactivex.testing import TestScheduler
    >>> time = TestScheduler()
    >>> attempts = iter([reactivex.throw(ConnectionError()), reactivex.of("back"), reactivex.never()])
    >>> flaky = reactivex.defer(lambda _: next(attempts))
    >>> stop = flaky.pipe(retry_with_backoff(jitter=0)).subscribe(print, scheduler=time)
    >>> time.advance_to(0.9)
    >>> time.advance_to(1.1)
    back
    """
    policy = Backoff(
        initial=initial,
        maximum=maximum,
        factor=factor,
        jitter=jitter,
        reset_after=reset_after,
        max_attempts=max_attempts,
        random=random,
    )

    def apply(source: Observable[T]) -> Observable[T]:
        def subscribe(
            observer: abc.ObserverBase[T], subscribed_on: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            retrying = _Retrying(
                source,
                observer,
                policy,
                retry_if=retry_if,
                timer=scheduler,
                subscribed_on=subscribed_on,
                on_status=on_status,
            )
            retrying.attempt()
            return retrying.disposable

        return Observable(subscribe)

    return apply


class _Retrying(Generic[T]):
    """The attempts of one subscriber. The timer's loop turns them, so nothing here ever calls itself
    deeper."""

    def __init__(
        self,
        source: Observable[T],
        observer: abc.ObserverBase[T],
        policy: Backoff,
        *,
        retry_if: Callable[[Exception], bool],
        timer: abc.SchedulerBase | None,
        subscribed_on: abc.SchedulerBase | None,
        on_status: Callable[[Status], None] | None,
    ) -> None:
        self._observer = observer
        self._attempts = Attempts(policy)
        self._retry_if = retry_if
        self._given_timer = timer
        self._subscribed_on = subscribed_on
        self._on_status = on_status
        self._is_resumable = isinstance(source, _Resumable)
        self._session = source.session() if isinstance(source, _Resumable) else Session()
        self._source: Observable[T] = (
            source.connect(self._session) if isinstance(source, _Resumable) else source
        )
        self._session.on_accepted = self._accepted
        self._session.on_open = self._opened
        self._connection = SerialDisposable()
        self._wait = SerialDisposable()
        self.disposable = CompositeDisposable(self._wait, self._connection)
        self._accepted_at: float | None = None
        self._is_open = False
        self._delivered = False
        self._lost_at: float | None = None
        self._raised_by_subscriber: Exception | None = None

    def attempt(self, *_: Any) -> None:
        if self.disposable.is_disposed:  # just now, while the timer was on its way here
            return
        self._accepted_at = self._session.retry = self._session.resumes = None
        self._is_open = self._delivered = False
        self._tell(Connecting(self._attempts.number))
        # Put in its place before subscribing: a source that ends at once must not dispose of the wait that it
        # began.
        connection = SingleAssignmentDisposable()
        self._connection.disposable = connection
        connection.disposable = self._source.subscribe(
            self._on_next, self._on_error, self._on_completed, scheduler=self._subscribed_on
        )

    @property
    def _timer(self) -> abc.SchedulerBase:
        """What gives the time. The event loop of whoever subscribed first does not, unless it reads: it may
        end, or stand still, while a thread goes on reading."""
        if self._given_timer is not None:
            return self._given_timer
        if self._session.loop is not None:
            return LoopScheduler(self._session.loop)
        if self._subscribed_on is None or (self._is_resumable and loop_of(self._subscribed_on) is not None):
            return TimeoutScheduler.singleton()
        return self._subscribed_on

    def _tell(self, status: Status) -> None:
        if self._on_status is None or self.disposable.is_disposed:
            return
        try:
            self._on_status(status)
        except BaseException as error:  # it must not pass for a lost connection
            if is_for_the_program(error):
                raise
            _log.exception("on_status raised on %r", status)

    def _accepted(self) -> None:
        if self._accepted_at is None:
            self._accepted_at = seconds_of(self._timer)

    def _opened(self) -> None:
        self._accepted()
        self._is_open = True
        self._tell(Open())
        last_id, resumes = self._session.last_event_id, self._session.resumes
        if self._lost_at is not None and not (last_id and resumes):
            seconds = seconds_of(self._timer) - self._lost_at
            self._tell(Gap(seconds, resumable=bool(last_id) and resumes is None))
        self._lost_at = None

    def _on_next(self, item: T) -> None:
        if not self._is_open:
            self._opened()  # a source that does not say when it opens shows it by its first item
        self._delivered = True
        try:
            self._observer.on_next(item)
        except Exception as error:
            self._raised_by_subscriber = error
            raise

    def _on_completed(self) -> None:
        self._ended(None)

    def _on_error(self, error: Exception) -> None:
        try:
            again = error is not self._raised_by_subscriber and self._retry_if(error)
        except Exception as raised:  # noqa: BLE001 - by retry_if
            self._observer.on_error(raised)
            return
        if again:
            self._ended(error)
        else:
            self._observer.on_error(error)

    def _ended(self, error: Exception | None) -> None:
        was_open = self._is_open or not _is_refusal(error)
        now, uptime = seconds_of(self._timer), 0.0
        if was_open and self._accepted_at is not None:
            uptime = now - self._accepted_at
            self._lost_at = now if self._lost_at is None else self._lost_at
        gives_up_with = self._attempts.after(
            Ended(error=error, delivered=self._delivered, uptime=uptime, retry=self._session.retry)
        )
        if gives_up_with is not None:
            self._observer.on_error(gives_up_with)
            return
        self._tell(Waiting(self._attempts.delay, error, self._attempts.number))
        self._wait_for(self._attempts.delay)

    def _wait_for(self, delay: float) -> None:
        # Put in its place before it begins: one that is over at once must not dispose of the wait after it.
        wait = SingleAssignmentDisposable()
        self._wait.disposable = wait
        try:
            wait.disposable = self._timer.schedule_relative(delay, self.attempt)
        except Exception as error:  # noqa: BLE001 - a scheduler that is disposed, a loop that is closed
            self._observer.on_error(error)


def _is_refusal(error: Exception | None) -> bool:
    """Whether the server has answered, and not a gateway for one that has said nothing yet: many send their
    headers with their first event."""
    return isinstance(error, HttpError) and error.status != _GATEWAY_TIMEOUT
