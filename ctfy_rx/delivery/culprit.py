"""Whose code it was that raised, and for whom: the line that the user wrote, and whether an operator called
it, or a subscriber raised it, or it is meant for the program.

All of it is read off tracebacks and frames, and so costs nothing until something has gone wrong.
"""

from __future__ import annotations

import inspect
import linecache
import os
import sys
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple

import reactivex
from reactivex.internal import default_error

from ctfy_rx.text.printable import short

__all__ = [
    "Place",
    "calling_place",
    "frames_above",
    "given",
    "is_an_operators",
    "is_for_the_program",
    "place_of_thread",
    "raised_at",
    "was_heard_by_nobody",
]


def _folder(path: str | Path) -> str:
    return f"{path}{os.sep}"  # so that "ctfy_rx_bot.py" beside "ctfy_rx" is not taken for a part of it


_RX = Path(reactivex.__file__).parent
_LIBRARY = (_folder(Path(__file__).parents[1]), _folder(_RX))
_OBSERVERS = (_folder(_RX / "observer"), _folder(_RX / "subject"))
_LONGEST = 300


@cache
def _installed() -> tuple[str, ...]:
    """Where what was installed lies: Python's own library, and packages."""
    import sysconfig  # noqa: PLC0415 - a millisecond of each import of ours, for what is seldom asked

    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return (*(_folder(sysconfig.get_path(name)) for name in names), "<frozen ")


class Place(NamedTuple):
    """A line of code.

    >>> print(Place("/home/ada/bot.py", 12, "stream.subscribe(print)"))
    bot.py:12: stream.subscribe(print)
    """

    file: str
    line: int
    source: str = ""

    @classmethod
    def of(cls, frame: FrameType, line: int) -> Place:
        """That of a frame."""
        name = frame.f_code.co_filename
        return cls(name, line, linecache.getline(name, line, frame.f_globals).strip())

    def __str__(self) -> str:
        in_a_cell = "ipykernel" in self.file or self.file.startswith("<")
        where = f"line {self.line}" if in_a_cell else f"{Path(self.file).name}:{self.line}"
        return f"{where}: {short(self.source, _LONGEST)}" if self.source else where


def raised_at(error: BaseException) -> Place | None:
    """The last line of the user's own code that `error` came through, None where there is none.

    Of a program that is installed as a package it is the line at which that was entered.
    """
    others = [each for each in _frames(error.__traceback__) if not _is_of(each[0], _LIBRARY)]
    own = [each for each in others if not _is_of(each[0], _installed())]
    found = own[-1:] or others[:1]
    return Place.of(*found[0]) if found else None


def calling_place() -> Place | None:
    """The line of the user's own code that calls us."""
    return _own_line(inspect.currentframe())


def place_of_thread(thread: int) -> Place | None:
    """The line of the user's own code that a thread, by its identifier, is at; None where it is at none, or
    has ended."""
    return _own_line(sys._current_frames().get(thread))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # it is documented


def _own_line(innermost: FrameType | None) -> Place | None:
    found = None
    for frame in frames_above(innermost):
        if not _is_of(frame, _LIBRARY):
            found = found or frame
            if not _is_of(frame, _installed()):
                return Place.of(frame, frame.f_lineno)
    return None if found is None else Place.of(found, found.f_lineno)


def given(error: BaseException) -> Any:
    """The item that an operator was given which caught `error` in one of its functions; None where it is not
    known."""
    traceback = error.__traceback__
    code = None if traceback is None else traceback.tb_frame.f_code
    if traceback is None or code is None or "on_next" not in code.co_name or not code.co_argcount:
        return None
    return traceback.tb_frame.f_locals.get(code.co_varnames[0])


def was_heard_by_nobody(error: BaseException) -> bool:
    """Whether a subscription of reactivex's has ended with `error`, and had no `on_error`.

    Its `default_error` raises then, after it has detached the subscriber: what looks like a callback that
    raised is a subscriber that hears nothing more.
    """
    return any(frame.f_code is default_error.__code__ for frame, _ in _frames(error.__traceback__))


def is_an_operators(error: BaseException, *, called_by_us: bool) -> bool:
    """Whether an operator let `error` through, and no subscriber raised it: who called the user's code?

    `called_by_us` is what counts where it was called by whoever caught the error.
    """
    library: list[FrameType] = []
    for frame, _ in _frames(error.__traceback__):
        if not _is_of(frame, _LIBRARY):
            break
        library.append(frame)
    if len(library) <= 1:
        return called_by_us
    return not _is_of(library[-1], _OBSERVERS)


def is_for_the_program(error: BaseException) -> bool:
    """Whether a callback that raises it means to end the program: sys.exit() does so on the main thread, and
    elsewhere ends nothing but the thread."""
    on_the_main_thread = threading.current_thread() is threading.main_thread()
    return isinstance(error, KeyboardInterrupt) or (isinstance(error, SystemExit) and on_the_main_thread)


def frames_above(frame: FrameType | None) -> Iterator[FrameType]:
    """`frame`, who called it, and so on."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_of(frame: FrameType, folders: tuple[str, ...]) -> bool:
    return frame.f_code.co_filename.startswith(folders)


def _frames(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next
