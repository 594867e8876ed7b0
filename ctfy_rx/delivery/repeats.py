"""What somebody raises again and again, kept short: the log is for whoever reads it."""

from __future__ import annotations

from typing import NamedTuple

from ctfy_rx.delivery.buffer import now_and_then
from ctfy_rx.delivery.culprit import Place, raised_at
from ctfy_rx.program_log import program_log as _log
from ctfy_rx.text.printable import short
from ctfy_rx.threads.process import OwnLock

__all__ = ["Repeats", "said"]

_KINDS = 64
_LONGEST = 300


class _Kind(NamedTuple):
    """Errors of one type that came through one line of the user's own."""

    type: type[BaseException]
    place: Place | None

    @property
    def at(self) -> str:
        return "" if self.place is None else f", at {self.place}"


class Repeats:
    """Logs what one of the program's functions raises: the first error of a kind with its traceback, the
    next ones in a line, at powers of two, with their number. `who` it is begins the sentences."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._times: dict[_Kind, int] = {}
        self._lock = OwnLock()

    def log(self, error: BaseException, on: str) -> None:
        """`error` was raised; `on` which item, and what comes then, is told with it."""
        kind = _Kind(type(error), raised_at(error))
        with self._lock:
            is_one_too_many = kind not in self._times and len(self._times) == _KINDS
        if is_one_too_many:
            self.tell_the_rest()
        with self._lock:
            times = self._times[kind] = self._times.get(kind, 0) + 1
        if times == 1:
            _log.error("%s raised %s", self._who, on, exc_info=error)
        elif now_and_then(times):
            _log.error(
                "%s raised %s; again %s%s; %d times so far", self._who, on, said(error), kind.at, times
            )

    def tell_the_rest(self) -> None:
        """Tell the number of those that were not told; what comes now is told as the first of its kind."""
        with self._lock:
            counts, self._times = self._times, {}
        for kind, times in counts.items():
            if not now_and_then(times):
                _log.error("%s raised %s %d times in all%s", self._who, kind.type.__name__, times, kind.at)


def said(error: BaseException) -> str:
    """The type of `error` and what it says, as one line."""
    name = type(error).__name__
    return short(f"{name}: {error}" if str(error) else name, _LONGEST)
