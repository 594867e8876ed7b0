"""The streams of a contest on both platforms, the demo and a real ctfy server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ctfy_rx import demo

from ..support.contests import CACHE, Contest, over_the_demo


@pytest.fixture(scope="module")
def demo_contest() -> Iterator[Contest]:
    with demo.platform(teams=4, challenges=60, cache=CACHE) as p:
        yield over_the_demo(p)


@pytest.fixture(params=["demo, thread", "demo, asyncio", "real, thread"])
def way(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Which platform, and who drives the stream."""
    platform, driver = request.param.split(", ")
    return platform, driver


@pytest.fixture
def contest(request: pytest.FixtureRequest, way: tuple[str, str]) -> Contest:
    found: Contest = request.getfixturevalue(f"{way[0]}_contest")
    return found
