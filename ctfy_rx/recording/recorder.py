"""What writes events into a file: taken where they are delivered, and written on a thread of its own, some at
a time, so that a slow disk holds up nobody but the recording.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for_all
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from ctfy_rx.delivery.buffer import DEFAULT_BUFFER, Buffer
from ctfy_rx.delivery.receipts import Kept, Receipts, item_of, lose, settle
from ctfy_rx.errors import BufferOverflow, CtfyRxError
from ctfy_rx.event import Event
from ctfy_rx.ledger import Cursor
from ctfy_rx.program_log import program_log as _log
from ctfy_rx.reconnect import Backoff, asked_by, is_transient
from ctfy_rx.recording.lines import Header, to_line
from ctfy_rx.recording.writer import Tape
from ctfy_rx.threads.process import this_process
from ctfy_rx.threads.waiting import Alarm, wait_for

__all__ = ["EVERY", "Earlier", "Recorder"]

EVERY = 1.0
"""How many seconds events wait before they are written, at most."""

_MANY = 2048  # events that wait are written at once
_MANY_UNSETTLED = 256  # where their source waits for it; a broker has no more than 1,024 on their way
_OPENS = 0.05  # seconds between two looks whether it does
_MOMENTS = 0.5  # seconds that a question has after the end

A = TypeVar("A")

Earlier = Callable[[str], Iterable[Event[Any]]]


class Recorder:
    """Writes events into the file at `path`, from `start` to `finish`.

    When the source `is_open`, `header` is asked for a new file's header, on the recorder's thread; `earlier`,
    if there is one, for what the log holds after the cursor with which another file ends. A source that
    `waits` is held up when it is faster than the disk; for others that is `BufferOverflow`, after
    `DEFAULT_BUFFER` events.
    Events of a source with `receipts` are done with when they are written.
    `on_failure` is called once, on the recorder's thread, with what it fails with.
    """

    def __init__(
        self,
        path: str | Path,
        header: Callable[[], Header],
        *,
        every: float = EVERY,
        fsync: bool = False,
        waits: bool = False,
        is_open: Callable[[], bool] = lambda: True,
        earlier: Earlier | None = None,
        receipts: Receipts | None = None,
        on_failure: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self.tape = Tape(Path(path))
        self.error: Exception | None = None
        self._header = header
        self._every = every
        self._fsync = fsync
        self._waits = waits
        self._is_open = is_open
        self._earlier = earlier
        self._on_failure = on_failure
        self._buffer: Buffer[Event[Any] | Kept] = Buffer(DEFAULT_BUFFER, "error")
        self._receipts = receipts or Receipts()
        self._many = _MANY_UNSETTLED if waits and receipts is not None else _MANY
        self._work = Alarm()
        self._room = Alarm()
        self._finishes = False
        self._process = this_process()
        self._ended = threading.Event()
        cursor = self.tape.found.cursor
        self._after = None if cursor is None else Cursor.parse(cursor)
        self._written: set[tuple[int, float | None]] = set()
        self._thread = threading.Thread(target=self._run, name="ctfy_rx recorder", daemon=True)
        self._tell_of_what_was_mended()

    def start(self) -> None:
        """Begin to write."""
        atexit.register(self.finish)
        self._thread.start()

    def put(self, event: Event[Any]) -> None:
        """Write `event` soon, unless it was made here; after the end it does nothing."""
        if self._is_of_the_parent or event.origin == "local":  # which did not happen
            return
        while self._waits and self._buffer.is_full and not self._ended.is_set():
            self._work.set()
            self._room.wait()
        kept = self._receipts.keep(event)
        if self._finishes:  # nothing is kept behind an event for which there was no room
            lose(kept)
            return
        try:
            self._buffer.put(kept)
        except BufferOverflow as error:
            lose(kept)
            self.end(error)
        if len(self._buffer) >= self._many:
            self._work.set()
        if self._ended.is_set():  # just now
            self._forget_what_waits()

    def end(self, error: Exception | None = None) -> None:
        """Write what waits, and end, with `error` where there is one; returns at once."""
        if self._is_of_the_parent:
            return
        self.error = self.error or error
        self._finishes = True
        self._work.set()

    def finish(self) -> None:
        """Write what waits, and end; returns when it is written."""
        self.end()
        if threading.current_thread() is not self._thread:
            self.wait()

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it has ended within `timeout` seconds."""
        return self._is_of_the_parent or wait_for(self._ended, timeout)

    def _tell_of_what_was_mended(self) -> None:
        found = self.tape.found
        if found.mended:
            _log.warning(
                "%s ended in the middle of an event (%d bytes of it were cut off); it goes on after it",
                self.tape.path.name,
                found.cut,
            )

    @property
    def _is_of_the_parent(self) -> bool:
        """In a forked child nobody writes; the parent does, and its file is not the child's."""
        return self._process is not this_process()

    def _run(self) -> None:
        try:
            self._write_or_fail()
        except CtfyRxError as error:
            self.error = self.error or error
        finally:
            self.tape.abandon()
            atexit.unregister(self.finish)
            self._ended.set()
            self._room.set()
            self._forget_what_waits()
        if self.error is not None:
            self._on_failure(self.error)

    def _write_or_fail(self) -> None:
        try:
            self._write_all()
        except CtfyRxError:
            raise
        except Exception as error:  # whatever it is, somebody must hear that nothing more is recorded
            raise self.tape.failed(f"{type(error).__name__}: {error}") from error

    def _write_all(self) -> None:
        while not (self._is_open() or self._finishes):
            self._work.wait(_OPENS)
        if self.tape.is_new:
            # With what waits, at once: that is what came after the header's cursor.
            self._write_waiting(self._asked_header().to_line())
        elif self._earlier is not None and self._after is not None:
            self._write_earlier(self._earlier)
        while True:
            finishes = self._finishes  # read before what waits: nothing comes after it
            self._write_waiting()
            if finishes:
                break
            self._work.wait(self._every)
        self.tape.close()

    def _asked_header(self) -> Header:
        if self._is_open():
            return self._header()  # what it says counts: the cursor from which this is gone on with
        try:
            return self._asked(self._header)
        except TimeoutError:
            return Header.now("")

    def _write_earlier(self, earlier: Earlier) -> None:
        """What the log got since the file's end. Some of it may come again, on the stream."""
        rows = [row for row in self._asked_log(earlier) if self._is_new(row)]
        self._written = {(row.log_id or 0, row.logged) for row in rows}
        for first in range(0, len(rows), _MANY):
            some = rows[first : first + _MANY]
            self.tape.append(b"".join(map(to_line, some)), len(some))

    def _asked_log(self, earlier: Earlier) -> Iterable[Event[Any]]:
        since = str(self._after)
        backoff = Backoff()
        for attempt in count(1):
            if self._finishes and not len(self._buffer):
                return ()  # nothing comes behind the hole: who goes on with the file fills it
            try:
                return self._asked(lambda: earlier(since))
            except (CtfyRxError, TimeoutError) as error:
                if self._finishes and not len(self._buffer):
                    return ()
                if self._finishes or not is_transient(error):
                    reason = str(error) or "it was stopped before the log was read"
                    _log.warning("%s lacks what happened after %s: %s", self.tape.path.name, since, reason)
                    return ()
                delay = backoff.delay(attempt, retry_after=asked_by(error))
            self._work.wait(delay)
        raise AssertionError

    def _asked(self, question: Callable[[], A]) -> A:
        """What `question` answers. Raises TimeoutError where it does not within moments of the end.

        It is asked on a thread of its own: one that is connecting cannot be interrupted, only left behind.
        """
        answer: Future[A] = Future()

        def ask() -> None:
            try:
                answer.set_result(question())
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised below
                answer.set_exception(error)

        threading.Thread(target=ask, name="ctfy_rx recorder asks", daemon=True).start()
        while not (answer.done() or self._finishes):
            wait_for_all((answer,), _OPENS)
        return answer.result(_MOMENTS)

    def _write_waiting(self, text: bytes = b"") -> None:
        while (waiting := self._buffer.take_several(_MANY)) or text:
            self._room.set()
            try:
                self._append(text, [item_of(kept) for kept in waiting])
            except BaseException:
                for kept in waiting:
                    lose(kept)
                raise
            for kept in waiting:
                settle(kept)
            text = b""

    def _append(self, text: bytes, events: list[Event[Any]]) -> None:
        if self._after is not None:
            events = [event for event in events if self._is_new(event)]
        text += b"".join(map(to_line, events))
        if text:
            self.tape.append(text, len(events))
            if self._fsync:
                self.tape.sync()

    def _forget_what_waits(self) -> None:
        for kept in self._buffer.take_several(DEFAULT_BUFFER):
            lose(kept)

    def _is_new(self, event: Event[Any]) -> bool:
        """Whether the file, as it was found, does not hold `event`."""
        if event.log_id is None or self._after is None:
            return True
        if (event.log_id, event.logged) in self._written:
            return False
        return self._after.is_before(event.log_id, event.logged or 0.0)
