"""A broker for each test, and a relay that tries again quickly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from ctfy_rx.demo.running import Platform
from ctfy_rx.relay import Relay

from ..support.nats_server import NatsServer, nats_server


@pytest.fixture
def broker() -> Iterator[NatsServer]:
    """A broker with JetStream on which nothing is yet."""
    with nats_server() as server:
        yield server


@pytest.fixture
def relay(p: Platform, broker: NatsServer) -> Iterator[Callable[..., Relay]]:
    """Starts a relay from the demo platform to the broker; options are those of `Relay`."""
    with ExitStack() as stack:

        def start(**options: Any) -> Relay:
            wanted = {"to": broker.url, "token": p.admin_token, "initial": 0.05, "maximum": 0.2} | options
            return stack.enter_context(Relay(p.url, **wanted))

        yield start
