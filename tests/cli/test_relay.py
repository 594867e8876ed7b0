"""``ctfy-rx relay`` as people run it."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import pytest

import ctfy_rx
from ctfy_rx.demo.running import Platform

from ..support.command import environment, finished, running
from ..support.nats_server import nats_server
from ..support.waiting import PATIENCE, until


def frames(url: str, count: int, **params: str) -> list[ctfy_rx.Frame]:
    decoder, found = ctfy_rx.FrameDecoder(), []
    with httpx.stream("GET", url, params={"last_event_id": "0", **params}, timeout=PATIENCE) as answer:
        for chunk in answer.raise_for_status().iter_bytes():
            found += decoder.feed(chunk)
            if len(found) >= count:
                break
    return found[:count]


def test_it_publishes_and_serves_and_says_what_it_does(platform: Platform, admin: dict[str, str]):
    platform.solve(team=0, challenge=0)
    with (
        nats_server() as broker,
        running("relay", "--to", broker.url, "--serve", "0", "--public", env=admin) as command,
    ):
        command.err.wait_for("^connected as the publisher of CTFY at nats://")
        command.err.wait_for("^connected to http://.* as Demo Admin")
        command.err.wait_for("^and to everybody, without names and addresses: flag_correct, ")
        url = command.err.wait_for("^serving at ").split()[2].rstrip(",")
        with ctfy_rx.from_nats(broker.url, events="flag_correct", since="start") as stream:
            assert [event.log_id for event in stream.take(1)] == [1]
        (private,) = frames(url, 1, token=platform.admin_token)
        (public,) = frames(url, 1)
        assert platform.players[0].name in private.data
        assert platform.players[0].name not in public.data
        command.signal(signal.SIGTERM)
        assert command.ended() == 143
    assert platform.admin_token not in "".join(command.err.all())


def test_it_says_that_the_broker_is_down_and_goes_on_when_it_is_there(
    platform: Platform, admin: dict[str, str]
):
    with nats_server() as broker:
        broker.kill()
        with running("relay", "--to", broker.url, env=admin) as command:
            command.err.wait_for("^stored events come late: reconnecting in .*: connection refused$")
            broker.start()
            command.err.wait_for("^connected as the publisher of CTFY")


def test_the_broker_may_be_named_by_the_environment(platform: Platform, tmp_path: Path):
    with nats_server() as broker:
        env = environment(
            tmp_path,
            CTFY_PLATFORM_URL=platform.url,
            CTFY_TOKEN=platform.admin_token,
            NATS_URL=broker.url,
        )
        with running("relay", env=env) as command:
            command.err.wait_for("^connected as the publisher of CTFY")


def test_without_a_broker_it_serves_the_platform_itself(platform: Platform, admin: dict[str, str]):
    platform.solve(team=0, challenge=0)
    with running("relay", "--serve", "127.0.0.1:0", env=admin) as command:
        url = command.err.wait_for("^serving at ").split()[2].rstrip(",")
        query = {"last_event_id": "@1970-01-01T00:00:00+00:00", "token": platform.admin_token}
        assert until(lambda: [frame.event for frame in frames(url, 1, **query)] == ["flag_correct"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "write where to: --to"),
        (("--public", "--to", "nats://127.0.0.1:1"), "--public is for what is served"),
        (("--serve", "somewhere"), "is no place to listen"),
        (("--serve", "0", "--max-age", "soon"), "is no duration"),
        (("--to", "nats://127.0.0.1:1", "--replicas", "2"), "replicas must be 1, 3 or 5"),
    ],
)
def test_what_cannot_work_is_wrong_usage(admin: dict[str, str], words: tuple[str, ...], says: str):
    done = finished("relay", *words, env=admin)
    assert done.returncode == 2
    assert says in " ".join(done.stderr.split())


def test_without_a_token_it_says_whose_it_needs(platform: Platform, tmp_path: Path):
    done = finished("relay", "--serve", "0", "--platform-url", platform.url, env=environment(tmp_path))
    assert done.returncode == 2
    assert "the session token of an administrator" in " ".join(done.stderr.split())


def test_a_token_that_the_platform_refuses_ends_it(platform: Platform, tmp_path: Path):
    env = environment(tmp_path, CTFY_PLATFORM_URL=platform.url, CTFY_TOKEN="pt_unknown")
    with nats_server() as broker:
        done = finished("relay", "--to", broker.url, env=env)
    assert done.returncode == 1
    assert "pt_unknown" not in done.stderr
