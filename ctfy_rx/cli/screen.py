"""Standard output and error. Each line goes out at once, in one write, past Python's buffers: what waits in a
buffer comes late, and holds up the end of a program whose reader has stopped reading."""

from __future__ import annotations

import os
import select
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from ctfy_rx.errors import CtfyRxError
from ctfy_rx.text.printable import plain

__all__ = ["Line", "OutputError", "Screen", "is_terminal", "when_nobody_reads"]


class OutputError(CtfyRxError):
    """Standard output takes no more: the disk is full, the terminal is gone."""


class Line:
    """One of the two standard streams, as a terminal with colours where it is one."""

    def __init__(self, stream: TextIO | None) -> None:
        # Where the stream was closed by the caller, Python has None.
        buffer: Any = getattr(stream, "buffer", None) or open(os.devnull, "wb", 0)  # noqa: SIM115, PTH123
        self._raw = getattr(buffer, "raw", buffer)
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._console = Console(file=stream, soft_wrap=True, highlight=False, emoji=False, markup=False)

    def print(self, text: Text) -> None:
        """Write `text`, in colours if this is a terminal."""
        with self._console.capture() as captured:
            self._console.print(text)
        self.write(captured.get().encode(self._encoding, "replace"))

    def write(self, line: bytes) -> None:
        """Write `line`; raises OSError as the operating system does."""
        rest = memoryview(line)
        while rest:
            written = self._raw.write(rest)
            if written is None:  # somebody else made the terminal non-blocking
                select.select([], [self._raw], [])
            rest = rest[written or 0 :]


class Screen:
    """Where events go, and where what is said about them goes; `quiet` says nothing."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._out = Line(sys.stdout)
        self._err = Line(sys.stderr)
        self._quiet = quiet
        self._keeps_saying = False

    def show(self, line: Text | str) -> None:
        """A line on standard output: a str as it is, in UTF-8.

        Raises BrokenPipeError where nobody reads any more, `OutputError` for all else.
        """
        try:
            if isinstance(line, Text):
                self._out.print(line)
            else:
                self._out.write(f"{line}\n".encode())
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"the output cannot be written: {error.strerror}") from None

    def say(self, note: str | Text) -> None:
        """A line on standard error, unless quiet."""
        if not self._quiet:
            self._tell(Text(plain(note), "dim") if isinstance(note, str) else note)

    def keep_saying(self, note: str) -> None:
        """A note on the last line of a terminal, in the place of the one before it; nothing elsewhere."""
        if not self._quiet and is_terminal(sys.stderr):
            with suppress(OSError):
                self._err.write(f"\r\x1b[K{plain(note)}".encode())
            self._keeps_saying = True

    def fail(self, sentence: str) -> None:
        """Why the command ends; quiet or not."""
        self._tell(Text(plain(sentence), "bold red"))

    def _tell(self, text: Text) -> None:
        with suppress(OSError):  # a standard error that is closed ends nothing
            if self._keeps_saying:
                self._keeps_saying = False
                self._err.write(b"\r\x1b[K")
            self._err.print(text)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at `stream`; it is None where the caller has closed it."""
    return stream is not None and stream.isatty()


def when_nobody_reads(act: Callable[[], None]) -> None:
    """Call `act` from another thread when the reader of standard output's pipe goes away: a write would tell
    as well, but only at the next event."""
    try:
        descriptor = sys.stdout.fileno()
        mode = os.fstat(descriptor).st_mode
    except (AttributeError, OSError, ValueError):
        return
    if not hasattr(select, "poll") or not stat.S_ISFIFO(mode):
        return

    def watch() -> None:
        poll = select.poll()
        poll.register(descriptor, 0)  # no wish but for errors: a pipe without a reader is one
        poll.poll()
        act()

    threading.Thread(target=watch, name="ctfy-rx-reader", daemon=True).start()
