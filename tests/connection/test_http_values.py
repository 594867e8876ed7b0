"""Values of header fields: which type, which time, how long to wait."""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctfy_rx.connection.http_values import media_type, seconds_to_wait, unix_time

NOON = calendar.timegm((2026, 6, 1, 12, 0, 0))


@pytest.fixture(autouse=True, params=["UTC", "Asia/Kolkata", "America/St_Johns"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wherever the machine stands, dates of HTTP are UTC."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


# The cases of the fetch standard's own tests are of these kinds.
@pytest.mark.parametrize(
    ("content_type", "extracted"),
    [
        ("text/event-stream", "text/event-stream"),
        ("TEXT/Event-Stream ; charset=latin-1", "text/event-stream"),
        ("text/event-stream, text/event-stream", "text/event-stream"),
        ("text/html, text/event-stream", "text/event-stream"),
        ("text/event-stream, text/html", "text/html"),
        ("text/event-stream;charset=utf-8, text/event-stream", "text/event-stream"),
        ("text/event-stream,", "text/event-stream"),
        (",text/event-stream", "text/event-stream"),
        ("text/event-stream, */*", "text/event-stream"),
        ("text/event-stream, nonsense", "text/event-stream"),
        ("text/event-stream, text/", "text/event-stream"),
        ("text/event-stream, /html", "text/event-stream"),
        ("text/html nonsense, text/event-stream x", ""),
        ('text/event-stream;x="a, text/html"', "text/event-stream"),
        ('text/event-stream;x="a\\", text/html', "text/event-stream"),
        ('text/html;x="a", text/event-stream', "text/event-stream"),
        ("*/*", ""),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_the_last_type_of_a_list_that_is_one_counts(content_type: str, extracted: str):
    assert media_type(content_type) == extracted


@given(st.text())
def test_no_content_type_does_worse_than_being_none(content_type: str):
    assert "," not in media_type(content_type)


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 01 Jun 2026 12:00:00 GMT",
        "Mon, 01 Jun 2026 12:00:00 -0000",
        "Mon, 01 Jun 2026 12:00:00 +0000",
        "Mon, 01 Jun 2026 14:00:00 +0200",
        "Mon, 01 Jun 2026 12:00:00",
        "Monday, 01-Jun-26 12:00:00 GMT",
        "Mon Jun  1 12:00:00 2026",
    ],
)
def test_a_date_in_any_form_is_utc(date: str):
    assert unix_time(date) == NOON
    assert seconds_to_wait(date, NOON - 120) == 120
    assert seconds_to_wait(f"{date}, {date}", NOON - 120) == 120


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("120, 120", 120),
        ("120,120", 120),
        ("60, 120", 120),
        ("30, Mon Jun  1 12:02:00 2026", 120),
        ("Mon, 01 Jun 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
    ],
)
def test_a_wait_that_is_asked_for_twice_is_the_longer_one(value: str, seconds: float | None):
    assert seconds_to_wait(value, NOON) == seconds


@given(st.text())
def test_no_retry_after_does_worse_than_being_ignored(value: str):
    assert (seconds_to_wait(value, 0.0) or 0.0) >= 0.0
