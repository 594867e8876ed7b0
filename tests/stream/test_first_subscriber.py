"""What the first subscriber brings along, and takes away with it, is no concern of the others."""

from __future__ import annotations

import logging
import sys

import pytest
from reactivex.scheduler import EventLoopScheduler

import ctfy_rx
from ctfy_rx.demo.running import Platform

from ..support.waiting import until


def test_the_connection_outlives_the_scheduler_of_the_first_subscriber(p: Platform):
    clock = EventLoopScheduler()
    heard: list[str] = []
    with ctfy_rx.events(p.url, initial=0.05) as stream:
        first = stream.subscribe(scheduler=clock)
        stream.subscribe(lambda event: heard.append(event.event))
        p.wait_for_connections(1)
        first.dispose()
        clock.dispose()
        p.drop_connections()
        until(lambda: p.opened == 2)
        p.announce("still here")
        until(lambda: "announcement_created" in heard)


def test_a_subscriber_that_exits_on_the_streams_thread_is_reported_and_hurts_no_other(
    p: Platform, caplog: pytest.LogCaptureFixture
):
    heard: list[str] = []
    with ctfy_rx.events(p.url) as stream, caplog.at_level(logging.ERROR, "ctfy_rx"):
        stream.subscribe(lambda _: sys.exit(3))
        stream.subscribe(lambda event: heard.append(event.event))
        p.wait_for_connections(1)
        p.announce("one")
        p.announce("two")
        until(lambda: len(heard) == 2)
    first, second = caplog.records
    assert "sys.exit() ends no program" in first.message
    assert "again SystemExit: 3" in second.message
