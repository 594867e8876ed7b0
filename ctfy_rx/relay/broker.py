"""NATS: one connection after another, each to one of the brokers, and what its errors mean for people.

A connection that breaks is over: who works with it begins again from what JetStream holds, so nothing hangs
on what a client library does in between.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from random import SystemRandom
from typing import Any
from urllib.parse import unquote, urlsplit

from ctfy_rx.connection.redaction import Secrets
from ctfy_rx.errors import BrokerRefused, ConfigurationError, ConnectionFailed, CtfyRxError, MissingExtra
from ctfy_rx.reconnect import Attempts, Backoff, Ended, is_transient
from ctfy_rx.status import Connecting, Status, Waiting
from ctfy_rx.threads.loops import ended

__all__ = ["DEFAULT_URL", "Broker", "Connection"]

DEFAULT_URL = "nats://127.0.0.1:4222"

_CONNECT_TIMEOUT = 5  # seconds
_PING_INTERVAL = 10  # seconds; two of them unanswered end the connection
_REFUSALS = ("authorization", "authentication", "permissions violation", "user credentials")


class Broker:
    """The brokers at `url`: one address, several with commas between them, or a list.

    `domain` is JetStream's, behind a leaf node; `options` are those of ``nats.connect``. Raises
    `ConfigurationError`, and `MissingExtra` without nats-py.

    >>> Broker("nats://user:secret@a:4222,nats://b:4222").address
    'nats://a:4222,nats://b:4222'
    """

    def __init__(
        self, url: str | Sequence[str] = DEFAULT_URL, *, domain: str | None = None, **options: Any
    ) -> None:
        if find_spec("nats") is None:
            raise MissingExtra("nats", "NATS")
        written = url.split(",") if isinstance(url, str) else url
        self._servers = [_checked(each.strip()) for each in written]
        if not self._servers:
            raise ConfigurationError(f"no broker is named: write {DEFAULT_URL}")
        self.address = ",".join(map(_bare, self._servers))
        self._domain = domain
        self._options = options
        self._discovered: set[str] = set()
        self._attempts = SystemRandom().randrange(len(self._servers))  # spreads clients over brokers
        self._secrets = Secrets(*_secrets_in(self._servers), *_secrets_of(options))

    async def work(
        self,
        work: Callable[[Connection], Awaitable[None]],
        *,
        tell: Callable[[Status], None],
        backoff: Backoff,
        gives_up: Callable[[CtfyRxError], bool] = lambda error: not is_transient(error),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Do `work` with a connection, until it returns; with a new one after each loss, later and later.

        Raises what `gives_up` says of, and what is no trouble with a broker.
        """
        attempts = Attempts(backoff)
        while True:
            tell(Connecting(attempts.number))
            connection, opened_at = None, clock()
            try:
                async with self.connection() as connection:
                    opened_at = clock()
                    await connection.racing(work(connection))
                    return
            except Exception as error:  # noqa: BLE001 - judged here
                cause = self.failure(error)
            ended = Ended(error=cause)
            if connection is not None:  # to wait for one that does not come is no time open
                uptime = clock() - opened_at
                ended = Ended(error=cause, delivered=connection.delivered, uptime=uptime)
            if gives_up(cause) or attempts.after(ended) is not None:
                raise cause
            tell(Waiting(attempts.delay, cause, attempts.number))
            await asyncio.sleep(attempts.delay)

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """A connection to the broker whose turn it is."""
        connection = Connection(self._domain, _bare(server := self._next_server()))
        try:
            await connection.open(server, self._options)
            self._discovered |= connection.discovered
            yield connection
        finally:
            await connection.close()

    def failure(self, error: Exception) -> CtfyRxError:
        """What `error`, one of nats-py's, means; ours pass."""
        if isinstance(error, CtfyRxError):
            return error
        said = self._secrets.hidden(" ".join(str(error).split()) or type(error).__name__)
        said = said.removeprefix("nats: ").strip("'")
        if any(word in said.lower() for word in _REFUSALS):
            return BrokerRefused(
                f"{self.address} does not allow it: {said}; check the user and its permissions"
            )
        if isinstance(error, TimeoutError):
            return ConnectionFailed(f"{self.address} does not answer in time")
        if isinstance(error, OSError) and error.errno:
            said = os.strerror(error.errno).lower()
        return ConnectionFailed(f"{self.address}: {said}")

    def _next_server(self) -> str:
        servers = [*self._servers, *sorted(self._discovered.difference(self._servers))]
        self._attempts += 1
        return servers[self._attempts % len(servers)]


class Connection:
    """One connection: `client` and its JetStream `js`, until it is lost."""

    def __init__(self, domain: str | None, address: str) -> None:
        from nats.aio.client import Client  # noqa: PLC0415 - needs the extra

        self.address = address
        self.client: Any = Client()  # the types of nats-py have holes
        self.js: Any
        self.discovered: set[str] = set()
        self.delivered = False
        """Whether an event has gone through it; who works with it says so."""
        self._domain = domain
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._trouble: Exception | None = None
        self._opened = False

    async def open(self, server: str, options: dict[str, Any]) -> None:
        """Connect to `server`."""
        ours: dict[str, Any] = {
            "name": "ctfy_rx",
            "connect_timeout": _CONNECT_TIMEOUT,
            "ping_interval": _PING_INTERVAL,
        }
        hooks: dict[str, Any] = {"error_cb": self._on_error, "closed_cb": self._on_closed}
        async with asyncio.timeout(2 * _CONNECT_TIMEOUT):
            await self.racing(self.client.connect(server, **(ours | options), allow_reconnect=False, **hooks))
        self._opened = True
        self.js = self.client.jetstream(domain=self._domain)
        uri = urlsplit(server)
        user, at, _ = uri.netloc.rpartition("@")  # the same at all brokers of a cluster
        found = (each.netloc.rpartition("@")[2] for each in self.client.discovered_servers)
        self.discovered = {f"{uri.scheme}://{user}{at}{place}" for place in found}

    @property
    def is_lost(self) -> bool:
        """Whether it is over."""
        return self._lost.done()

    async def racing(self, work: Awaitable[None]) -> None:
        """Do `work`; raises at once when the connection is lost meanwhile."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait([task, self._lost], return_when=asyncio.FIRST_COMPLETED)
        finally:
            is_done = task.done()
            await ended(task)
        if not task.cancelled():
            error = task.exception()
            if isinstance(error, TimeoutError) and self._trouble is not None:
                raise self._trouble  # what the server said is why nothing came
            if error is not None:
                raise error
            if is_done:
                return
        raise (
            self._trouble
            or self.client.last_error
            or ConnectionFailed(f"{self.address} closed the connection")
        )

    async def close(self) -> None:
        """Send what waits, and close."""
        try:
            with suppress(Exception):
                async with asyncio.timeout(1.0):
                    if self.client.is_connected:
                        await self.client.flush()
            with suppress(Exception):
                await self.client.close()
        finally:
            await self._close_socket()

    async def _close_socket(self) -> None:
        """nats-py's own close may be cancelled, or fail, before it comes to that."""
        transport = self.client._transport  # noqa: SLF001 - it has no public name
        if transport is not None:
            transport.close()
            with suppress(Exception):
                async with asyncio.timeout(1.0):
                    await transport.wait_closed()

    async def _on_error(self, error: Exception) -> None:
        from nats.js.errors import APIError  # noqa: PLC0415 - needs the extra

        self._trouble = error
        # While it opens, nats-py would try again by itself, and say nothing meanwhile. Later, what JetStream
        # refuses to publish is told here, and not to whoever waits for the acknowledgement.
        if not self._opened or isinstance(error, APIError):
            await self._on_closed()

    async def _on_closed(self) -> None:
        if not self._lost.done():
            self._lost.set_result(None)


def _checked(url: str) -> str:
    whole = url if "://" in url else f"nats://{url}"
    try:
        parts = urlsplit(whole)
        well = parts.scheme in {"nats", "tls", "ws", "wss"} and parts.hostname and parts.port != 0
    except ValueError:
        well = False
    if not well:
        raise ConfigurationError(f"this is no address of a broker: write {DEFAULT_URL}")
    return whole


def _bare(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _secrets_in(urls: Sequence[str]) -> list[str]:
    parts = [urlsplit(url) for url in urls]
    found = [each for part in parts for each in (part.username, part.password) if each]
    return [unquote(each) for each in found]


def _secrets_of(options: dict[str, Any]) -> list[str]:
    return [value for name in ("password", "token") if isinstance(value := options.get(name), str)]
