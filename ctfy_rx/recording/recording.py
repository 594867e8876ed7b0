"""A stream, recorded into a file: `Recording`, which `EventStream.record` begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from reactivex import Observable
from reactivex.disposable import SingleAssignmentDisposable

from ctfy_rx.delivery.receipts import receipts_of
from ctfy_rx.event import Event
from ctfy_rx.program_log import program_log as _log
from ctfy_rx.recording.lines import Header
from ctfy_rx.recording.recorder import Earlier, Recorder
from ctfy_rx.threads.consumers import Consumer

__all__ = ["Recording", "begun"]


class Recording:
    """A recording that is being made, until its stream ends, it is stopped, or it fails.

    >>> import ctfy_rx, reactivex, tempfile
    >>> stream = ctfy_rx.EventStream.over(reactivex.of(Event("flag_wrong", "{}", received=1.0)))
    >>> with tempfile.TemporaryDirectory() as folder, stream.record(f"{folder}/day1.jsonl") as recording:
    ...     recording.wait()
    ...     recording.events
    True
    1
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._consumer = Consumer()
        self._subscription = SingleAssignmentDisposable()

    @property
    def path(self) -> Path:
        """The file."""
        return self._recorder.tape.path

    @property
    def events(self) -> int:
        """How many events were written so far, without those that the file held before."""
        return self._recorder.tape.events

    @property
    def events_before(self) -> int:
        """How many events the file held before."""
        return self._recorder.tape.found.events

    @property
    def is_over(self) -> bool:
        """Whether nothing more is written."""
        return self._recorder.wait(0)

    @property
    def error(self) -> Exception | None:
        """What it, or its stream, has failed with."""
        return self._recorder.error

    def begin(self, source: Observable[Event[Any]]) -> Self:
        """Record the events of `source`."""
        recorder = self._recorder
        recorder.start()
        try:
            with self._consumer.subscribing(source):
                self._subscription.disposable = source.subscribe(recorder.put, recorder.end, recorder.end)
        except BaseException:
            recorder.finish()
            raise
        return self

    def stop(self) -> None:
        """Write what has come, and end; returns when it is written. Never raises: see `error`."""
        self._subscription.dispose()
        self._recorder.finish()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until it has ended (True) or `timeout` seconds have passed (False).

        Raises what it, or its stream, has failed with. Ctrl-C ends the wait with `KeyboardInterrupt`; the
        recording goes on until it is stopped, or the program ends.
        """
        if not self.is_over:
            self._consumer.refuse_to_block()
        is_over = self._recorder.wait(timeout)
        if self.error is not None:
            raise self.error
        return is_over

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is None and self.error is not None:
            raise self.error

    def __repr__(self) -> str:
        state = f"failed: {self.error}" if self.error else "ended" if self.is_over else "recording"
        return f"<Recording {self.path}: {self.events} events, {state}>"


def begun(
    source: Observable[Event[Any]],
    path: str | Path,
    header: Callable[[], Header],
    *,
    every: float,
    fsync: bool,
    waits: bool,
    is_open: Callable[[], bool],
    earlier: Earlier | None,
) -> Recording:
    """The recording of `source`, begun. See `Recorder`."""

    def failed(error: Exception) -> None:
        _log.error("the recording into %s has ended: %s", path, error)
        recording.stop()

    recorder = Recorder(
        path,
        header,
        every=every,
        fsync=fsync,
        waits=waits,
        is_open=is_open,
        earlier=earlier,
        receipts=receipts_of(source),
        on_failure=failed,
    )
    recording = Recording(recorder)
    if recorder.tape.found.cursor is not None and earlier is None and not waits:
        _log.warning(
            "%s lacks what happened after %s: the log is read for the recording of a whole stream alone",
            recorder.tape.path.name,
            recorder.tape.found.cursor,
        )
    return recording.begin(source)
