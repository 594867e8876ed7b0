"""The fixture `ctfy_platform` for your own tests: a scriptable platform that lasts for one test.

::

    def test_bot_posts_solves(ctfy_platform):
        with my_bot(ctfy_platform.url, ctfy_platform.admin_token) as bot:
            ctfy_platform.solve(team=0, challenge=0)
            assert bot.wait_for_post(timeout=5)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ctfy_rx.demo.running import Platform

__all__ = ["ctfy_platform"]


@pytest.fixture
def ctfy_platform() -> Iterator[Platform]:
    """A demo platform: `url`, `admin_token`, `players`, `solve(team=0, challenge=0)`, `restart()` and
    more."""
    from ctfy_rx import demo  # noqa: PLC0415 - a suite that does not use the fixture pays nothing for it

    with demo.platform() as running:
        yield running
