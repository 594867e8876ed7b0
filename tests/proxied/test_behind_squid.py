"""The stream from a real platform by way of a real Squid."""

from __future__ import annotations

import pytest

import ctfy_rx

from ..support.platforms import RealPlatform
from ..support.servers import CLOSE_DELIMITED, Server, frame, sends, trusting
from ..support.squid import Squid
from ..support.waiting import until
from .hearing import hears_at_once

pytestmark = pytest.mark.slow


def test_events_come_at_once(platform: RealPlatform):
    with Squid() as squid:
        hears_at_once(platform, platform.url, proxy=squid.url)
        until(lambda: "/api/v1/events" in squid.requests)


def test_events_come_at_once_through_its_tunnel():
    script = sends(CLOSE_DELIMITED, frame("a"), stay=True)
    with Squid() as squid, Server(script, tls=True) as server:
        with ctfy_rx.events(f"{server.url}/sse", proxy=squid.url, verify=trusting()) as stream:
            assert next(iter(stream)).event == "a"
        until(lambda: "CONNECT" in squid.requests)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_one_that_refuses_is_named_and_is_no_refused_token(platform: RealPlatform, scheme: str):
    url = platform.url.replace("http:", f"{scheme}:")
    with (
        Squid(allows=False) as squid,
        ctfy_rx.events(url, token=platform.admin_token, proxy=squid.url) as stream,
        pytest.raises(ctfy_rx.CtfyRxError) as raised,
    ):
        next(iter(stream))
    assert not isinstance(raised.value, ctfy_rx.TokenRefused)
    assert f"the proxy 127.0.0.1:{squid.port}" in str(raised.value)
    assert "403" in str(raised.value)
    assert platform.admin_token not in str(raised.value)
