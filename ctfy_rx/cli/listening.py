"""One connection to the stream, made and read by the code of every stream, with a watch on it: when it
opened, when something came, how it ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ctfy_rx.connection.frames import Frames

__all__ = ["Listening"]

_STEP = 0.005  # seconds between two looks


class Listening:
    """Begins at once, in threads of its own; times are those of `time.monotonic`, in seconds.

    `opened_at` is None until the server has answered with a stream. `error` is what ended it, None where the
    server ended it in order.
    """

    def __init__(self, source: Frames) -> None:
        self.session = source.session()
        self.session.on_open = self._open
        self.started_at = time.monotonic()
        self.opened_at: float | None = None
        self.error: Exception | None = None
        self._ended = threading.Event()
        self._subscription = source.connect(self.session).subscribe(
            on_error=self._fail, on_completed=self._ended.set
        )

    @property
    def bytes(self) -> int:
        """How many bytes of the stream have come, comments included."""
        return self.session.bytes

    @property
    def frames(self) -> int:
        """How many frames have come."""
        return self.session.frames

    @property
    def ended(self) -> bool:
        """Whether the connection is over."""
        return self._ended.is_set()

    def until(self, holds: Callable[[], object], seconds: float) -> bool:
        """Wait until `holds()` is true, for `seconds` at most; False where it was not, or it ended before."""
        deadline = time.monotonic() + seconds
        while not holds():
            if self._ended.wait(_STEP) or time.monotonic() > deadline:
                return bool(holds())
        return True

    def close(self) -> None:
        """Close the connection; returns at once."""
        self._subscription.dispose()

    def _open(self) -> None:
        self.opened_at = time.monotonic()

    def _fail(self, error: Exception) -> None:
        self.error = error
        self._ended.set()
