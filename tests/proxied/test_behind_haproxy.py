"""The stream from a real platform through a real HAProxy."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from ..support.haproxy import Haproxy
from ..support.platforms import RealPlatform
from ..support.waiting import PATIENCE
from .hearing import heard, hears_at_once, logged

pytestmark = pytest.mark.slow

COMPRESSES = "compression algo gzip\n    compression type text/event-stream"


@pytest.mark.parametrize("settings", ["", COMPRESSES], ids=["default", "compresses"])
def test_events_come_at_once(platform: RealPlatform, tmp_path: Path, settings: str):
    with Haproxy(tmp_path, platform.url, settings) as haproxy:
        hears_at_once(platform, haproxy.url)


def test_who_asks_for_a_coding_is_what_it_compresses_for(platform: RealPlatform, tmp_path: Path):
    """So the test above shows that we do not ask."""
    with Haproxy(tmp_path, platform.url, COMPRESSES) as haproxy:
        asked = {"Accept-Encoding": "gzip"}
        with httpx.stream("GET", f"{haproxy.url}/api/v1/events", headers=asked, timeout=PATIENCE) as answer:
            assert answer.headers["content-encoding"] == "gzip"


def test_a_patience_that_is_too_short_costs_no_stored_event(platform: RealPlatform, tmp_path: Path):
    with (
        Haproxy(tmp_path, platform.url, patience="1s") as haproxy,
        heard(haproxy.url, platform.admin_token) as admin,
    ):
        begun = admin.stream.cursor
        for answered in range(1, 4):
            admin.wait_for(lambda count=answered: admin.opened > count)  # it was cut off, and is back
            platform.wrong(1)
            admin.wait_for(lambda: admin.log_ids and admin.log_ids == logged(platform, begun))


def test_its_page_while_the_platform_is_away_is_no_end(platform: RealPlatform, tmp_path: Path):
    with (
        Haproxy(tmp_path, platform.url) as haproxy,
        heard(haproxy.url, platform.admin_token) as admin,
    ):
        platform.kill()
        admin.wait_for(lambda: any("503" in str(status) for status in admin.status))
        platform.start()
        admin.wait_for(lambda: admin.opened > 1)
        platform.wrong(2)
        admin.wait_for(lambda: "flag_wrong" in admin.names)
