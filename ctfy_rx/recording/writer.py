"""The file of a recording, open to be written: one writer at a time, whole lines only.

What is appended is written at once or not at all: where the disk is full in the middle of it, the file is cut
back to where it was. A file that is there already is gone on with: a torn end, which a crash leaves, is cut
off first.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from ctfy_rx.errors import RecordingFailed
from ctfy_rx.recording.compression import Lines, Packer, packing_of
from ctfy_rx.recording.lines import Header, from_line, header_in, no_recording

__all__ = ["Found", "Tape"]

if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        file.seek(2**62)  # far behind the end: the lock of a region keeps others from reading it
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


_HEADER = b'{"ctfy_rx_recording":'
_LOCKED = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}


class Found:
    """What a file held when it was opened: `header` (None: it is new), how many `events`, the last `cursor`
    (that of the header before there is one);
    whether a torn end was `mended`, and how many bytes of a torn line were `cut` off for it."""

    def __init__(self) -> None:
        self.header: Header | None = None
        self.events = 0
        self.cursor: str | None = None
        self.cut = 0
        self.mended = False

    def note(self, lines: list[bytes], name: str) -> None:
        """Take some more lines of it into account."""
        if self.header is None:
            self.header = header_in(lines[0], name)
            self.cursor = self.header.after
            lines = lines[1:]
        self.events += len(lines)
        for line in reversed(lines):
            if b'"cursor":' in line and (cursor := _cursor(line)):
                self.cursor = cursor
                return


def _cursor(line: bytes) -> str | None:
    try:
        return from_line(line).cursor
    except ValueError:
        return None  # a replay will say so


class Tape:
    """The file at `path`, opened, locked, and whole.

    Raises `RecordingFailed` where it cannot be written, or is being written by somebody else, `BadRecording`
    where it is something else than a recording, `MissingExtra` for ``.zst`` where no package knows it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found = Found()
        self.events = 0  # appended
        self._packer = Packer(packing_of(path))
        self._size = 0
        self._file = _opened(path)
        try:
            self._mend()
            self._file.seek(self._size)
        except BaseException:
            self._file.close()
            raise

    @property
    def is_new(self) -> bool:
        """Whether it has no header yet."""
        return self.found.header is None and not self._size

    def append(self, text: bytes, events: int) -> None:
        """Append whole lines, which hold so many events. Raises `RecordingFailed`."""
        if not self._is_in_place():
            raise self.failed("it was moved or deleted meanwhile")
        self._write(self._packer.pack(text))
        self.events += events

    def sync(self) -> None:
        """Wait until the disk has all of it. Raises `RecordingFailed`."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self.failed(_reason(error)) from None

    def close(self) -> None:
        """End it in order. Raises `RecordingFailed`; closed it is in any case."""
        if self._file.closed:
            return
        try:
            self._write(self._packer.end())
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Close it as it is; closed already, it stays so."""
        with suppress(OSError):
            self._file.close()

    def failed(self, reason: str) -> RecordingFailed:
        """What is to be raised when it cannot be gone on with."""
        total = self.found.events + self.events
        return RecordingFailed(
            f"{self.path} cannot be recorded any further: {reason}; {total} events are in it, and can be read"
        )

    def _write(self, packed: bytes) -> None:
        rest = memoryview(packed)
        try:
            while rest:
                rest = rest[os.write(self._file.fileno(), rest) :]
        except OSError as error:
            with suppress(OSError):  # needs no room; a torn end is cut off when the file is gone on with
                os.ftruncate(self._file.fileno(), self._size)
                self._file.seek(self._size)
            raise self.failed(_reason(error)) from None
        self._size += len(packed)

    def _is_in_place(self) -> bool:
        return _same_file(self._file, self.path)

    def _mend(self) -> None:
        """Read what there is; cut off a torn end, of which compressed files keep the whole lines."""
        packing = packing_of(self.path)
        lines = Lines(self._file, packing, self.path.name)
        for block in lines.blocks():
            self.found.note(block, self.path.name)
        self._size = lines.read
        if self.found.header is None and not _HEADER.startswith(lines.rest[: len(_HEADER)]):
            raise no_recording(self.path.name)
        if not lines.torn:
            return
        self._file.seek(lines.whole)
        torn = Lines(self._file, packing, self.path.name)
        kept = b"".join(line + b"\n" for block in torn.blocks() for line in block)
        self._size = lines.whole
        self._file.truncate(self._size)
        self._file.seek(self._size)
        if kept:
            self._write(self._packer.pack(kept) + self._packer.end())
        self.found.cut = len(lines.rest)
        self.found.mended = True


def _opened(path: Path) -> BinaryIO:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:
            raise RecordingFailed(f"{path} cannot be recorded: {_reason(error)}") from None
        file = os.fdopen(descriptor, "r+b", buffering=0)
        try:
            _lock(file)
        except OSError as error:
            file.close()
            reason = "somebody else records it now" if error.errno in _LOCKED else _reason(error)
            raise RecordingFailed(f"{path} cannot be recorded: {reason}") from None
        if _same_file(file, path):
            file.seek(0)
            return file
        file.close()  # another one was put in its place between opening and locking it


def _same_file(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
