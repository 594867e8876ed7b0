"""What a stream has done so far, in numbers: ``stream.stats``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from ctfy_rx.reconnect import Session
from ctfy_rx.status import Closed, Connecting, Gap, Idle, Open, Status, Waiting
from ctfy_rx.text.html import element, page, table

__all__ = ["Counters", "Stats"]


@dataclass(frozen=True, slots=True)
class Stats:
    """A snapshot. All but `lag` and `uptime` only grow, over all connections of the stream.

    `frames` and `bytes` were received (bytes of content, decompressed), `events` delivered to all who wanted
    them, `drops` lost to slow consumers, `gaps` times in which events may have been missed, `log_reads` reads
    of the activity log, `connections` opened and `reconnects` begun. `lag` is how long the last event waited
    for its delivery, `uptime` how long the connection is open, both in seconds.
    """

    frames: int = 0
    bytes: int = 0
    events: int = 0
    connections: int = 0
    reconnects: int = 0
    drops: int = 0
    gaps: int = 0
    log_reads: int = 0
    lag: float = 0.0
    uptime: float = 0.0

    def _repr_html_(self) -> str:
        numbers: dict[str, float] = asdict(self)
        rows = ([name, element("td", f"{value:,.10g}", class_="number")] for name, value in numbers.items())
        return page(table([], rows, class_="fields"))


class Counters:
    """What `Stats` is taken from. Each number has one writer at a time; `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.events = 0
        self._drops = 0
        self.log_reads = 0
        self.lag = 0.0
        self._clock = clock
        self._connections = 0
        self._reconnects = 0
        self._gaps = 0
        self._opened_at: float | None = None
        self._session = Session()
        self._frames = 0
        self._bytes = 0
        self._skipped = 0  # delivered to all who wanted them: nobody

    def follow(self, session: Session) -> None:
        """Count what `session` receives from now on."""
        self._frames += self._session.frames
        self._bytes += self._session.bytes
        self._skipped += self._session.skipped
        self._session = session

    def count_drop(self) -> None:
        """One more event was dropped."""
        self._drops += 1

    def note(self, status: Status) -> None:
        """Count what `status` tells."""
        match status:
            case Open():
                self._connections += 1
                self._opened_at = self._clock()
            case Gap():
                self._gaps += 1
            case Idle() | Connecting() | Closed():
                self._opened_at = None
            case Waiting():
                self._opened_at = None
                self._reconnects += 1
            case _:
                pass

    def stats(self) -> Stats:
        """The numbers of this moment."""
        opened = self._opened_at
        return Stats(
            frames=self._frames + self._session.frames,
            bytes=self._bytes + self._session.bytes,
            events=self.events + self._skipped + self._session.skipped,
            connections=self._connections,
            reconnects=self._reconnects,
            drops=self._drops,
            gaps=self._gaps,
            log_reads=self.log_reads,
            lag=self.lag,
            uptime=0.0 if opened is None else self._clock() - opened,
        )
