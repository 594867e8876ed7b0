"""Which rows of the log are new, where a restart goes on, and how a log that moves is read."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctfy_rx.catalogue import Payload
from ctfy_rx.errors import ConfigurationError, LogShifted
from ctfy_rx.event import Event
from ctfy_rx.ledger import OVERLAP, SHARED, Cursor, Ledger, PageRequest, catch_up
from ctfy_rx.reconnect import is_transient

T = 1_795_510_800.0
Rows = list[Event[Payload]]


def row(number: int, at: float = T) -> Event[Payload]:
    return Event("flag_wrong", "{}", origin="log", log_id=number, logged=at)


def ids(rows: Sequence[Event[Payload]]) -> list[int | None]:
    return [each.log_id for each in rows]


def after(event: Event[Payload]) -> Ledger:
    """The ledger of an app that was started again after `event`."""
    assert event.cursor is not None
    return Ledger(Cursor.parse(event.cursor))


# Cursors


@given(st.none() | st.integers(0, 10**18), st.integers(0, 4 * 10**15))
def test_a_cursor_is_read_as_it_was_written(number, microseconds):
    cursor = Cursor(at=microseconds / 10**6, id=number)
    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize(
    "moment", ["2026-11-24T09:00:00", "2026-11-24T09:00:00Z", "2026-11-24T10:00:00.000+01:00"]
)
def test_the_time_of_a_cursor_may_be_written_in_any_way_of_iso_8601(moment):
    assert Cursor.parse(f"7@{moment}") == Cursor(T, 7)


@pytest.mark.parametrize(
    "text",
    [
        *("", "7", "@", "7@", "7@soon", "seven@2026-11-24", "-7@2026-11-24", "\u0667@2026-11-24", "start"),
        *("7@2026-11-24\n", "7@7@2026-11-24", "7@0001-01-01T00:00:00+14:00", "9" * 5000 + "@2026-11-24"),
    ],
    ids=lambda text: repr(text[:30]),
)
def test_what_is_no_cursor_is_refused_with_what_to_write(text):
    with pytest.raises(
        ConfigurationError, match=r"is no cursor: give since= what stream.cursor was"
    ) as refused:
        Cursor.parse(text)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("at", [-1e18, -1.0, 0.0, T, T + 1e-7, 1e18])
def test_a_beginning_by_time_can_be_written_and_asked_for_however_far_away_it_is(at):
    ledger = Ledger(Cursor.before(at))
    assert Cursor.parse(str(ledger.cursor)) == ledger.cursor
    assert ledger.since is not None
    assert datetime.fromtimestamp(ledger.since, UTC)


def test_the_cursor_after_rows_has_the_latest_time_wherever_it_is():
    assert Cursor.after([row(9, T), row(8, T + 0.002), row(7, T)]) == Cursor(T + 0.002, 9)


def test_there_is_no_cursor_after_no_rows():
    assert Cursor.after([]) is None


# What is new


def test_without_a_cursor_all_is_new_in_the_order_of_ids():
    assert ids(Ledger(None).accept([row(3), row(1), row(2)])) == [1, 2, 3]


def test_rows_are_given_as_they_came_with_a_cursor_each():
    came = Event.from_row({"id": "7", "timestamp": "2026-11-24T09:00:00Z", "event": "solve"}, received=T)
    (given,) = Ledger(None).accept([came])
    assert given == came.having(cursor=given.cursor)
    assert given.cursor == "7@2026-11-24T09:00:00.000000+00:00"
    assert came.cursor is None


def test_a_beginning_by_time_includes_its_time_and_nothing_before():
    ledger = Ledger(Cursor.before(T))
    assert ids(ledger.accept([row(1, T - 0.001), row(2, T), row(3, T + 1)])) == [2, 3]


def test_after_a_cursor_only_later_ids_are_new():
    assert ids(Ledger(Cursor(T, 7)).accept([row(6), row(7), row(8), row(9, T - 0.001)])) == [8, 9]


def test_an_old_id_with_a_later_time_is_a_new_row():
    ledger = Ledger(Cursor(T, 7))
    assert ids(ledger.accept([row(6, T + 1)])) == [6]
    assert ids(ledger.accept([row(6, T + 2)])) == [6]


def test_what_is_read_again_is_not_new():
    ledger = Ledger(None)
    ledger.accept([row(1), row(2)])
    assert ledger.accept([row(2), row(1)]) == []


def test_a_row_that_comes_twice_in_one_read_is_given_once():
    assert ids(Ledger(None).accept([row(2), row(1), row(2)])) == [1, 2]


def test_a_row_of_the_overlap_that_is_committed_late_is_given():
    ledger = Ledger(None)
    ledger.accept([row(1), row(3)])
    assert ids(ledger.accept([row(3), row(2, T - OVERLAP + 1), row(1)])) == [2]


def test_a_row_that_is_late_by_the_whole_overlap_is_given():
    ledger = Ledger(None)
    ledger.accept([row(2, T + OVERLAP)])
    assert ids(ledger.accept([row(2, T + OVERLAP), row(1, T)])) == [1]


def test_rows_that_are_alike_but_for_their_ids_are_all_given():
    assert len(Ledger(None).accept([row(number) for number in range(100)])) == 100


def test_a_row_at_the_very_edge_of_the_overlap_is_given_once():
    ledger = Ledger(None)
    ledger.accept([row(1), row(2, T + OVERLAP)])
    assert ledger.since == T
    assert ledger.accept([row(2, T + OVERLAP), row(1)]) == []


def test_a_server_that_ignores_since_repeats_nothing():
    ledger = Ledger(None)
    rows = [row(number, T + number) for number in range(100)]
    ledger.accept(rows)
    assert ids(ledger.accept([*rows, row(100, T + 100)])) == [100]


def test_a_row_of_unknown_time_is_given_once():
    ledger = Ledger(None)
    rows = [Event("solve", "{}", log_id=1), row(2)]
    assert ids(ledger.accept(rows)) == [1, 2]
    assert ledger.accept(rows) == []


def test_what_is_remembered_is_bounded_by_what_happens_in_the_overlap():
    ledger = Ledger(None)
    sizes = []
    for second in range(10 * int(OVERLAP)):
        ledger.accept([row(100 * second + number, T + second + number / 1000) for number in range(100)])
        sizes.append(len(pickle.dumps(ledger)))
    assert max(sizes) < 1.2 * sizes[int(OVERLAP) + 1]


# Where the next read begins


def test_a_ledger_without_a_cursor_asks_from_the_start_of_the_log():
    assert Ledger(None).since is None


def test_a_read_looks_back_from_the_latest_time_that_was_given():
    ledger = Ledger(Cursor(T, 7))
    assert ledger.since == T - OVERLAP
    ledger.accept([row(8, T + 5), row(9, T + 4)])
    assert ledger.since == T + 5 - OVERLAP


def test_an_empty_read_moves_nothing():
    ledger = Ledger(Cursor(T, 7))
    assert ledger.accept([]) == []
    assert ledger.cursor == Cursor(T, 7)


# Restarts


@pytest.mark.parametrize("delivered", range(1, 6))
def test_after_a_restart_the_rest_of_a_batch_is_given_whatever_its_times(delivered):
    rows = [row(1), row(2, T + 0.003), row(3, T + 0.001), row(4, T + 0.002), row(5, T + 0.003)]
    batch = Ledger(None).accept(rows)
    assert ids(after(batch[delivered - 1]).accept(rows)) == ids(rows)[delivered:]


@pytest.mark.parametrize("delivered", range(1, 4))
def test_after_a_restart_the_rest_of_a_batch_of_ids_that_came_again_is_given(delivered):
    ledger = Ledger(None)
    ledger.accept([row(number) for number in range(1, 11)])
    again = [row(8, T + 5.001), row(9, T + 5), row(10, T + 5.002)]
    batch = ledger.accept([row(7), *again])
    assert ids(batch) == [8, 9, 10]
    assert ids(after(batch[delivered - 1]).accept([row(7), *again])) == ids(again)[delivered:]


def test_a_late_row_does_not_give_those_above_it_again_after_a_restart():
    ledger = Ledger(None)
    rows = [row(1), row(3), row(4)]
    ledger.accept(rows)
    (late,) = ledger.accept([*rows, row(2, T + 0.001)])
    assert after(late).accept([*rows, row(2, T + 0.001)]) == []


def test_a_row_of_before_the_beginning_with_a_higher_id_costs_no_row_after_a_restart():
    rows = [row(1), row(2), row(3, T - 0.005)]
    first, _ = Ledger(Cursor.before(T)).accept(rows)
    assert 2 in ids(after(first).accept(rows))


# Reading pages


class Pages:
    """A log, newest first, which answers a read and changes before each page but the first."""

    def __init__(self, rows: Rows, change: Callable[[Rows], object] = lambda rows: None) -> None:
        self.rows = rows
        self.change = change
        self.asked: list[PageRequest] = []

    def read(self, ledger: Ledger, *, page: int, until: float | None = None) -> Rows:
        reading = catch_up(ledger, until=until, page=page)
        request = next(reading)
        while True:
            assert len(self.asked) < 1000, "it reads for ever"
            self.asked.append(request)
            answer = self.rows[request.offset : request.offset + request.limit]
            try:
                request = reading.send(answer)
            except StopIteration as done:
                return done.value
            self.change(self.rows)


def log(count: int) -> Rows:
    return [row(number, T + number / 1000) for number in range(count, 0, -1)]


def grows(inserted: int) -> Callable[[Rows], object]:
    def insert(rows: Rows) -> None:
        top = rows[0].log_id or 0
        rows[:0] = [row(top + more, T + 1) for more in range(inserted, 0, -1)]

    return insert


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 149, 150, 151, 1000])
def test_a_log_of_any_length_is_read_whole(count):
    assert ids(Pages(log(count)).read(Ledger(None), page=100)) == list(range(1, count + 1))


@pytest.mark.parametrize("page", [1, 2, 3, SHARED - 1, SHARED, SHARED + 1])
def test_pages_of_any_size_come_to_an_end(page):
    assert len(Pages(log(130)).read(Ledger(None), page=page)) == 130


def test_a_page_that_is_not_full_is_the_last():
    pages = Pages(log(99))
    pages.read(Ledger(None), page=100)
    assert len(pages.asked) == 1


def test_pages_share_rows_and_are_asked_for_between_the_same_times():
    pages = Pages(log(190))
    pages.read(Ledger(Cursor.before(T)), page=100, until=T + 60)
    assert pages.asked == [
        PageRequest(T - OVERLAP, T + 60, 100, offset) for offset in (0, 100 - SHARED, 200 - 2 * SHARED)
    ]


@pytest.mark.parametrize("inserted", [1, SHARED - 1])
def test_rows_that_come_during_a_read_are_left_for_the_next(inserted):
    ledger, pages = Ledger(None), Pages(log(300), grows(inserted))
    assert ids(pages.read(ledger, page=100)) == list(range(1, 301))
    newest = pages.rows[0].log_id or 0
    assert ids(Pages(pages.rows).read(ledger, page=100)) == list(range(301, newest + 1))


@pytest.mark.parametrize("inserted", [SHARED, 100, 1000])
def test_a_log_that_grows_faster_than_it_is_read_is_not_read_for_ever(inserted):
    pages = Pages(log(300), grows(inserted))
    with pytest.raises(LogShifted):
        pages.read(Ledger(None), page=100)


@pytest.mark.parametrize("deleted", [1, SHARED - 1, SHARED, 70])
def test_rows_deleted_above_during_a_read_take_no_others_with_them(deleted):
    def delete(rows: Rows) -> None:
        if len(rows) == 300:
            del rows[:deleted]

    assert set(range(1, 301 - deleted)) <= set(ids(Pages(log(300), delete).read(Ledger(None), page=100)))


def test_a_log_that_loses_too_many_rows_at_every_page_is_read_another_time_and_nothing_counts():
    ledger = Ledger(Cursor(T, 0))
    pages = Pages(log(5000), lambda rows: rows.__delitem__(slice(0, 100)))
    with pytest.raises(LogShifted) as shifted:
        pages.read(ledger, page=100)
    assert is_transient(shifted.value)
    assert [request.offset for request in pages.asked] == [0, 100 - SHARED] * 6
    assert ledger.cursor == Cursor(T, 0)
    assert ids(Pages(log(10)).read(ledger, page=100)) == list(range(1, 11))


def test_an_id_that_came_again_does_not_join_two_pages():
    joints = [0]

    def replace(rows: Rows) -> None:
        joints[0] += 1
        if joints[0] == 1:  # all but the oldest 20 are deleted, and 80 new ones take their ids
            rows[:] = [*(row(number, T + 9 + number / 1000) for number in range(100, 20, -1)), *log(20)]

    given = Pages(log(100), replace).read(Ledger(None), page=60)
    assert {each.log_id: each.logged for each in given} == {
        each.log_id: each.logged for each in [*log(20), *(row(n, T + 9 + n / 1000) for n in range(21, 101))]
    }
    assert len(given) == 100


def test_a_read_that_is_given_up_changes_nothing():
    ledger = Ledger(None)
    reading = catch_up(ledger, page=4)
    next(reading)
    reading.send(log(9)[:4])
    reading.close()
    assert ledger.cursor is None
    assert len(Pages(log(9)).read(ledger, page=4)) == 9


def test_times_are_kept_to_the_microsecond():
    (given,) = Ledger(None).accept([row(1, T + 0.123457)])
    assert math.isclose(Cursor.parse(str(given.cursor)).at, T + 0.123457, rel_tol=0, abs_tol=1e-7)
