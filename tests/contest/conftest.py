"""The streams of a contest on both platforms, the demo and a real ctfy server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ctfy_rx import demo

from ..support.contests import Contest, over_the_demo, over_the_real_one
from ..support.platforms import real_platform


@pytest.fixture(scope="module")
def real_contest() -> Iterator[Contest]:
    # The cache of the boards is 20 s on the platform; here it is shorter, so that tests need not wait for it.
    with real_platform(teams=4, challenges=20, environment={"CTFY_SCOREBOARD_CACHE_TTL_SECONDS": "1"}) as r:
        yield over_the_real_one(r)


@pytest.fixture(scope="module")
def demo_contest() -> Iterator[Contest]:
    with demo.platform(teams=4, challenges=60, cache=1.0) as p:
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
