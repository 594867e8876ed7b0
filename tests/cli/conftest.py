"""A platform on which nothing happens but what a test does, and an environment without a home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ctfy_rx import demo
from ctfy_rx.demo.running import Platform

from ..support.command import environment
from ..support.waiting import SILENCE


@pytest.fixture
def platform() -> Iterator[Platform]:
    with demo.platform(keepalive=SILENCE) as running:
        yield running


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment that names no platform and has no saved login."""
    return environment(tmp_path)


@pytest.fixture
def admin(tmp_path: Path, platform: Platform) -> dict[str, str]:
    """An environment that names the platform, and its admin's token."""
    return environment(tmp_path, CTFY_PLATFORM_URL=platform.url, CTFY_TOKEN=platform.admin_token)
