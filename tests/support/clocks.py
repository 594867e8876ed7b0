"""Clocks that behave as a machine's may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reactivex.scheduler import TimeoutScheduler


class SetBack(TimeoutScheduler):
    """Real time, on a wall clock that is set back by an hour whenever it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.hours = 0

    @property
    def now(self) -> datetime:
        self.hours += 1
        return datetime.now(UTC) - timedelta(hours=self.hours)
