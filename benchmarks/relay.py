"""Throughput and latency through a relay: ``python benchmarks/relay.py``; needs ``nats-server`` on the PATH.

A platform of this file's own, in a process of its own, holds a log of rows as the real one writes them; a
relay publishes them to a nats-server; consumers read them there, or as server-sent events. All on this
machine, so all of it shares its cores.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import nats
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

import ctfy_rx
from ctfy_rx.relay import NatsSource, Relay, Server
from ctfy_rx.relay.public import Pseudonyms
from ctfy_rx.relay.ring import Served

TOKEN = "pt_benchmark"
ROWS = 20_000
STEADY, RATE = 300, 20.0  # rows while latency is measured, and how many a second
LISTENERS = 200
MANY = 2_000  # listeners, while memory is measured


def row(number: int, at: float) -> dict[str, Any]:
    """A right answer, as the platform's log holds it."""
    return {
        "id": str(number),
        "timestamp": datetime.fromtimestamp(at, UTC).isoformat(),
        "event": "flag_correct",
        "team_id": f"5dfb6a2c-0f0e-4a3e-9a55-{number % 500:012d}",
        "team_name": f"Team {number % 500}",
        "challenge_id": f"LOAD-{number % 40:04d}",
        "actor_id": f"0e2cc501-1a5a-43b1-a9a4-{number % 2000:012d}",
        "actor_name": f"Player {number % 2000:04d}",
        "actor_type": "team",
        "actor_avatar_url": "",
        "detail": {
            "instance_id": "716758f5-1056-4fc4-b490-62af57b80dbd",
            "solve_time_s": 98.3,
            "flag_id": "flag",
            "challenge_fully_solved": True,
            "ip": "127.0.0.1",
            "competition_id": "loadtest",
            "competition_title": "Load Test Competition",
        },
    }


def serve_platform(port: int, rows: int) -> None:
    """A platform that holds `rows`, and writes more of them at RATE after a POST."""
    began = time.time() - 3600
    times = [began + number / 1000 for number in range(1, rows + 1)]
    log = [json.dumps(row(number, at)) for number, at in enumerate(times, 1)]
    listeners: set[asyncio.Queue[bytes]] = set()

    async def activities(request: Any) -> Response:
        limit, offset = int(request.query_params["limit"]), int(request.query_params["offset"])
        since = request.query_params.get("since", "")
        first = bisect_left(times, datetime.fromisoformat(since).timestamp()) if since else 0
        last = max(first, len(log) - offset)
        page = ",".join(reversed(log[max(first, last - limit) : last]))
        return Response(f'{{"items":[{page}],"total":{len(log) - first}}}', media_type="application/json")

    async def events(_: Any) -> Response:
        async def frames() -> Any:
            queue: asyncio.Queue[bytes] = asyncio.Queue()
            listeners.add(queue)
            yield b": connected\n\n"
            while True:
                yield await queue.get()

        return StreamingResponse(frames(), media_type="text/event-stream")

    async def write(_: Any) -> Response:
        async def rows_come() -> None:
            for number in range(STEADY):
                made = row(len(log) + 1, at := time.time())
                times.append(at)
                log.append(json.dumps(made))
                data = json.dumps({"challenge_id": made["challenge_id"], "actor_id": made["actor_id"]})
                for queue in listeners:
                    queue.put_nowait(f"event: flag_correct\ndata: {data}\n\n".encode())
                await asyncio.sleep(max(0.0, started + number / RATE - time.monotonic()))

        started = time.monotonic()
        asyncio.ensure_future(rows_come())  # noqa: RUF006 - the process ends before the loop forgets it
        return JSONResponse({})

    async def me(_: Any) -> Response:
        return JSONResponse({"id": "1", "display_name": "root", "is_admin": True, "token_kind": "user"})

    routes = [
        Route("/api/v1/me", me),
        Route("/api/v1/admin/activities", activities),
        Route("/api/v1/events", events),
        Route("/write", write, methods=["POST"]),
    ]
    uvicorn.run(Starlette(routes=routes), port=port, log_level="error", access_log=False)


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(holds: Callable[[], object], seconds: float = 300.0) -> None:
    """Wait until `holds()` is true."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            sys.exit("the benchmark waits in vain")
        time.sleep(0.002)


@contextmanager
def broker() -> Iterator[str]:
    """A nats-server; its address."""
    program = shutil.which("nats-server")
    if program is None:
        sys.exit("the benchmark needs nats-server: apt-get install nats-server")
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        command = [program, "-js", "-sd", home, "-a", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            until(lambda: _listens(port))
            yield f"nats://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


@contextmanager
def platform(rows: int) -> Iterator[str]:
    """A platform that holds `rows`; its address."""
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(target=serve_platform, args=(port, rows))
    process.start()
    try:
        until(lambda: _listens(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.join()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Cost:
    """Seconds, and seconds of a core that this process has used, which other load does not change."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._used = time.process_time()

    def of(self, count: int, what: str) -> str:
        """What `count` of something have cost so far."""
        seconds, used = time.perf_counter() - self._began, time.process_time() - self._used
        return f"{count / seconds:,.0f} {what} a second; {count / used:,.0f} in a second of one core"


def read_all(url: str, count: int) -> None:
    """Have one consumer be given `count` events."""
    got = 0

    def heard(_: Any) -> None:
        nonlocal got
        got += 1

    with ctfy_rx.from_nats(url, since="start") as stream:
        stream.subscribe(heard)
        until(lambda: got >= count)


def latencies(stream: Any) -> list[float]:
    """Milliseconds from the commit of a row to its delivery."""
    found: list[float] = []
    stream.subscribe(lambda event: found.append(1000 * (time.time() - event.at.timestamp())))
    until(lambda: stream.status.current.state == "open")
    return found


def shown(name: str, found: list[float]) -> str:
    """Latencies in milliseconds, as one line."""
    cuts = statistics.quantiles(found, n=100)
    return f"  {name:<34} median {cuts[49]:6.1f} ms   99% {cuts[98]:6.1f} ms   worst {max(found):6.1f} ms"


class Serving(Thread):
    """A `Server` on a thread of its own."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.server = Server(NatsSource(url), token=TOKEN)
        self.start()
        until(lambda: self.server.port)

    def run(self) -> None:
        """Serve."""
        asyncio.run(self.server.run())


def listen(port: int, count: int, frames: int, ready: Any, done: Any) -> None:
    """`count` listeners in one process, each of which waits for `frames` frames."""

    async def one(opened: list[int]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /api/v1/events?token={TOKEN} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await reader.readuntil(b": connected\n\n")
        opened.append(1)
        if len(opened) == count:
            ready.set()
        left = frames
        while left > 0 and (data := await reader.read(1 << 20)):
            left -= data.count(b"\nevent: ")
        writer.close()

    async def main() -> None:
        opened: list[int] = []
        await asyncio.gather(*(one(opened) for _ in range(count)))

    asyncio.run(main())
    done.set()


def memory(url: str) -> None:
    """What a listener costs, in a process that has done nothing before."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    serving = Serving(url)
    process = context.Process(target=listen, args=(serving.server.port, MANY, 1, ready, done), daemon=True)
    before = resident()
    process.start()
    until(ready.is_set)
    print(f"memory of {MANY:,} listeners: {(resident() - before) / MANY / 1024:,.0f} KiB each")
    process.kill()


def resident() -> int:
    """Bytes of memory that this process uses."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def fan_out(url: str, platform_url: str) -> None:
    """One serving process, many listeners."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    serving = Serving(url)
    time.sleep(1.0)  # what was published before is in its memory then
    arguments = (serving.server.port, LISTENERS, STEADY, ready, done)
    process = context.Process(target=listen, args=arguments)
    process.start()
    until(ready.is_set)
    cost = Cost()
    httpx.post(f"{platform_url}/write")
    until(done.is_set)
    process.join()
    measured = cost.of(LISTENERS * STEADY, "frames")
    print(f"served to {LISTENERS} listeners, {RATE:.0f} events a second: {measured}")


def main() -> None:
    """Measure, and print."""
    with broker() as url:
        memory(url)
    with ExitStack() as stack:
        platform_url, url = stack.enter_context(platform(ROWS)), stack.enter_context(broker())
        cost = Cost()
        relay = stack.enter_context(Relay(platform_url, token=TOKEN, to=url))
        until(lambda: relay.stats.published >= ROWS)
        print(f"published by one relay, from the start: {cost.of(ROWS, 'events')}")
        state = asyncio.run(_state(url))
        print(f"  {state.bytes / state.messages:,.0f} bytes an event in the stream")
        served = Served.of(ctfy_rx.Event.from_row(row(1, 1.0), received=1.0), Pseudonyms(TOKEN))
        print(f"  {len(served.private)} bytes as a frame, {len(served.public or b'')} for everybody")
        cost = Cost()
        read_all(url, ROWS)
        print(f"read by one consumer: {cost.of(ROWS, 'events')}")
        direct = latencies(ctfy_rx.events(platform_url, token=TOKEN))
        relayed = latencies(ctfy_rx.from_nats(url))
        httpx.post(f"{platform_url}/write")
        until(lambda: min(len(direct), len(relayed)) >= STEADY)
        print(f"from the commit of a row to its delivery, {RATE:.0f} rows a second:")
        print(shown("without a relay", direct))
        print(shown("through the relay and the broker", relayed))
        fan_out(url, platform_url)


async def _state(url: str) -> Any:
    client = await nats.connect(url)
    info = await client.jetstream().stream_info("CTFY")
    await client.close()
    return info.state


if __name__ == "__main__":
    main()
