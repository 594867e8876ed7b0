"""Who waits for what never comes without a token is told so in the log."""

from __future__ import annotations

import logging
from typing import Any

import pytest

import ctfy_rx
from ctfy_rx.demo.running import Platform

from ..support.waiting import until


def warnings_of(stream: ctfy_rx.EventStream, wanted: Any, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What is told until a signal has come."""
    caplog.set_level(logging.WARNING, "ctfy_rx")
    with stream:
        stream.subscribe(lambda _: None) if wanted is None else stream.of_event(*wanted).subscribe(
            lambda _: None
        )
        stream.opened().wait()
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("wanted", [None, ["flag_correct"], ["scoreboard_updated", "flag_*"]])
def test_a_warning_says_once_what_never_comes_without_a_token(
    p: Platform, wanted: Any, caplog: pytest.LogCaptureFixture
):
    [told] = warnings_of(ctfy_rx.events(p.url), wanted, caplog)
    assert told.startswith(
        f"{p.url}/api/v1/events: without a token a platform sends signals, and no flag_correct"
    )
    assert told.endswith("write token=, or set CTFY_TOKEN")


def test_it_is_not_told_again_after_a_reconnect(p: Platform, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING, "ctfy_rx")
    with ctfy_rx.events(p.url, initial=0.01) as stream:
        stream.solves().subscribe(lambda _: None)
        stream.opened().wait()
        p.drop_connections()
        until(lambda: stream.stats.connections == 2)
    assert caplog.text.count("without a token") == 1


@pytest.mark.parametrize("wanted", [["scoreboard_updated"], ["announcement_created", "competition_updated"]])
def test_who_wants_signals_alone_is_spared_it(p: Platform, wanted: Any, caplog: pytest.LogCaptureFixture):
    assert warnings_of(ctfy_rx.events(p.url, keep=10), wanted, caplog) == []


def test_who_shows_a_token_is_spared_it(p: Platform, caplog: pytest.LogCaptureFixture):
    assert warnings_of(ctfy_rx.events(p.url, token=p.admin_token), None, caplog) == []
