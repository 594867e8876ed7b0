"""One real platform for all tests here, and an nginx before it that a test sets up as it likes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from ..support.nginx import Nginx
from ..support.platforms import RealPlatform, real_platform


@pytest.fixture(scope="module")
def platform() -> Iterator[RealPlatform]:
    with real_platform(teams=4, challenges=4) as running:
        yield running


@pytest.fixture
def proxied(platform: RealPlatform, tmp_path: Path) -> Iterator[Callable[..., Nginx]]:
    """Starts an nginx before the platform, with the settings that it is called with."""
    with ExitStack() as stack:

        def start(settings: str = "", *, upstream: str = platform.url, **options: Any) -> Nginx:
            home = Path(mkdtemp(dir=tmp_path))
            return stack.enter_context(Nginx(home, upstream, settings, **options))

        yield start


@pytest.fixture(autouse=True)
def _no_other_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
