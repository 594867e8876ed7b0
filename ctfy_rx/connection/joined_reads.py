"""`ChunkJoiner` put between the socket and the HTTP parser of an httpx client.

httpcore, on which httpx stands, takes its connections from a *network backend*, a documented interface. Ours
passes everything on to the client's own, so that proxies, TLS, timeouts and what is known of the socket stay
as they are, and joins chunks in what is read.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from ctfy_rx.connection.chunk_joining import ChunkJoiner
from ctfy_rx.connection.either_httpx import is_asynchronous, network_backends

__all__ = ["join_chunks"]

_log = logging.getLogger("ctfy_rx")


def join_chunks(client: Any) -> None:
    """Have `client` (httpx's or httpx2's, blocking or not) read event streams chunk by chunk no more.

    Its transports that are not httpcore's stay as they are, and read as well, more slowly, as the log says.
    """
    backend = _AsyncBackend if is_asynchronous(client) else _Backend
    others = network_backends(client, lambda inner: inner if isinstance(inner, backend) else backend(inner))
    for transport in others:
        _log.debug(
            "%s is read chunk by chunk: its network backend is not httpcore's", type(transport).__name__
        )


class _Backend:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def connect_tcp(self, *args: Any, **options: Any) -> _Stream:
        return _Stream(self._inner.connect_tcp(*args, **options))

    def connect_unix_socket(self, *args: Any, **options: Any) -> _Stream:
        return _Stream(self._inner.connect_unix_socket(*args, **options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _Stream:
    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._read: Callable[..., bytes] = inner.read
        self._joiner = ChunkJoiner()

    def read(self, *args: Any, **options: Any) -> bytes:
        while data := self._read(*args, **options):
            if passed := self._joiner.feed(data):
                return passed
        return data

    def write(self, *args: Any, **options: Any) -> None:
        self._joiner.expect_response()
        self._inner.write(*args, **options)

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, *args: Any, **options: Any) -> _Stream:
        return _Stream(self._inner.start_tls(*args, **options))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _AsyncBackend:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def connect_tcp(self, *args: Any, **options: Any) -> _AsyncStream:
        return _AsyncStream(await self._inner.connect_tcp(*args, **options))

    async def connect_unix_socket(self, *args: Any, **options: Any) -> _AsyncStream:
        return _AsyncStream(await self._inner.connect_unix_socket(*args, **options))

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _AsyncStream:
    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._read: Callable[..., Awaitable[bytes]] = inner.read
        self._joiner = ChunkJoiner()

    async def read(self, *args: Any, **options: Any) -> bytes:
        while data := await self._read(*args, **options):
            if passed := self._joiner.feed(data):
                return passed
        return data

    async def write(self, *args: Any, **options: Any) -> None:
        self._joiner.expect_response()
        await self._inner.write(*args, **options)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(self, *args: Any, **options: Any) -> _AsyncStream:
        return _AsyncStream(await self._inner.start_tls(*args, **options))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
