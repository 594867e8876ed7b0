"""Whether anybody was reached, for who watches for a stated time: a script must not take silence for calm."""

from __future__ import annotations

from ctfy_rx import Open, Status, Waiting
from ctfy_rx.errors import ConnectionFailed

__all__ = ["Reached"]


class Reached:
    """Whether a stream was ever connected, and if not, why."""

    def __init__(self) -> None:
        self._is = False
        self._reason = "no answer came"

    def note(self, status: Status) -> None:
        """`status` is what the connection is doing."""
        match status:
            case Open():
                self._is = True
            case Waiting(cause=Exception() as cause):
                self._reason = str(cause)
            case _:
                pass

    def check(self, seconds: float | None) -> None:
        """Raise `ConnectionFailed` if it was not, within that time."""
        if not self._is and seconds is not None:
            raise ConnectionFailed(f"never connected in {seconds:g} s: {self._reason}")
