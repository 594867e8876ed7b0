"""Shared by all tests: a demo platform, and an environment that says nothing."""

from __future__ import annotations

import atexit
import gc
import os
import re
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from ctfy_rx import demo
from ctfy_rx.connection import direct_body
from ctfy_rx.demo.running import Platform

from .support import threads
from .support.contests import CACHE, CHALLENGES, TEAMS, Contest, over_the_real_one
from .support.platforms import RealPlatform, real_platform
from .support.waiting import SILENCE


def clear_the_environment() -> None:
    """The tests, and the processes that they start, find what every machine has, and nothing else.

    A proxy would be asked for loopback addresses, a saved login would be used, a time zone, a language or a
    width would change what is printed. Where SIGINT is ignored, as in a shell's background job, every child
    would ignore it too.
    """
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("CTFY_", "COLUMNS", "LINES", "LANG", "LC_")):
            del os.environ[name]
    for name in (
        "NO_COLOR",
        "FORCE_COLOR",
        "TTY_COMPATIBLE",
        "PYTEST_ADDOPTS",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONUNBUFFERED",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ):
        os.environ.pop(name, None)
    os.environ |= {"TZ": "UTC", "LC_ALL": "C.UTF-8", "HOME": HOME, "XDG_CONFIG_HOME": f"{HOME}/.config"}
    time.tzset()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def know_no_names() -> None:
    """No name is looked up outside of this machine: what is not the loopback is not known, at once."""
    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        name = host.encode("idna") if isinstance(host, str) else host  # as it does, or fails to
        if name and name not in (b"localhost", b"::1") and not re.fullmatch(rb"[\d.]+", name):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *args, **options)

    socket.getaddrinfo = getaddrinfo


settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("suite"), max_examples=500)
settings.load_profile("suite")
know_no_names()
HOME = tempfile.mkdtemp(prefix="home-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
clear_the_environment()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--read-by-httpx",
        action="store_true",
        help="read as where httpx's connections cannot be reached; what needs direct reads is left out",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("read_by_httpx"):
        direct_body.http11_below = lambda _: None
        needing = [item for item in items if item.get_closest_marker("direct_reads")]
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if item not in needing]


def pytest_configure(config: pytest.Config) -> None:
    """Whoever wants the slow tests wants more examples of Hypothesis as well."""
    if "slow" in config.getoption("markexpr").replace("not slow", ""):
        settings.load_profile("thorough")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    threads.begin()


def pytest_collection_finish() -> None:
    """Many tests collect garbage, to see that nothing is left: they need not look at all the modules."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def p() -> Iterator[Platform]:
    """A demo platform of three teams, on which nothing happens but what the test makes happen."""
    with demo.platform(teams=3, challenges=4, keepalive=SILENCE) as running:
        yield running


@pytest.fixture(scope="session")
def real() -> Iterator[RealPlatform]:
    """A real ctfy server for all tests: one start takes seconds. Who uses it leaves its settings as they are,
    and answers challenges that `real_contest` says are fresh."""
    # The cache of the boards is 20 s on the platform; here it is shorter, so that tests need not wait for it.
    environment = {"CTFY_SCOREBOARD_CACHE_TTL_SECONDS": str(CACHE)}
    with real_platform(teams=TEAMS, challenges=CHALLENGES, environment=environment) as running:
        yield running


@pytest.fixture(scope="session")
def real_contest(real: RealPlatform) -> Contest:
    return over_the_real_one(real)
