"""Shared by all tests: a demo platform, and an environment without a platform of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ctfy_rx import demo
from ctfy_rx.demo.handle import Platform


@pytest.fixture
def p() -> Iterator[Platform]:
    """A demo platform of three teams, on which nothing happens but what the test makes happen."""
    with demo.platform(teams=3, challenges=4) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_platform_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CTFY_PLATFORM_URL", raising=False)
    monkeypatch.delenv("CTFY_TOKEN", raising=False)
