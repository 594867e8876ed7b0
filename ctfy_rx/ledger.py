"""Which rows of the activity log are new: each event once, on a stream whose frames have no ids.

The premises, all of them observed on ctfy 0.7.0:

1. A row is committed before its frame is sent. So a read that begins after a frame has come finds its row.
2. Ids grow in the order of commits. After the newest rows are deleted an id may come again, with a time later
   than any of before. So ``(id, time)`` names a row for good, which its id alone does not.
3. ``since`` and ``until`` are inclusive, pages are ordered by id, newest first, and hold as many rows as were
   asked for, or all that there are.
4. The times of rows never run back, against the order of their commits, by more than `OVERLAP` seconds.

What follows: a read asks for all rows from `OVERLAP` seconds before the latest time that was ever given, so
by 4 no row that is still to come lies outside of it. Of what it finds, all is new that was not given before.
Those given are remembered as long as a read can find them, and no longer, so memory is bounded by what
happens in `OVERLAP` seconds. Of a new row the frame, the opening of a connection or the steady tick causes a
read that begins after its commit (1), so each row is given; and since it is remembered or out of reach, once.

A read of several pages is taken while rows come and go. Rows that come push the others down, so a page may
repeat rows, which changes nothing; rows that are deleted pull them up, so a page may skip some. So each page
begins `SHARED` rows before the end of the one before it and must hold that one's last row; if it does not,
the read begins again, and nothing of the torn one counts. Only what follows that row is taken: rows that come
during a read are the next one's.

After a restart nothing is remembered but a `Cursor`: the id of the last row and the latest time. A row is old
if neither is beyond the cursor's. By 2 a row that was committed later has a larger id, or an old id with a
later time. The id of a cursor is lower than one that was given before only where ids come again: a row that
was committed out of the order of ids, which 2 rules out, but a read finds all the same, does not lower it, or
the rows above it would be given twice after a restart.

Not promised: rows that are deleted before they are read; a row that is committed more than `OVERLAP` seconds
after its time; anything of the time in which a clock that was set back by more than that catches up with
itself; across a restart, a row with a smaller id that is committed after one with a larger id; an order of
rows between two reads other than that of the reads; and, of a beginning by time, on which side of it rows
fall whose times run against their ids.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ctfy_rx.errors import ConfigurationError, LogShifted
from ctfy_rx.event import Event

__all__ = ["OVERLAP", "SHARED", "Cursor", "Ledger", "PageRequest", "catch_up"]

OVERLAP = 10.0
"""How many seconds back each read looks again, for rows that were committed late or out of order."""

SHARED = 50
"""How many rows a page repeats of the one before it."""

_CURSOR = re.compile(r"(?P<id>[0-9]{0,30})@(?P<moment>.+)")
_RESTARTS = 5
_LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


class Cursor(msgspec.Struct, frozen=True):
    """A place in the log: the latest time (unix time, seconds) and the id of the row after which to go on.

    Without an id everything is new that was logged at `at` or later.

    >>> print(Cursor(at=0.5, id=7), Cursor.parse("7@1970-01-01T00:00:00.500000+00:00"))
    7@1970-01-01T00:00:00.500000+00:00 7@1970-01-01T00:00:00.500000+00:00
    """

    at: float
    id: int | None = None

    @classmethod
    def before(cls, at: float) -> Cursor:
        """Before everything that was logged at the unix time `at` (seconds) or later."""
        return cls(min(max(round(at, 6), 0.0), _LATEST))

    @classmethod
    def after(cls, rows: Iterable[Event[Any]]) -> Cursor | None:
        """After all of `rows`, None without any.

        The newest row alone does not tell: rows a little older may have later times.

        >>> rows = [Event("solve", "{}", log_id=8, logged=1.0), Event("solve", "{}", log_id=7, logged=1.5)]
        >>> print(Cursor.after(rows))
        8@1970-01-01T00:00:01.500000+00:00
        """
        places = [_identity(row) for row in rows]
        return cls(max(at for _, at in places), max(number for number, _ in places)) if places else None

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """The cursor that was printed as `text`. Raises `ConfigurationError`."""
        written = _CURSOR.fullmatch(text)
        try:
            logged = datetime.fromisoformat(written["moment"] if written else "")
            utc = logged.astimezone(UTC) if logged.tzinfo else logged.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise ConfigurationError(
                f'{text[:80]!r} is no cursor: give since= what stream.cursor was, or "start", or a datetime'
            ) from None
        number = written["id"] if written else ""
        return cls(utc.timestamp(), int(number) if number else None)

    def __str__(self) -> str:
        moment = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="microseconds")
        return f"{'' if self.id is None else self.id}@{moment}"

    def is_before(self, number: int, at: float) -> bool:
        """Whether the row of that id and time (unix time, seconds) comes after this place."""
        return at >= self.at if self.id is None else number > self.id or at > self.at


class Ledger:
    """What was given so far. Without a cursor the whole log is new.

    >>> ledger = Ledger(None)
    >>> rows = [Event("solve", "{}", log_id=8, logged=1.0), Event("solve", "{}", log_id=7, logged=0.5)]
    >>> [row.log_id for row in ledger.accept(rows)], ledger.accept(rows)
    ([7, 8], [])
    """

    def __init__(self, cursor: Cursor | None) -> None:
        self.cursor = cursor
        self._start = cursor
        self._given: set[tuple[int, float]] = set()

    @property
    def since(self) -> float | None:
        """From when on (unix time, seconds) the next read must look; None: from the start of the log."""
        return None if self.cursor is None else self.cursor.at - OVERLAP

    def accept(self, rows: Iterable[Event[Any]]) -> list[Event[Any]]:
        """Those of `rows` that are new, in the order of their ids, each with the cursor to go on after it."""
        read = {_identity(row): row for row in rows}
        new = sorted(identity for identity in read if self._is_new(*identity))
        known = max((number for number, at in read if self._was_given(number, at)), default=0)
        accepted = [self._given_now(identity, known, read[identity]) for identity in new]
        since = self.since
        if since is not None:
            self._given = {identity for identity in self._given if identity[1] >= since}
        return accepted

    def _is_new(self, number: int, at: float) -> bool:
        since = self.since
        if since is not None and at < since:
            return False  # it was not asked for, and is perhaps forgotten
        begun = self._start is None or self._start.is_before(number, at)
        return begun and not self._was_given(number, at)

    def _was_given(self, number: int, at: float) -> bool:
        """Given by this ledger, or by the one before it. What is merely older than a beginning by time was
        not, whatever its id."""
        start = self._start
        before = start is not None and start.id is not None and not start.is_before(number, at)
        return before or (number, at) in self._given

    def _given_now(self, identity: tuple[int, float], known: int, row: Event[Any]) -> Event[Any]:
        number, at = identity
        self._given.add(identity)
        latest = at if self.cursor is None else max(at, self.cursor.at)
        self.cursor = Cursor(latest, max(number, known))
        return msgspec.structs.replace(row, cursor=str(self.cursor))


def _identity(row: Event[Any]) -> tuple[int, float]:
    return row.log_id or 0, row.logged or 0.0


class PageRequest(msgspec.Struct, frozen=True):
    """Rows `offset` to `offset + limit` of those logged from `since` to `until` (unix times, seconds, both
    inclusive, None: unbounded), newest first."""

    since: float | None
    until: float | None
    limit: int
    offset: int


def catch_up(
    ledger: Ledger, *, until: float | None = None, page: int = 1000
) -> Generator[PageRequest, Sequence[Event[Any]], list[Event[Any]]]:
    """One read: yields the pages to ask for, is sent their rows, returns what is new in them.

    `page` is how many rows are asked for at a time, at least 2. Raises `LogShifted` where rows come or vanish
    faster than they can be read.
    """
    for _ in range(1 + _RESTARTS):
        rows = yield from _pages(ledger.since, until, max(page, 2))
        if rows is not None:
            return ledger.accept(rows)
    raise LogShifted("the activity log changes faster than it can be read")


def _pages(
    since: float | None, until: float | None, size: int
) -> Generator[PageRequest, Sequence[Event[Any]], list[Event[Any]] | None]:
    rows: list[Event[Any]] = []
    offset, shared = 0, min(SHARED, size // 2)
    while True:
        page = yield PageRequest(since, until, size, offset)
        follows = _following(rows[-1], page) if rows else 0
        if follows is None or follows == size:
            return None  # torn, or pushed down as fast as we read
        rows += page[follows:]
        if len(page) < size:
            return rows
        offset += size - shared


def _following(last: Event[Any], page: Sequence[Event[Any]]) -> int | None:
    """Where in `page` begins what comes after the row `last`; None where it is not there."""
    identities = [_identity(row) for row in page]
    return identities.index(_identity(last)) + 1 if _identity(last) in identities else None
