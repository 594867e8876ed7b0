"""``ctfy-rx relay``: from a platform to NATS, and to whoever listens to server-sent events."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ctfy_rx import Closed, Connecting, Dropped, Idle, Open, Status
from ctfy_rx.cli.render import as_status
from ctfy_rx.cli.screen import Screen
from ctfy_rx.cli.settings import Target
from ctfy_rx.platform.since import Since
from ctfy_rx.relay import PUBLIC, Limits, NatsSource, PlatformSource, Relay, Server
from ctfy_rx.threads.loops import together

__all__ = ["Place", "Plan", "relay"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to relay where: to the broker `to`, and at `serve`; None is nowhere. What is served comes from
    the broker, where there is one. `nats` are options of ``nats.connect``."""

    target: Target
    to: str | None
    stream: str
    since: Since
    limits: Limits
    serve: Place | None
    public: bool
    nats: dict[str, Any] = field(repr=False)


def relay(plan: Plan, screen: Screen) -> None:
    """Relay until interrupted; raises what ends it, SystemExit for a signal."""
    signals: list[int] = []
    with suppress(asyncio.CancelledError):
        asyncio.run(_until_a_signal(_relay(plan, screen), signals))
    if signals:
        raise SystemExit(128 + signals[0])


async def _until_a_signal(work: Awaitable[None], came: list[int]) -> None:
    """Do `work`, and end it in order at a signal: raised in the midst of a task, it might be lost there."""
    task = asyncio.ensure_future(work)

    def end(number: int) -> None:
        came.append(number)
        task.cancel()

    with suppress(NotImplementedError):  # on Windows
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(number, end, number)
    await task


async def _relay(plan: Plan, screen: Screen) -> None:
    works: list[Awaitable[None]] = []
    token = plan.target.token or ""
    if plan.to is not None:
        publisher = Relay(
            plan.target.url,
            to=plan.to,
            token=token,
            stream=plan.stream,
            since=plan.since,
            limits=plan.limits,
            nats=plan.nats,
        )
        publisher.upstream.subscribe(lambda status: _tell_of_platform(status, plan, screen))
        publisher.status.subscribe(lambda status: _tell_of_broker(status, publisher, screen))
        works.append(publisher.run())
    if plan.serve is not None:
        server = _server(plan, plan.serve, token)
        works.append(server.run(on_ready=lambda: _introduce(server, plan, screen)))
    await together(*works)


def _server(plan: Plan, place: Place, token: str) -> Server:
    source = (
        PlatformSource(plan.target.url, token=token)
        if plan.to is None
        else NatsSource(plan.to, stream=plan.stream, **plan.nats)
    )
    return Server(source, token=token, public=plan.public, host=place.host, port=place.port)


def _introduce(server: Server, plan: Plan, screen: Screen) -> None:
    screen.say(f"serving at {server.url}/api/v1/events, with ids, to those who hold this relay's token")
    if plan.public:
        screen.say(f"and to everybody, without names and addresses: {', '.join(PUBLIC)}")
    elif server.host not in {"127.0.0.1", "::1", "localhost"}:
        screen.say("other machines reach it, and over plain HTTP the token can be read on the way: use TLS")


def _tell_of_platform(status: Status, plan: Plan, screen: Screen) -> None:
    if line := as_status(status, plan.target.address):
        screen.say(line)


def _tell_of_broker(status: Status, publisher: Relay, screen: Screen) -> None:
    match status:
        case Idle() | Connecting() | Closed():
            return
        case Open(who):
            done = publisher.stats
            screen.say(
                f"connected as {who}; published so far: {done.published} events, {done.signals} signals"
            )
        case Dropped():
            screen.say(str(status))
        case _:
            screen.say(f"stored events come late: {status}")
