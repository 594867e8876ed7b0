"""What a program's own handlers and filters of the log raise ends nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from reactivex import Subject

from ctfy_rx import EventStream
from ctfy_rx.program_log import program_log
from ctfy_rx.testing import solve

LOGGER = logging.getLogger("ctfy_rx")


def breaks(_: logging.LogRecord) -> bool:
    raise LookupError("no such channel")


class Breaking(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        breaks(record)


@contextmanager
def handled_by_one_that_raises() -> Iterator[None]:
    handler = Breaking()
    LOGGER.addHandler(handler)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)


@contextmanager
def filtered_by_one_that_raises() -> Iterator[None]:
    LOGGER.addFilter(breaks)
    try:
        yield
    finally:
        LOGGER.removeFilter(breaks)


broken = pytest.mark.parametrize("broken", [handled_by_one_that_raises, filtered_by_one_that_raises])


@broken
def test_it_is_told_on_stderr_and_goes_no_further(broken: Any, capsys: pytest.CaptureFixture[str]):
    with broken():
        program_log.error("lost")
    told = capsys.readouterr().err
    assert told.startswith("--- Logging error ---")
    assert told.endswith("LookupError: no such channel\n")


def test_where_logging_is_not_to_tell_of_its_errors_nor_do_we(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    with handled_by_one_that_raises():
        program_log.error("lost")
    assert "LookupError" not in capsys.readouterr().err


@broken
def test_the_subscribers_of_a_stream_do_not_notice(broken: Any):
    source: Subject[Any] = Subject()
    heard: list[Any] = []
    stream = EventStream.over(source)
    stream.subscribe(lambda _: 1 / 0)
    stream.subscribe(heard.append)
    with broken():
        for _ in range(3):
            source.on_next(solve())
    assert len(heard) == 3
    stream.close()


def test_a_record_has_the_line_that_wrote_it_and_all_that_was_given_with_it(
    caplog: pytest.LogCaptureFixture,
):
    program_log.warning("%s of %s", 1, 2, extra={"status": "open"})
    record = next(each for each in caplog.records if each.getMessage() == "1 of 2")
    assert record.funcName == "test_a_record_has_the_line_that_wrote_it_and_all_that_was_given_with_it"
    assert vars(record)["status"] == "open"
