"""The body of a response, read below httpx.

The platform sends one chunk a frame, and h11, httpx's parser of HTTP/1.1, takes 8 microseconds for each
chunk, twice as long as all else that happens to an event. So httpx opens the stream, with its proxies, TLS,
redirects and limits, and h11 reads the head of the answer; from then on the chunks that a read of the
connection brings are cut here, all at once.

h11 has the last word. Whatever is not of the plain shape, be it the last chunk, an extension, nonsense or the
end of the connection, is given to it, in the state in which it would be had it read all before; so what it
says of it is what it would have said anyway. Where connection and parser cannot be reached, as over another
transport or over HTTP/2, httpx reads, as well, more slowly.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import suppress
from typing import Any, Self

from ctfy_rx.connection.chunks import ChunkCutter
from ctfy_rx.connection.either_httpx import Http11, as_its_own, http11_below, received_by
from ctfy_rx.program_log import program_log as _log

__all__ = ["async_raw_body", "is_read_below", "raw_body"]

_READ_BYTES = 65_536


def is_read_below(response: Any) -> bool:
    """Whether the body of `response`, which was not read yet, is read here, and not by httpx."""
    return http11_below(response) is not None


def raw_body(response: Any) -> Generator[bytes, None, None]:
    """The body of a blocking client's `response` as it comes, with its content codings, as ``iter_raw``."""
    direct = _DirectBody.of(response)
    if direct is not None:
        piece = direct.begin()
        while True:
            if piece:
                yield piece
            if direct.is_over:
                break
            try:
                data = direct.network.read(_READ_BYTES, direct.timeout)
            except Exception as error:  # noqa: BLE001 - and raised again
                raise as_its_own(error, response) from error.__cause__
            piece = direct.cut(data)
    yield from response.iter_raw()


async def async_raw_body(response: Any) -> AsyncGenerator[bytes, None]:
    """As `raw_body`, of an asynchronous client's."""
    direct = _DirectBody.of(response)
    if direct is not None:
        piece = direct.begin()
        while True:
            if piece:
                yield piece
            if direct.is_over:
                break
            try:
                data = await direct.network.read(_READ_BYTES, direct.timeout)
            except Exception as error:  # noqa: BLE001 - and raised again
                raise as_its_own(error, response) from error.__cause__
            piece = direct.cut(data)
    chunks = response.aiter_raw()
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        await _run_out(chunks)


async def _run_out(chunks: Any) -> None:
    # `async for` does not close what it is broken out of, nor do the iterators of httpx and httpcore, one in
    # another: asyncio would close them when they are collected, in tasks that outlive ours, and the loop
    # perhaps. A cancellation in the innermost one, as dispose is one, ends them all in order.
    deadline = time.monotonic() + 0.01  # one that never suspends holds up the loop
    with suppress(Exception):
        async with asyncio.timeout(0):
            async for _ in chunks:
                if time.monotonic() > deadline:
                    break


class _DirectBody:
    """Cuts the chunks of a response, until it hands over to the parser of its connection."""

    def __init__(self, connection: Http11, timeout: float | None) -> None:
        self.network = connection.network
        self.timeout = timeout
        self.is_over = False
        self._parser = connection.parser
        self._cutter = ChunkCutter()

    @classmethod
    def of(cls, response: Any) -> Self | None:
        """None where httpx has to read."""
        connection = http11_below(response)
        if connection is None:
            _log.debug("httpx reads the body itself: its connection cannot be reached, or it has no chunks")
            return None
        return cls(connection, response.request.extensions.get("timeout", {}).get("read"))

    def begin(self) -> bytes:
        """What came together with the head."""
        begun = received_by(self._parser)
        return self.cut(begun) if begun else b""

    def cut(self, data: bytes) -> bytes:
        """The piece of the body in `data`, of which none is the end of the connection."""
        piece = self._cutter.feed(data) if data else b""
        if not data or self._cutter.has_stopped:
            self._hand_over()
        if not data:
            self._parser.receive_data(b"")
        return piece

    def _hand_over(self) -> None:
        parser, left, unread = self._parser, self._cutter.left, self._cutter.unread
        if left is not None:  # it has to be inside of a chunk, of which so much is left
            parser.receive_data(b"%x\r\n+" % (left + 1))
            parser.next_event()
        if unread:
            parser.receive_data(unread)
        self.is_over = True
