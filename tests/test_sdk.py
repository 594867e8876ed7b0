"""The platform's own SDK with our stream in the place of its consumer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ctfy.sdk import PlatformClient

import ctfy_rx
from ctfy_rx.demo.running import Platform

from .support.waiting import Background, until


@pytest.fixture
def client(p: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlatformClient]:
    monkeypatch.setattr("ctfy.sdk.client.EventStream", ctfy_rx.events)
    with PlatformClient(p.url, token=p.admin_token) as running:
        yield running


def test_the_sdks_loop_runs_on_our_stream(p: Platform, client: PlatformClient):
    def first_solve() -> tuple[str, dict[str, object]]:
        with client.events() as stream:
            for event in stream:
                if event["event"] == "flag_correct":
                    return event["event"], event["data"]
        raise AssertionError

    loop = Background(first_solve)
    until(lambda: p.connections)
    p.solve(team=0, challenge=0)
    name, data = loop.join()
    assert name == "flag_correct"
    assert data["actor_id"] == p.teams[0].players[0].user_id
    assert data["challenge_id"] == p.challenges[0].id
    until(lambda: p.connections == 0)


def test_the_sdks_stream_outlives_a_lost_connection(p: Platform, client: PlatformClient):
    with client.events() as stream:
        iterator = iter(stream)
        until(lambda: p.connections)
        p.drop_connections()
        until(lambda: p.connections)
        p.announce("hello")
        assert [next(iterator)["event"] for _ in range(2)] == ["scoreboard_updated", "announcement_created"]


def test_the_sdks_auto_reconnect_false_raises_at_the_first_loss(p: Platform, client: PlatformClient):
    stream = client.events(auto_reconnect=False)
    loop = Background(lambda: list(stream))
    until(lambda: p.connections)
    p.drop_connections()
    with pytest.raises(ctfy_rx.ConnectionFailed):
        loop.join()


def test_the_sdks_stream_has_our_operators(p: Platform, client: PlatformClient):
    with client.events() as stream:
        iterator = iter(stream.solves())  # type: ignore[attr-defined]
        until(lambda: p.connections)
        p.wrong(team=0, challenge=0)
        p.solve(team=0, challenge=0)
        assert next(iterator)["event"] == "flag_correct"
