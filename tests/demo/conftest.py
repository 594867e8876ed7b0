"""The fixture `contest`: each test that uses it runs on the demo and on a real ctfy server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ctfy_rx import demo

from ..support.contests import CACHE, CHALLENGES, TEAMS, Contest, over_the_demo


@pytest.fixture(scope="session")
def demo_contest() -> Iterator[Contest]:
    with demo.platform(teams=TEAMS, challenges=CHALLENGES, cache=CACHE) as running:
        yield over_the_demo(running)


@pytest.fixture(params=["demo", "real"])
def contest(request: pytest.FixtureRequest) -> Contest:
    """The demo in one run of the test, the real server in the other."""
    found: Contest = request.getfixturevalue(f"{request.param}_contest")
    return found
