"""Where an error comes from: the line that the user wrote, not ours."""

from __future__ import annotations

import linecache
import sysconfig
from pathlib import Path
from types import TracebackType

import reactivex

from ctfy_rx.text.printable import short

__all__ = ["blamed"]

_OURS = str(Path(__file__).parent.parent)
_RX = str(Path(reactivex.__file__).parent)
_OTHERS = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_LONGEST = 300


def blamed(error: BaseException) -> str:
    """What `error` is, and the last line of the user's own code that it came through.

    >>> blamed(ValueError("no such team"))
    'ValueError: no such team'
    """
    told = short(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, _LONGEST)
    line = _users_line(error.__traceback__)
    return f"{told} — {line}" if line else told


def _users_line(traceback: TracebackType | None) -> str:
    found = ""
    while traceback is not None:
        name, number = traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        if not name.startswith((_OURS, _RX, *_OTHERS)):
            source = linecache.getline(name, number, traceback.tb_frame.f_globals).strip()
            in_a_cell = "ipykernel" in name or name.startswith("<")
            where = f"line {number}" if in_a_cell else f"{Path(name).name}:{number}"
            found = f"{where}: {short(source, _LONGEST)}" if source else where
        traceback = traceback.tb_next
    return found
