"""Each row exactly once and in order, whatever happens to the log and to the reader."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from ctfy_rx.catalogue import Payload
from ctfy_rx.errors import LogShifted
from ctfy_rx.event import Event
from ctfy_rx.ledger import OVERLAP, Cursor, Ledger, PageRequest, catch_up

from .log_model import MS, LogModel, Row, S, serial, unix

JITTER = 5 * MS
COMMITTED_WITHIN = 9 * S

Read = Generator[PageRequest, Sequence[Event[Payload]], list[Event[Payload]]]
jitters = st.sampled_from([0, 0, -JITTER, JITTER, MS])


class ExactlyOnce(RuleBasedStateMachine):
    """The log, one app that reads it and is killed now and then, and what the app was given."""

    def __init__(self) -> None:
        super().__init__()
        self.log = LogModel()
        self.required: set[int] = set()  # commits that the app must be given if they live long enough
        self.forbidden: set[int] = set()  # commits of before the beginning
        self.delivered: list[int] = []
        self.waiting: list[Event[Payload]] = []  # read, and not delivered yet
        self.since: Cursor | None = None
        self.read: Read | None = None
        self.begin = -S
        self.late: set[int] = set()  # commits out of the order of ids

    # What is there before, and where the app begins

    @initialize(
        before=st.lists(jitters, max_size=12), begin=st.sampled_from(["start", "time", "newest", "empty"])
    )
    def open(self, before: list[int], begin: str) -> None:
        rows = [self.log.commit(jitter=jitter) for jitter in before]
        if begin == "start":
            self.required = {row.serial for row in rows}
        elif begin == "time":
            # Of times that run against the ids it is not said on which side of it they fall.
            self.since, self.begin = Cursor.before(unix(self.log.now)), self.log.now
            self.required = {row.serial for row in rows if row.at >= self.begin}
        else:
            newest = self.log.page(PageRequest(None, None, 50, 0))
            self.since = Cursor.after(newest) or Cursor(at=unix(self.log.now), id=0)
            self.forbidden = {row.serial for row in rows}
        self.ledger = Ledger(self.since)

    # The platform

    @rule(seconds=st.sampled_from([0.001, 0.5, 1, 4, 9, int(OVERLAP), 11, 3600]))
    def time_passes(self, seconds: float) -> None:
        self.log.now += int(seconds * S)
        while self.log.begun and self.log.now - self.log.begun[0][1] > COMMITTED_WITHIN:
            self.commit_late()

    @rule(rows=st.lists(st.tuples(jitters, st.booleans()), min_size=1, max_size=9))
    def commit(self, rows: list[tuple[int, bool]]) -> None:
        for jitter, mine in rows:
            self._committed(self.log.commit(jitter=jitter, mine=mine))

    @rule(count=st.integers(1, 9))
    def commit_own(self, count: int) -> None:
        for _ in range(count):
            self._committed(self.log.commit())

    @rule()
    def begin_late(self) -> None:
        self.log.begin()

    @precondition(lambda self: self.log.begun)
    @rule()
    def commit_late(self) -> None:
        row = self.log.commit_begun()
        self.late.add(row.serial)
        self.required.add(row.serial)

    @rule(count=st.integers(1, 6))
    def delete_newest(self, count: int) -> None:
        self.log.delete_newest(count)

    @rule(place=st.integers(0, 30), count=st.integers(1, 3))
    def delete_some(self, place: int, count: int) -> None:
        self.log.delete(*range(place, place + count))

    def _committed(self, row: Row) -> None:
        if row.mine and row.at >= self.begin:
            self.required.add(row.serial)

    # The app

    @precondition(lambda self: self.read is None)
    @rule(size=st.integers(2, 9))
    def begin_read(self, size: int) -> None:
        self.read = catch_up(self.ledger, page=size)
        self.request = next(self.read)
        self.seen_at_begin = {row.serial for row in self.log.rows}

    @precondition(lambda self: self.read is not None)
    @rule(pages=st.integers(1, 3))
    def read_pages(self, pages: int) -> None:
        assert self.read is not None
        try:
            for _ in range(pages):
                self.request = self.read.send(self.log.page(self.request))
        except LogShifted:
            self.read = None
        except StopIteration as done:
            self.read = None
            self._was_read(done.value)

    @precondition(lambda self: self.read is None)
    @rule(size=st.integers(2, 6), changes=st.lists(st.integers(-6, 6), min_size=1, max_size=6))
    def read_while_it_changes(self, size: int, changes: list[int]) -> None:
        """Before each page but the first, rows come (positive) or the newest go (negative)."""
        self.begin_read(size)
        for change in changes:
            if self.read is None:
                break
            self.read_pages(1)
            for _ in range(change):
                self._committed(self.log.commit())
            if change < 0:
                self.log.delete_newest(-change)

    @precondition(lambda self: self.read is not None)
    @rule()
    def read_fails(self) -> None:
        self.read = None

    @rule(count=st.integers(1, 5))
    def deliver(self, count: int) -> None:
        now, self.waiting = self.waiting[:count], self.waiting[count:]
        for event in now:
            assert event.cursor is not None
            self.since = Cursor.parse(event.cursor)
            self.delivered.append(serial(event))

    @rule()
    def killed_and_started_again(self) -> None:
        self.waiting, self.read = [], None
        self.ledger = Ledger(self.since)
        while self.log.begun:
            self.commit_late()
        self.required -= self.late  # what is committed out of order is not promised across a restart

    # What must be true

    def _was_read(self, events: list[Event[Payload]]) -> None:
        self.waiting += events
        given = self.delivered + [serial(event) for event in self.waiting]
        assert len(given) == len(set(given)), "given twice"
        assert not self.forbidden & set(given), "given although it was before the beginning"
        in_order = [commit for commit in given if commit not in self.late]
        assert in_order == sorted(in_order), "given out of order"
        ids = [event.log_id or 0 for event in events]
        assert ids == sorted(ids), "a read is not in the order of ids"
        lived = self.seen_at_begin & {row.serial for row in self.log.rows}
        assert not (self.required & lived) - set(given), "not given"

    def teardown(self) -> None:
        if not hasattr(self, "ledger"):
            return
        if self.read is None:
            self.begin_read(3)
        while self.read is not None:
            self.read_pages(1)
        self.begin_read(1000)
        while self.read is not None:
            self.read_pages(1)
        self.deliver(len(self.waiting))


ExactlyOnce.TestCase.settings = settings(
    stateful_step_count=40,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
test_each_row_is_given_once_and_in_order = ExactlyOnce.TestCase
