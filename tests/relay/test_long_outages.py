"""What JetStream has forgotten is not published twice, and what does not fit is read again."""

from __future__ import annotations

import time

import httpx

import ctfy_rx
from ctfy_rx.relay import Limits
from ctfy_rx.relay.messages import message_id
from ctfy_rx.status import Late, Open

from ..support.waiting import until
from .test_from_nats import event, publish, read
from .test_relay import heard, ids, stored


class Gate(httpx.AsyncHTTPTransport):
    """A network in which nothing is reached any more while it is closed; how often the log was read."""

    closed = False
    reads = 0

    async def handle_async_request(self, request):
        if Gate.closed:
            raise httpx.ConnectError("closed")
        answer = await super().handle_async_request(request)
        Gate.reads += request.url.path.endswith("/activities")
        return answer


def test_a_relay_that_was_away_for_longer_than_ids_are_known_publishes_nothing_twice(p, broker, relay):
    limits, reads = Limits(duplicate_window=2.0), Gate.reads
    one = relay(limits=limits)
    away = relay(limits=limits, client_factory=lambda: httpx.AsyncClient(transport=Gate()))
    for each in (one, away):
        assert until(lambda each=each: isinstance(each.upstream.current, Open))
    assert until(lambda: Gate.reads == reads + 2)  # nothing is on its way any more
    told, begun = [], []
    away.upstream.subscribe(told.append)
    away.status.subscribe(lambda status: isinstance(status, Open) and begun.append(status))
    try:
        Gate.closed = True
        for challenge in range(3):
            p.solve(team=0, challenge=challenge)
        assert until(lambda: one.stats.published == 3)
        assert until(lambda: any(isinstance(status, Late) for status in told))
        time.sleep(3.0)  # the duplicate window passes, which has no other sign
    finally:
        Gate.closed = False
    assert until(lambda: len(begun) == 2)
    p.solve(team=1, challenge=0)
    assert until(lambda: away.stats.published + away.stats.duplicates == 1)
    assert until(lambda: one.stats.published + away.stats.published == 4)
    events, stream = heard(broker)
    with stream:
        assert until(lambda: len(ids(events)) >= 4)
    assert ids(events) == stored(p)


def test_what_does_not_fit_is_left_in_the_log_and_read_again(p, broker, relay, monkeypatch):
    monkeypatch.setattr("ctfy_rx.relay.intake._MOST", 2)
    monkeypatch.setattr("ctfy_rx.relay.journal._LOOKS_BACK", 1)
    for team in range(3):
        for challenge in range(4):
            p.solve(team=team, challenge=challenge)
    one = relay()
    assert until(lambda: one.stats.published == 12)
    events, stream = heard(broker)
    with stream:
        assert until(lambda: len(ids(events)) == 12)
    assert ids(events) == stored(p)


def test_an_id_that_comes_again_after_a_deletion_is_another_event(broker):
    first = event(7)
    again = ctfy_rx.Event(first.event, first.text, log_id=7, logged=99.0, origin="log")
    assert message_id(first) != message_id(again)
    publish(broker, first, again, first)
    publish(broker, event(8))
    assert read(broker, 3, since="start") == [7, 7, 8]
