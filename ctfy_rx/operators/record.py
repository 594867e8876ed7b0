"""`record`: a tee into a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from reactivex import Observable, abc, compose
from reactivex.disposable import CompositeDisposable, Disposable

from ctfy_rx.delivery.receipts import receipts_of
from ctfy_rx.event import Event
from ctfy_rx.operators.share import share
from ctfy_rx.recording.lines import Header
from ctfy_rx.recording.recorder import EVERY, Recorder

__all__ = ["record"]

E = TypeVar("E", bound=Event[Any])


@runtime_checkable
class _Described(Protocol):
    """A source that knows what a recording of it begins with, as an `EventStream` does."""

    def described(self) -> Header: ...


def record(
    path: str | Path, *, every: float = EVERY, fsync: bool = False, waits: bool = False
) -> Callable[[Observable[E]], Observable[E]]:
    """The same events, and a recording of them in the file at `path`, for ``ctfy_rx.replay``.

    ::

        source  --a--b----c--|
                record("day1.jsonl")
                --a--b----c--|     day1.jsonl: a b c

    One writer, however many subscribers: they share one subscription to the source, as `share` has it. The
    file is written as `EventStream.record` does it, on a thread of its own; `every` and `fsync` are those of
    it. A source that `waits` is held up while the disk is slower; another one, such as a socket, must not be.
    Completes and fails with its source, when all is written. Fails with `RecordingFailed` where the file
    cannot be written, or not any further, and with `BadRecording` where it is something else.

    See also: `EventStream.record`, which goes on with a file without a hole; `replay`.

    >>> import reactivex, tempfile
    >>> import ctfy_rx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     answers = reactivex.of(Event("flag_wrong", "{}", received=1.0), Event("flag_correct", "{}"))
    ...     answers.pipe(record(f"{folder}/day1.jsonl")).subscribe(lambda event: print(event.event)).dispose()
    ...     [event.event for event in ctfy_rx.replay(f"{folder}/day1.jsonl", speed=None)]
    flag_wrong
    flag_correct
    ['flag_wrong', 'flag_correct']
    """

    def tee(source: Observable[E]) -> Observable[E]:
        header = source.described if isinstance(source, _Described) else lambda: Header.now("")

        def subscribe(
            observer: abc.ObserverBase[E], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            recorder = Recorder(
                path,
                header,
                every=every,
                fsync=fsync,
                waits=waits,
                receipts=receipts_of(source),
                on_failure=observer.on_error,
            )
            recorder.start()
            return _subscribed(source, recorder, observer, scheduler)

        return Observable(subscribe)

    return compose(tee, share())


def _subscribed(
    source: Observable[E],
    recorder: Recorder,
    observer: abc.ObserverBase[E],
    scheduler: abc.SchedulerBase | None,
) -> abc.DisposableBase:
    """`observer` hears what `recorder` writes; its end when all is written."""

    def on_next(event: E) -> None:
        recorder.put(event)
        observer.on_next(event)

    def on_error(error: Exception) -> None:
        recorder.finish()
        observer.on_error(error)

    def on_completed() -> None:
        recorder.finish()
        if recorder.error is None:
            observer.on_completed()

    try:
        subscription = source.subscribe(on_next, on_error, on_completed, scheduler=scheduler)
    except BaseException:
        recorder.finish()
        raise
    return CompositeDisposable(subscription, Disposable(recorder.finish))
