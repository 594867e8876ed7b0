"""What is done to an httpx client underneath its surface: the token added, the socket kept at hand.

The token goes in the query, and httpx shows URLs in its log and its errors. So it is added below the client,
by a transport around the client's own: whatever the client shows has no token in it, and `verify`, proxies
and mounts stay as they were.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Self
from urllib.parse import quote
from weakref import WeakSet

import httpx

from ctfy_rx.connection.either_httpx import copied, is_asynchronous, kept_streams, transports, wrap_transports
from ctfy_rx.connection.request import is_home
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.threads.process import not_for_children, this_process

__all__ = ["Lifeline", "LoopSockets", "Trace", "add_bearer", "add_token", "check_transports"]

Trace = Callable[[str, dict[str, Any]], Coroutine[Any, Any, None]]


def check_transports(client: Any) -> None:
    """Raise `ConfigurationError` where `client` cannot send by one of its transports."""
    needed, kind = "handle_request", "blocking"
    if is_asynchronous(client):
        needed, kind = "handle_async_request", "asynchronous"
    for transport in transports(client):
        if transport is not None and not hasattr(transport, needed):
            raise ConfigurationError(
                f"the stream is read by an {type(client).__name__}, which needs {kind} transports: "
                f"{type(transport).__name__} is none"
            )


def add_token(client: Any, token: str, url: httpx.URL) -> None:
    """Make `client` (httpx's or httpx2's, blocking or not) send ``token=`` in the query to where `url` is at
    home (`is_home`), and nowhere else."""
    wrap_transports(client, lambda inner: _TokenTransport(inner, token, url))


def add_bearer(client: Any, token: str, url: httpx.URL) -> None:
    """Make `client` send ``Authorization: Bearer`` there instead."""
    wrap_transports(client, lambda inner: _BearerTransport(inner, token, url))


class _TokenTransport:
    """Serves a blocking client and an asynchronous one, as the transport that it wraps does."""

    def __init__(self, inner: Any, token: str, home: httpx.URL) -> None:
        self._inner = inner
        self._token = token
        self._home = home

    def __repr__(self) -> str:
        return f"<token added to {self._inner!r}>"

    def handle_request(self, request: Any) -> Any:
        return self._inner.handle_request(self._with_token(request))

    async def handle_async_request(self, request: Any) -> Any:
        return await self._inner.handle_async_request(self._with_token(request))

    def _with_token(self, request: Any) -> Any:
        if not is_home(request.url, self._home):
            return request
        url, headers = self._credentials(request)
        return copied(request, url=url, headers=headers, stream=request.stream)

    def _credentials(self, request: Any) -> tuple[Any, Any]:
        path = request.url.raw_path
        query = (b"&" if b"?" in path else b"?") + f"token={quote(self._token, safe='')}".encode()
        return request.url.copy_with(raw_path=path + query), request.headers

    def close(self) -> None:
        self._inner.close()

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._inner.__exit__(*exc_info)

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._inner.__aexit__(*exc_info)


class _BearerTransport(_TokenTransport):
    def _credentials(self, request: Any) -> tuple[Any, Any]:
        bearer = (b"Authorization", b"Bearer " + self._token.encode())
        return request.url, [*request.headers.raw, bearer]


class Lifeline:
    """Wakes a thread that is blocked in a read, by shutting down the socket underneath it.

    Closing the response from another thread does not wake its reader; shutting down the socket does, also
    while the response's headers are still awaited. The socket is found through httpcore's ``trace``
    extension as it connects, or in `client`, if that has kept it from an earlier request, as from a login.
    Where there is no socket, as with a transport that is not httpcore's, `cut` does nothing, and the reader
    ends when its read returns.
    """

    def __init__(self, client: Any = None) -> None:
        self._is_cut = False
        self._process = this_process()
        # Held again by the same thread when a signal handler disposes in the middle of it.
        self._lock = threading.RLock()
        self._sockets: list[socket.socket] = []
        self._handshaking: socket.socket | None = None
        for stream in () if client is None else kept_streams(client):
            self.hold(stream)

    def trace(self, name: str, info: dict[str, Any]) -> None:
        """For the ``trace`` extension of a blocking request."""
        match name.partition(".")[2]:
            case "connect_tcp.complete" | "connect_unix_socket.complete":
                self.hold(info["return_value"])
            case "start_tls.started":
                self._hold_handshake()
            case "start_tls.complete":
                self.hold(info["return_value"])
                self._release_handshake()
            case "start_tls.failed":
                self._release_handshake()
            case _:
                pass

    def hold(self, stream: Any) -> None:
        """Keep the socket of httpcore's `stream` at hand; None has none."""
        if stream is not None:
            self._hold(stream.get_extra_info("socket"))

    def cut(self) -> None:
        """End the reader, now or as soon as it has a socket; returns at once.

        In a forked child it does nothing: the connection is the parent's, and so is the thread that may have
        held the lock.
        """
        if this_process() is not self._process:
            return
        with self._lock:
            self._is_cut = True
            for sock in tuple(self._sockets):
                _shut_down(sock)

    def _hold(self, sock: object) -> None:
        if isinstance(sock, socket.socket):
            with self._lock:
                # One that is kept alive comes with each response; those that are closed are of no use.
                others = [each for each in self._sockets if each is not sock and each.fileno() >= 0]
                self._sockets = [*others, sock]
                not_for_children(sock)
                if self._is_cut:
                    _shut_down(sock)

    def _hold_handshake(self) -> None:
        # ssl takes the descriptor out of the socket that it wraps, and gives the new one only after the
        # handshake.
        if not self._sockets:
            return
        sock = self._sockets[-1]
        self._handshaking = socket.fromfd(sock.fileno(), sock.family, sock.type)
        self._hold(self._handshaking)

    def _release_handshake(self) -> None:
        with self._lock:
            if self._handshaking is not None:
                self._sockets.remove(self._handshaking)
                self._handshaking.close()
                self._handshaking = None


class LoopSockets:
    """The sockets of an asynchronous client, for when nobody can close it any more."""

    def __init__(self) -> None:
        self._sockets: WeakSet[socket.socket] = WeakSet()

    def trace(self) -> Trace:
        """For the ``trace`` extension of one request."""
        return _Handshake(self._hold).trace

    def cut(self) -> None:
        """Close them, where their event loop is closed and so cannot."""
        for sock in tuple(self._sockets):
            sock.close()

    def _hold(self, stream: Any) -> None:
        # asyncio hands out a wrapper, whose socket cannot be had otherwise.
        sock = getattr(stream.get_extra_info("socket"), "_sock", None)
        if isinstance(sock, socket.socket):
            self._sockets.add(sock)
            not_for_children(sock)


class _Handshake:
    """Closes the connection of a TLS handshake that is cancelled: httpcore leaves it open under asyncio."""

    def __init__(self, hold: Callable[[Any], None]) -> None:
        self._hold = hold
        self._stream: Any = None

    async def trace(self, name: str, info: dict[str, Any]) -> None:
        match name.partition(".")[2]:
            case "connect_tcp.complete" | "connect_unix_socket.complete":
                self._stream = info["return_value"]
                self._hold(self._stream)
            case "start_tls.failed" if self._stream is not None:
                await self._stream.aclose()
            case _:
                pass


def _shut_down(sock: socket.socket) -> None:
    with suppress(OSError):
        # Reset when closed: a server that waits for room to send would hold the stream for a minute more.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with suppress(OSError):  # it is closed already
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not SSLSocket's, which takes the TLS state away
