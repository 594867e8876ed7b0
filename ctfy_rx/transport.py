"""What is done to an httpx client underneath its surface: the token added, the socket kept at hand.

The token goes in the query, and httpx shows URLs in its log and its errors. So it is added below the client,
by a transport around the client's own: whatever the client shows has no token in it, and `verify`, proxies
and mounts stay as they were.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import httpx

from ctfy_rx.request import origin

__all__ = ["Lifeline", "add_token"]


def add_token(client: Any, token: str, url: httpx.URL) -> None:
    """Make `client` (httpx's or httpx2's, blocking or not) send ``token=`` in the query to the origin of
    `url`, and to no other."""
    where = origin(url)
    # httpx has no public way to wrap the transports that it has chosen by proxies and environment.
    client._transport = _TokenTransport(client._transport, token, where)  # noqa: SLF001
    for pattern, transport in client._mounts.items():  # noqa: SLF001
        if transport is not None:
            client._mounts[pattern] = _TokenTransport(transport, token, where)  # noqa: SLF001


class _TokenTransport:
    """Serves a blocking client and an asynchronous one, as the transport that it wraps does."""

    def __init__(self, inner: Any, token: str, where: tuple[str, str, int | None]) -> None:
        self._inner = inner
        self._query = f"token={quote(token, safe='')}".encode()
        self._origin = where

    def __repr__(self) -> str:
        return f"<token added to {self._inner!r}>"

    def handle_request(self, request: Any) -> Any:
        return self._inner.handle_request(self._with_token(request))

    async def handle_async_request(self, request: Any) -> Any:
        return await self._inner.handle_async_request(self._with_token(request))

    def _with_token(self, request: Any) -> Any:
        if origin(request.url) != self._origin:
            return request
        path = request.url.raw_path
        url = request.url.copy_with(raw_path=path + (b"&" if b"?" in path else b"?") + self._query)
        # The request's own class makes its copy: httpx's Request, or httpx2's.
        return request.__class__(
            request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
        )

    def close(self) -> None:
        self._inner.close()

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __enter__(self) -> _TokenTransport:
        self._inner.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._inner.__exit__(*exc_info)

    async def __aenter__(self) -> _TokenTransport:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._inner.__aexit__(*exc_info)


class Lifeline:
    """Wakes a thread that is blocked in a read, by shutting down the socket underneath it.

    Closing the response from another thread does not wake its reader; shutting down the socket does, also
    while the response's headers are still awaited. The socket is found through httpcore's ``trace``
    extension. Where there is none, as with a transport that is not httpcore's, `cut` only marks, and the
    reader ends when its read returns.
    """

    def __init__(self) -> None:
        self.is_cut = False
        self._lock = threading.Lock()
        self._stream: Any = None

    def trace(self, name: str, info: dict[str, Any]) -> None:
        """For the ``trace`` extension of a blocking request."""
        if name.endswith(("connect_tcp.complete", "connect_unix_socket.complete", "start_tls.complete")):
            with self._lock:
                self._stream = info["return_value"]
            if self.is_cut:
                self._shut_down()

    def cut(self) -> None:
        """End the reader, now or as soon as it has a socket; returns at once."""
        self.is_cut = True
        self._shut_down()

    def _shut_down(self) -> None:
        with self._lock:
            sock = self._stream and self._stream.get_extra_info("socket")
        if isinstance(sock, socket.socket):
            # Not SSLSocket.shutdown, which takes the TLS state away under the reader.
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
