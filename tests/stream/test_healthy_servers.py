"""Servers in order whose connections end, or begin late: neither is a failure."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import ctfy_rx
from ctfy_rx import Gap, Open, Status, Waiting

from ..support.servers import CLOSE_DELIMITED, Peer, Script, Server, frame, in_turn, sends
from ..support.waiting import until


def told(script: Script, connections: int, **options: Any) -> list[Status]:
    """What a stream tells while it opens `connections` of a server that serves each by `script`."""
    statuses: list[Status] = []
    with Server(script) as server:
        stream = ctfy_rx.events(f"{server.url}/stream", **options)
        stream.status.subscribe(statuses.append)
        stream.subscribe()
        until(lambda: server.connections >= connections)
        stream.close()
        until(lambda: statuses[-1].state == "closed")  # told by the reader, if it is telling just now
    return statuses


def delays(statuses: list[Status]) -> list[float]:
    return [status.delay for status in statuses if isinstance(status, Waiting)]


@pytest.mark.parametrize(
    ("content", "wait"),
    [(frame("a"), 0.05), (b"retry: 10\n\n", 0.5), (b"retry: 10\ndata: a\n\n", 0.5)],
    ids=["an event", "retry", "both"],
)
def test_a_server_that_rotates_its_connections_is_asked_again_without_growing_waits(
    content: bytes, wait: float
) -> None:
    statuses = told(sends(CLOSE_DELIMITED, content), 4, initial=0.05, jitter=0)
    assert delays(statuses)[:3] == [wait] * 3


def test_max_attempts_does_not_count_connections_that_deliver() -> None:
    statuses = told(sends(CLOSE_DELIMITED, frame("a")), 9, initial=0.01, max_attempts=1)
    assert statuses[-1] == ctfy_rx.Closed()


def test_where_headers_come_with_the_first_event_a_wait_is_told_as_a_gap() -> None:
    def with_its_first_event(peer: Peer) -> None:
        peer.read_request()
        waited.wait()
        peer.send(CLOSE_DELIMITED, frame("a"))
        peer.stay()

    def says_nothing(peer: Peer) -> None:
        peer.read_request()
        peer.stay()

    waited = threading.Event()
    statuses: list[Status] = []
    with Server(in_turn(says_nothing, says_nothing, with_its_first_event)) as server:
        stream = ctfy_rx.events(
            f"{server.url}/stream", idle_timeout=0.2, reset_after=0.2, initial=0.01, jitter=0, max_attempts=1
        )
        stream.status.subscribe(statuses.append)
        stream.subscribe()
        until(lambda: server.connections >= 3)
        waited.set()
        until(lambda: isinstance(statuses[-1], Gap))
        stream.close()
    assert set(delays(statuses)) == {0.01}
    assert [type(status) for status in statuses].count(Open) == 1


def test_a_gap_is_told_where_the_server_gives_ids_and_cannot_replay() -> None:
    statuses = told(sends(CLOSE_DELIMITED, b"id: 7\ndata: a\n\n"), 3, initial=0.01)
    gap = next(status for status in statuses if isinstance(status, Gap))
    assert gap.resumable
    assert gap.seconds > 0
