"""A platform's activity log as it behaves, and the truth about what a reader of it must be given.

Shares no code and no idea with `ctfy_rx.ledger`: rows are known here by the serial number of their commit,
which no reader is shown (it hides in `team_id`), and times are whole microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ctfy_rx.catalogue import Payload
from ctfy_rx.event import Event
from ctfy_rx.ledger import PageRequest

BEGIN = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MS = 1_000
S = 1_000_000


@dataclass(frozen=True)
class Row:
    """One commit. `late`: its id was taken before rows that were committed before it."""

    serial: int
    id: int
    at: int
    mine: bool
    late: bool = False


class LogModel:
    """The rows that are there now, oldest first; `now` in microseconds after `BEGIN`."""

    def __init__(self) -> None:
        self.now = 0
        self.rows: list[Row] = []
        self.begun: list[tuple[int, int]] = []  # ids and times of transactions that are not committed yet
        self._serial = 0

    def commit(self, *, jitter: int = 0, mine: bool = True) -> Row:
        """A row, whose time is `jitter` microseconds off."""
        return self._add(Row(self._next(), self._new_id(), self.now + jitter, mine))

    def begin(self) -> None:
        """A transaction that has its id and time, and is committed after others."""
        self.begun.append((self._new_id(), self.now))

    def commit_begun(self) -> Row:
        """Commit the oldest of those."""
        number, at = self.begun.pop(0)
        return self._add(Row(self._next(), number, at, mine=True, late=True))

    def delete(self, *places: int) -> None:
        """Delete the rows at those places."""
        self.rows = [row for place, row in enumerate(self.rows) if place not in places]
        self.now += S  # an id that comes again has a later time than any of before

    def delete_newest(self, count: int) -> None:
        """Delete the newest `count` rows; the next rows get their ids again."""
        self.delete(*range(len(self.rows) - count, len(self.rows)))

    def page(self, request: PageRequest) -> Sequence[Event[Payload]]:
        """What the platform answers its own player."""
        since, until = (_microseconds(moment) for moment in (request.since, request.until))
        found = [
            row
            for row in self.visible()
            if (since is None or row.at >= since) and (until is None or row.at <= until)
        ]
        window = found[::-1][request.offset : request.offset + request.limit]
        return [as_event(row) for row in window]

    def visible(self) -> list[Row]:
        return sorted((row for row in self.rows if row.mine), key=lambda row: row.id)

    def _add(self, row: Row) -> Row:
        self.rows.append(row)
        self.rows.sort(key=lambda row: row.id)
        return row

    def _next(self) -> int:
        self._serial += 1
        return self._serial

    def _new_id(self) -> int:
        taken = [row.id for row in self.rows] + [number for number, _ in self.begun]
        return max(taken, default=0) + 1


def as_event(row: Row) -> Event[Payload]:
    """What the platform's JSON of `row` becomes; all are alike but for id, time, and what is hidden."""
    item = {
        "id": str(row.id),
        "timestamp": (BEGIN + timedelta(microseconds=row.at)).isoformat(),
        "event": "flag_wrong",
        "team_id": str(row.serial),
        "challenge_id": "pwn-1",
    }
    return Event.from_row(item, received=0.0)


def serial(event: Event[Payload]) -> int:
    """Which commit `event` tells of."""
    return int(event.team_id or 0)


def unix(at: int) -> float:
    """The unix time of a moment of the model (seconds)."""
    return (BEGIN + timedelta(microseconds=at)).timestamp()


def _microseconds(moment: float | None) -> int | None:
    return (
        None if moment is None else (datetime.fromtimestamp(moment, UTC) - BEGIN) // timedelta(microseconds=1)
    )
