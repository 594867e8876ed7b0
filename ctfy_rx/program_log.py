"""The program's log, under ``ctfy_rx``, as everything here writes into it.

Whoever writes is in the middle of its work, on a thread that others depend on. So what the program's own
handlers, filters and formatters raise is told on stderr, as `logging` does with its own, and goes no further.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, Final

from typing_extensions import override

__all__ = ["program_log"]


class _ProgramLog(logging.LoggerAdapter[logging.Logger]):
    @override
    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return msg, kwargs  # as they are: before Python 3.13 `extra` would be lost

    @override
    def log(self, level: int, msg: object, *args: object, stacklevel: int = 1, **kwargs: Any) -> None:
        try:
            super().log(level, msg, *args, stacklevel=stacklevel + 1, **kwargs)
        except Exception:  # noqa: BLE001 - whatever a program has put there
            _tell()


def _tell() -> None:
    if logging.raiseExceptions and sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]  # it is None under pythonw
        with suppress(OSError, ValueError):
            sys.stderr.write(f"--- Logging error ---\n{traceback.format_exc(chain=False)}")


program_log: Final = _ProgramLog(logging.getLogger("ctfy_rx"))
