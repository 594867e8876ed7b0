"""Each client as one function: read `count` events from `url`, and one decoded field of each.

All decode JSON with the same decoder, msgspec's, but the SDK's consumer, which has its own. Each runs in a
process of its own (`benchmarks.measure`), so that none pays for another's imports or threads.
"""

# ruff: noqa: PLC0415  # each imports its own library, and no other

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

__all__ = ["CLIENTS", "stopwatch"]

Client = Callable[[str, int], None]
_decode = msgspec.json.Decoder().decode
_OUR_NAMES = ("flag_correct", "flag_wrong", "scoreboard_updated", "meta_stats")


class Stopwatch:
    """Begun when the stream is open, so that nobody's imports, TLS and connecting are measured."""

    def begin(self) -> None:
        """The first event is there, or comes now."""
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        """Seconds since then, of the clock and of the processor."""
        return {"seconds": time.perf_counter() - self.wall, "cpu": time.process_time() - self.cpu}


stopwatch = Stopwatch()


def _texts(texts: Iterator[str], count: int) -> None:
    _decode(next(texts)).get("challenge_id")
    stopwatch.begin()
    count -= 1
    for text in texts:
        _decode(text).get("challenge_id")
        count -= 1
        if not count:
            return
    raise AssertionError(f"{count} events are missing")


# Ours


def _subscribe(
    url: str, names: tuple[str, ...], on_next: Callable[[Any], None], done: threading.Event
) -> None:
    import ctfy_rx

    with ctfy_rx.events(url) as stream:
        stream.status.subscribe(lambda status: isinstance(status, ctfy_rx.Open) and stopwatch.begin())
        stream.of_event(*names).subscribe(on_next)
        assert done.wait(300)
        assert not stream.stats.drops, "events were dropped"


def ours(url: str, count: int, names: tuple[str, ...] = _OUR_NAMES) -> None:
    """Typed: the field of the payload's class."""
    left, done = count, threading.Event()

    def on_next(event: Any) -> None:
        nonlocal left
        _ = event.payload.challenge_id
        left -= 1
        if not left:
            done.set()

    _subscribe(url, names, on_next, done)


def ours_data(url: str, count: int) -> None:
    """Untyped: the decoded JSON, as the others give it."""
    left, done = count, threading.Event()

    def on_next(event: Any) -> None:
        nonlocal left
        event.data.get("challenge_id")
        left -= 1
        if not left:
            done.set()

    _subscribe(url, _OUR_NAMES, on_next, done)


def ours_plain(url: str, count: int) -> None:
    """Read by httpx, as over a transport whose connections cannot be reached."""
    import ctfy_rx.connection.direct_body

    ctfy_rx.connection.direct_body.http11_below = lambda _: None
    ours(url, count)


def ours_solves(url: str, count: int) -> None:
    """Solves alone, one frame in a hundred."""
    ours(url, count // 100, ("flag_correct",))


def ours_loop(url: str, count: int) -> None:
    """A ``for`` loop."""
    import ctfy_rx

    events = ctfy_rx.to_iter(ctfy_rx.events(url).of_event(*_OUR_NAMES))
    _ = next(events).payload.challenge_id
    stopwatch.begin()
    count -= 1
    for event in events:
        _ = event.payload.challenge_id
        count -= 1
        if not count:
            return
    raise AssertionError(f"{count} events are missing")


def ours_async(url: str, count: int) -> None:
    """``async for``."""
    import ctfy_rx

    async def main() -> None:
        left = count - 1
        async with ctfy_rx.to_async_iter(ctfy_rx.events(url).of_event(*_OUR_NAMES)) as events:
            _ = (await anext(events)).payload.challenge_id
            stopwatch.begin()
            async for event in events:
                _ = event.payload.challenge_id
                left -= 1
                if not left:
                    return
        raise AssertionError(f"{left} events are missing")

    asyncio.run(main())


# The peers


def seed(url: str, count: int) -> None:
    """The consumer of the platform's own SDK."""
    import httpx
    from ctfy.sdk.events import EventStream

    parts = urlsplit(url)
    with EventStream(
        client_factory=lambda: httpx.Client(base_url=f"{parts.scheme}://{parts.netloc}"), path=parts.path
    ) as stream:
        events = iter(stream)
        next(events)["data"].get("challenge_id")
        stopwatch.begin()
        count -= 1
        for event in events:
            event["data"].get("challenge_id")
            count -= 1
            if not count:
                return


def httpx_sse(url: str, count: int) -> None:
    """httpx-sse."""
    import httpx
    from httpx_sse import connect_sse

    with httpx.Client(timeout=None) as client, connect_sse(client, "GET", url) as source:
        _texts((event.data for event in source.iter_sse()), count)


def httpx_sse_async(url: str, count: int) -> None:
    """httpx-sse, on an event loop."""
    import httpx
    from httpx_sse import aconnect_sse

    async def main() -> None:
        left = count
        async with httpx.AsyncClient(timeout=None) as client, aconnect_sse(client, "GET", url) as source:
            async for event in source.aiter_sse():
                if left == count:
                    stopwatch.begin()
                _decode(event.data).get("challenge_id")
                left -= 1
                if not left:
                    return

    asyncio.run(main())


def httpx2(url: str, count: int) -> None:
    """httpx2's own ``client.sse``."""
    import httpx2

    with httpx2.Client(timeout=None) as client, client.sse(url) as source:
        _texts((event.data for event in source), count)


def sseclient_py(url: str, count: int) -> None:
    """sseclient-py over requests."""
    import requests
    import sseclient

    response = requests.get(url, stream=True, headers={"Accept": "text/event-stream"}, timeout=60)
    _texts((event.data for event in sseclient.SSEClient(response).events()), count)


def requests_sse(url: str, count: int) -> None:
    """requests-sse."""
    from requests_sse import EventSource

    with EventSource(url, timeout=60) as source:
        _texts((event.data for event in source), count)


def aiohttp_sse(url: str, count: int) -> None:
    """aiohttp-sse-client2."""
    from aiohttp_sse_client2 import client

    async def main() -> None:
        left = count
        async with client.EventSource(url, read_bufsize=2**20) as source:
            stopwatch.begin()
            async for event in source:
                _decode(event.data).get("challenge_id")
                left -= 1
                if not left:
                    return

    asyncio.run(main())


def launchdarkly(url: str, count: int) -> None:
    """launchdarkly-eventsource."""
    from ld_eventsource import SSEClient

    client = SSEClient(url)
    _texts((event.data for event in client.events), count)


# The floors: what is possible with each HTTP library, and without any


def _blocks(chunks: Iterator[bytes], count: int) -> None:
    rest = next(chunks)
    stopwatch.begin()
    for chunk in chunks:
        *blocks, rest = (rest + chunk).split(b"\n\n")
        for block in blocks:
            at = block.find(b"data: ")
            if at < 0:
                continue
            _decode(block[at + 6 :]).get("challenge_id")
            count -= 1
            if not count:
                return
    raise AssertionError(f"{count} events are missing")


def floor_httpx(url: str, count: int) -> None:
    """httpx alone: its raw chunks, split."""
    import httpx

    with httpx.Client(timeout=None) as client, client.stream("GET", url) as response:
        _blocks(response.iter_raw(), count)


def floor_httpx_direct(url: str, count: int) -> None:
    """httpx alone, the body read below it by us."""
    import httpx

    from ctfy_rx.connection.direct_body import raw_body

    with httpx.Client(timeout=None) as client, client.stream("GET", url) as response:
        _blocks(raw_body(response), count)


async def _async_blocks(response: Any, count: int) -> None:
    rest = b""
    stopwatch.begin()
    async for chunk in response.aiter_raw():
        *blocks, rest = (rest + chunk).split(b"\n\n")
        for block in blocks:
            at = block.find(b"data: ")
            if at < 0:
                continue
            _decode(block[at + 6 :]).get("challenge_id")
            count -= 1
            if not count:
                return


def floor_httpx_aiohttp(url: str, count: int) -> None:
    """httpx's API over aiohttp."""
    import httpx
    from httpx_aiohttp import AiohttpTransport

    async def main() -> None:
        async with (
            httpx.AsyncClient(timeout=None, transport=AiohttpTransport()) as client,
            client.stream("GET", url) as response,
        ):
            await _async_blocks(response, count)

    asyncio.run(main())


def floor_httpx_pyreqwest(url: str, count: int) -> None:
    """httpx's API over pyreqwest."""
    import httpx
    from pyreqwest.compatibility.httpx import SyncHttpxTransport

    with (
        httpx.Client(timeout=None, transport=SyncHttpxTransport()) as client,
        client.stream("GET", url) as response,
    ):
        _blocks(response.iter_raw(), count)


def _connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 80))
    connection.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    return connection


def floor_httptools(url: str, count: int) -> None:
    """httptools, a C parser, on a bare socket."""
    import httptools

    class Bodies:
        def __init__(self) -> None:
            self.got: list[bytes] = []

        def on_body(self, body: bytes) -> None:
            self.got.append(body)

    def chunks() -> Iterator[bytes]:
        bodies = Bodies()
        parser = httptools.HttpResponseParser(bodies)
        with _connected(url) as connection:
            while read := connection.recv(65536):
                parser.feed_data(read)
                yield b"".join(bodies.got)
                bodies.got.clear()

    _blocks(chunks(), count)


def limit(url: str, count: int) -> None:
    """A bare socket, split, and no HTTP at all: what stands between the frames is not looked at."""

    def chunks() -> Iterator[bytes]:
        with _connected(url) as connection:
            while read := connection.recv(65536):
                yield read

    _blocks(chunks(), count)


CLIENTS: dict[str, Client] = {
    each.__name__: each
    for each in (
        ours,
        ours_data,
        ours_plain,
        ours_solves,
        ours_loop,
        ours_async,
        seed,
        httpx2,
        httpx_sse,
        httpx_sse_async,
        aiohttp_sse,
        sseclient_py,
        requests_sse,
        launchdarkly,
        floor_httpx,
        floor_httpx_direct,
        floor_httpx_aiohttp,
        floor_httpx_pyreqwest,
        floor_httptools,
        limit,
    )
}
