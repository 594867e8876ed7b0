"""The bodies of responses: as they come, without their content codings, and whole ones, within bounds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from typing import Any

import httpx

from ctfy_rx.connection.content_coding import Content
from ctfy_rx.connection.direct_body import async_raw_body, raw_body
from ctfy_rx.connection.request import address_of
from ctfy_rx.connection.time_limits import too_slow
from ctfy_rx.errors import ConnectionFailed

__all__ = ["WholeBody", "async_body_of", "body_of", "is_gone", "refuse_compressed"]

MAX_BODY_BYTES = 32 * 1024 * 1024


def body_of(response: Any, idle_timeout: float | None = None) -> Generator[bytes, None, None]:
    """The chunks of a blocking client's `response`; none that gives nothing for `idle_timeout` seconds."""
    # It came whole, as from a mock transport, and httpx has undone its codings.
    if response.is_stream_consumed:
        yield response.content
        return
    content = Content(response.headers, patience=idle_timeout)
    if content.is_plain:
        yield from raw_body(response)
        return
    for raw in raw_body(response):
        yield from content.pieces(raw)
    content.finish()


async def async_body_of(response: Any, idle_timeout: float | None = None) -> AsyncGenerator[bytes, None]:
    """As `body_of`, of an asynchronous client's."""
    if response.is_stream_consumed:
        yield response.content
        return
    content = Content(response.headers, patience=idle_timeout)
    async with aclosing(async_raw_body(response)) as chunks:
        async for raw in chunks:
            if content.is_plain:
                yield raw
                continue
            for piece in content.pieces(raw):
                yield piece
                await asyncio.sleep(0)  # a chunk that holds gigabytes leaves the loop to others
        content.finish()


class WholeBody:
    """Gathers a body from `address`, up to a size and for `seconds`; `ConnectionFailed` beyond them."""

    def __init__(self, address: str, seconds: float) -> None:
        self._address = address
        self._seconds = seconds
        self._pieces: list[bytes] = []
        self._size = 0
        self._until = time.monotonic() + seconds

    def add(self, piece: bytes) -> None:
        """Take in what has come."""
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > MAX_BODY_BYTES:
            raise ConnectionFailed(f"{self._address} sends more than {MAX_BODY_BYTES} bytes in one answer")
        if time.monotonic() > self._until:
            raise too_slow(self._address, self._seconds)

    def bytes(self) -> bytes:
        """All of it."""
        return b"".join(self._pieces)


def is_gone(response: Any) -> bool:
    """Whether there is no body to be read: when a hook raises, httpx closes the response unread."""
    return bool(response.is_closed and not response.is_stream_consumed)


def refuse_compressed(response: Any) -> None:
    """Raise `ConnectionFailed` for a coded body: not asked for, and httpx decompresses without a bound."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise ConnectionFailed(f"{address_of(httpx.URL(str(response.request.url)))} sent a compressed answer")
