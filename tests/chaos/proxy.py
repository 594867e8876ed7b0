"""A TCP proxy that breaks what goes through it, by chance and by a seed, and counts what it has broken."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Awaitable
from contextlib import suppress
from random import Random
from typing import Self

from ..support.waiting import PATIENCE

PAGE = b"<html><body><h1>Service Unavailable</h1></body></html>"

Writer = asyncio.StreamWriter


def _page(status: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: text/html", f"Content-Length: {len(PAGE)}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + PAGE


INSTEAD = {  # of an answer of the platform
    "503": _page("503 Service Unavailable"),
    "503 with Retry-After": _page("503 Service Unavailable", "Retry-After: 0"),
    "502": _page("502 Bad Gateway"),
    "429": _page("429 Too Many Requests", "Retry-After: 0"),
    "garbage": bytes(range(256)),
    "half a JSON": b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"id": "1',
    "nothing": b"",
}
AFTER_SOME_BYTES = ("cut", "reset", "half-close", "black hole", "drip")
FAULTS = (*INSTEAD, *AFTER_SOME_BYTES, "refused", "late")


class Proxy:
    """Forwards to `port` on loopback, on an event loop of its own. While it storms, most connections get a
    fault from a deck that `seed` shuffles, so that each kind has its turn."""

    late = 0.5  # seconds
    pause = 0.005  # between the drops of a drip

    def __init__(self, port: int, seed: int, *, share: float = 0.75) -> None:
        self.port = port
        self.faults: Counter[str] = Counter()
        self.connections: Counter[str] = Counter()
        self.storms = False
        self.url = ""
        self._random = Random(seed)
        self._share = share
        self._deck: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None] | None] = (
            set()
        )  # asyncio itself forgets those whose client has gone

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)

    def draw(self) -> str:
        """The next fault, "" for none."""
        if not self.storms or self._random.random() > self._share:
            return ""
        if not self._deck:
            self._deck = list(FAULTS)
            self._random.shuffle(self._deck)
        return self._deck.pop()

    def draw_place(self) -> int:
        """After how many bytes of an answer the next fault strikes."""
        return self._random.randrange(2500)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._stop.wait()
        server.close()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            await self._connection(reader, writer, self.draw())
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # one of both has gone, or the proxy ends
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: Writer, fault: str) -> None:
        if fault == "refused":
            self._struck(fault)
            _reset(writer)
            return
        head = await reader.readuntil(b"\r\n\r\n")
        kind = "stream" if b"/events" in head.split(b"\r\n", 1)[0] else "log and me"
        self.connections[kind] += 1
        if kind == "stream" and fault == "half a JSON":  # no event stream, so rightly final there
            self._deck.append(fault)
            fault = ""
        if fault in INSTEAD:
            self._struck(fault)
            writer.write(INSTEAD[fault])
            await writer.drain()
            return
        if fault == "late":
            self._struck(fault)
            await asyncio.sleep(self.late)
        try:
            upstream, up = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:  # the platform is down: so is its proxy's answer
            writer.write(INSTEAD["502"])
            await writer.drain()
            return
        up.write(head)
        requests = asyncio.ensure_future(_copied(reader, up))
        try:
            await self._answer(upstream, writer, requests, fault)
        finally:
            requests.cancel()
            up.close()

    async def _answer(
        self, upstream: asyncio.StreamReader, writer: Writer, requests: Awaitable[None], fault: str
    ) -> None:
        left = self.draw_place() if fault in AFTER_SOME_BYTES else -1
        while data := await upstream.read(65536):
            if 0 <= left < len(data):
                writer.write(data[:left])
                await self._strike(fault, data[left:], writer, requests)
                if fault != "drip":
                    return
                left = -1
                continue
            left -= len(data) if left >= 0 else 0
            writer.write(data)
            await writer.drain()

    async def _strike(self, fault: str, rest: bytes, writer: Writer, requests: Awaitable[None]) -> None:
        self._struck(fault)
        if fault == "reset":
            _reset(writer)
        elif fault == "half-close":
            writer.write_eof()
            await asyncio.wait_for(requests, PATIENCE)  # until the client closes its half as well
        elif fault == "black hole":
            with suppress(TimeoutError):
                await asyncio.wait_for(requests, 4 * PATIENCE)
        elif fault == "drip":
            for start in range(min(len(rest), 100)):
                writer.write(rest[start : start + 1])
                await writer.drain()
                await asyncio.sleep(self.pause)
            writer.write(rest[100:])
            await writer.drain()

    def _struck(self, fault: str) -> None:
        self.faults[fault] += 1


async def _copied(reader: asyncio.StreamReader, writer: Writer) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()  # the client has gone


def _reset(writer: Writer) -> None:
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
