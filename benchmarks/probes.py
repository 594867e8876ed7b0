"""What is measured otherwise than by reading a stream to its end: ``python -m benchmarks.probes NAME ARGS``
prints one result as JSON; each runs in a process of its own."""

# ruff: noqa: PLC0415  # what is imported is part of what is measured

from __future__ import annotations

import asyncio
import gc
import json
import re
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

__all__ = ["PROBES"]

_STATM_PAGE = 4096
_MIB = 1024 * 1024


def _resident() -> int:
    """Bytes of this process that are in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * _STATM_PAGE


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


# Decoders alone


def _ours(chunks: list[bytes]) -> int:
    from ctfy_rx import FrameDecoder

    decoder = FrameDecoder()
    return sum(len(decoder.feed(chunk)) for chunk in chunks)


def _launchdarkly(chunks: list[bytes]) -> int:
    from ld_eventsource.actions import Event
    from ld_eventsource.reader import _BufferedLineReader, _SSEReader

    reader = _SSEReader(_BufferedLineReader.lines_from(iter(chunks)))
    return sum(isinstance(each, Event) for each in reader.events_and_comments())


def _httpx_sse(chunks: list[bytes]) -> int:
    from httpx_sse._decoders import SSEDecoder, SSELineDecoder

    lines, decoder, count = SSELineDecoder(), SSEDecoder(), 0
    for chunk in chunks:
        for line in lines.decode(chunk.decode()):
            count += decoder.decode(line) is not None
    return count


def _limit(chunks: list[bytes]) -> int:
    from ctfy_rx import Frame

    rest, count = b"", 0
    for chunk in chunks:
        *blocks, rest = (rest + chunk).split(b"\n\n")
        for block in blocks:
            at = block.find(b"\n")
            Frame(block[7:at].decode(), block[at + 7 :].decode())
            count += 1
    return count


def decoders(rounds: str) -> dict[str, dict[str, float]]:
    """Frames a second of each decoder, of real frames as servers send them: the median of `rounds`."""
    from benchmarks import material

    frames = material.every_name(20_000)
    kinds = {
        "coalesced": material.cut(frames),
        "chunks": frames,
        "crlf": material.cut(material.with_crlf(frames)),
        "ids": material.cut(material.with_ids(frames)),
    }
    every = [_ours, _launchdarkly, _httpx_sse]
    able = {kind: [*every, _limit] if kind in ("coalesced", "chunks") else every for kind in kinds}
    taken: dict[str, dict[str, list[float]]] = {kind: {} for kind in kinds}
    for _ in range(int(rounds)):
        for kind, chunks in kinds.items():
            for decode in able[kind]:
                began = time.process_time()
                assert decode(chunks) == len(frames), (decode, kind)
                taken[kind].setdefault(decode.__name__[1:], []).append(time.process_time() - began)
    return {
        kind: {name: len(frames) / median(seconds) for name, seconds in by_name.items()}
        for kind, by_name in taken.items()
    }


# The cost of subscribers


def shared(rounds: str) -> dict[str, Any]:
    """Microseconds an event for 1 to 1,000 direct subscribers, each of which reads one decoded field; and the
    same in a bare loop over their callbacks."""
    from reactivex.subject import Subject

    from benchmarks import material
    from ctfy_rx import Event, EventStream, FrameDecoder

    frames = FrameDecoder().feed(b"".join(material.every_name(2000)))
    counts = (1, 10, 100, 1000)
    taken: dict[str, dict[int, list[float]]] = {"stream": {}, "bare": {}}

    def read(event: Event) -> None:
        event.data.get("challenge_id")

    for _ in range(int(rounds)):
        for count in counts:
            events = [Event(frame.event, frame.data) for frame in frames][: 200_000 // count]
            source: Subject[Event] = Subject()
            stream = EventStream.over(source)
            for _ in range(count):
                stream.subscribe(read)
            for name, give in (("stream", source.on_next), ("bare", _bare(read, count))):
                began = time.process_time()
                for event in events:
                    give(event)
                seconds = time.process_time() - began
                taken[name].setdefault(count, []).append(seconds / len(events) * 1e6)
                events = [Event(frame.event, frame.data) for frame in frames][: 200_000 // count]
            stream.close()
    result: dict[str, Any] = {
        name: {str(count): median(all_) for count, all_ in by_count.items()}
        for name, by_count in taken.items()
    }
    for name in taken:
        result[f"{name}_each_more"] = (result[name]["1000"] - result[name]["1"]) / 999
    return result


def _bare(read: Callable[[Any], None], count: int) -> Callable[[Any], None]:
    reads = [read] * count

    def give(event: Any) -> None:
        for each in reads:
            each(event)

    return give


# Latency


_SENT = re.compile(rb'"sent":([0-9.]+)')


def _latency_bare(url: str, count: int) -> list[float]:
    parts = urlsplit(url)
    taken: list[float] = []
    with socket.create_connection((parts.hostname or "", parts.port or 80)) as connection:
        connection.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while len(taken) < count:
            read = connection.recv(65536)
            now = time.monotonic()
            taken += [now - float(sent) for sent in _SENT.findall(read)]
    return taken


def _latency_callback(url: str, count: int) -> list[float]:
    import ctfy_rx

    taken: list[float] = []
    done = threading.Event()

    def on_next(event: Any) -> None:
        sent = event.data["sent"]
        taken.append(time.monotonic() - sent)
        if len(taken) == count:
            done.set()

    with ctfy_rx.events(url) as stream:
        stream.subscribe(on_next)
        assert done.wait(300)
    return taken


def _latency_for(url: str, count: int) -> list[float]:
    import ctfy_rx

    taken: list[float] = []
    with ctfy_rx.events(url) as stream:
        for event in stream.take(count):
            sent = event.data["sent"]
            taken.append(time.monotonic() - sent)
    return taken


def _latency_async(url: str, count: int) -> list[float]:
    import ctfy_rx

    async def main() -> list[float]:
        taken: list[float] = []
        async with ctfy_rx.events(url) as stream:
            async for event in stream.take(count):
                sent = event.data["sent"]
                taken.append(time.monotonic() - sent)
        return taken

    return asyncio.run(main())


def latency(kind: str, url: str, count: str) -> dict[str, float]:
    """From the server's write to the subscriber, in milliseconds."""
    measure = {
        "bare": _latency_bare,
        "callback": _latency_callback,
        "for": _latency_for,
        "async_for": _latency_async,
    }[kind]
    taken = measure(url, int(count))[5:]
    return {"p50": median(taken) * 1e3, "p99": _percentile(taken, 0.99) * 1e3}


# Reconnecting


def reconnect(count: str) -> dict[str, float]:
    """A server that ends each connection after one event: from the end of the chosen delay to the next
    event, in milliseconds."""
    import ctfy_rx
    from benchmarks import material
    from benchmarks.server import HEAD

    def serve(listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(HEAD + material.chunked(material.every_name(1)))
                time.sleep(0.05)  # the event is delivered before the end is told
                connection.sendall(b"0\r\n\r\n")

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    due, taken = [0.0], list[float]()
    done = threading.Event()

    def on_status(status: ctfy_rx.Status) -> None:
        if isinstance(status, ctfy_rx.Waiting):
            due[0] = time.monotonic() + status.delay

    def on_next(_: Any) -> None:
        if due[0]:
            taken.append(time.monotonic() - due[0])
        if len(taken) == int(count):
            done.set()

    with ctfy_rx.events(
        f"http://127.0.0.1:{listener.getsockname()[1]}/events", initial=0.05, maximum=0.05
    ) as stream:
        stream.status.subscribe(on_status)
        stream.subscribe(on_next)
        assert done.wait(300)
    return {"p50": median(taken) * 1e3, "p99": _percentile(taken, 0.99) * 1e3}


# Memory


def memory(url: str, count: str) -> dict[str, Any]:
    """MiB of an idle stream over the import, KiB of each direct subscriber, and MiB while `count` events
    pass."""
    import ctfy_rx
    from ctfy_rx import events  # with all that it needs

    imported = _resident()
    opened = threading.Event()
    with events(f"{url}/none") as stream:
        stream.status.subscribe(lambda status: isinstance(status, ctfy_rx.Open) and opened.set())
        stream.subscribe(lambda _: None)
        assert opened.wait(60)
        time.sleep(0.2)
        idle = _resident()
        for _ in range(10_000):
            stream.subscribe(_nothing)
        subscribers = _resident()
    result: dict[str, Any] = {
        "imported": imported / _MIB,
        "idle": (idle - imported) / _MIB,
        "subscriber": (subscribers - idle) / 10_000 / 1024,
    }
    return result | _growth(f"{url}/events/{count}/chunks", int(count))


def _nothing(_: object) -> None:
    pass


def _growth(url: str, count: int) -> dict[str, Any]:
    import ctfy_rx

    done = threading.Event()
    samples: list[tuple[float, float]] = []
    with ctfy_rx.events(url, buffer=8192) as stream:
        stream.status.subscribe(lambda status: isinstance(status, ctfy_rx.Waiting) and done.set())
        stream.subscribe(lambda event: event.payload.challenge_id)
        began = time.monotonic()
        while not done.wait(0.25):
            samples.append((stream.stats.frames / 1e6, _resident() / _MIB))
        stats = stream.stats
        seconds = time.monotonic() - began
    assert stats.frames == count, stats
    return {
        "growth": samples,
        "growth_after_first_tenth": samples[-1][1] - samples[len(samples) // 10][1],
        "passed": stats.frames,
        "dropped": stats.drops,
        "seconds": seconds,
    }


# The real platform


def _fill(database: Path, rows: int) -> None:
    """Have the log hold `rows` rows more, all like its last one."""
    copied = "timestamp, event, team_id, team_name, challenge_id, user_id, actor_id, actor_name, actor_type, "
    copied += "actor_avatar_url, detail"
    count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
    last = "(SELECT * FROM activities ORDER BY id DESC LIMIT 1)"
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        insert = f"INSERT INTO activities ({copied}) {count} SELECT {copied} FROM n, {last}"
        connection.execute(insert, (rows,))


def _caught_up(url: str, token: str, rows: int) -> float:
    import ctfy_rx

    began = time.monotonic()
    with ctfy_rx.events(url, token=token, since="start") as stream:
        for count, _ in enumerate(stream, 1):
            if count == rows:
                break
    return time.monotonic() - began


def _page(client: Any, **query: object) -> int:
    """How many rows a page of the log has."""
    answer = client.get("/api/v1/admin/activities", params={"limit": 1000} | query).raise_for_status()
    return len(answer.json()["items"])


def _read(client: Any, rows: int) -> float:
    began = time.monotonic()
    assert sum(_page(client, offset=offset) for offset in range(0, rows, 1000)) == rows
    return time.monotonic() - began


def log(rows: str) -> dict[str, float]:
    """From an answer's frame to its event on an idle platform, in milliseconds, beside one read of the same
    rows at the same moment, by httpx, in turn; and the seconds in which a stream that is `rows` rows behind
    has delivered them, beside those in which their pages alone are read."""
    import httpx

    import ctfy_rx
    from ctfy_rx.ledger import OVERLAP
    from tests.support.platforms import real_platform

    turns, answers = 6, 8
    frame_at, reads, waited = 0.0, list[float](), list[float]()
    heard, opened = threading.Event(), threading.Event()

    def on_frame(frame: ctfy_rx.Frame) -> None:
        nonlocal frame_at
        if frame.event != "flag_wrong":
            return
        frame_at = time.monotonic()
        if not opened.is_set():  # nobody else reads the log
            _page(client, since=(datetime.now(UTC) - timedelta(seconds=OVERLAP)).isoformat())
            reads.append(time.monotonic() - frame_at)
            heard.set()

    def on_event(_: ctfy_rx.Event) -> None:
        waited.append(time.monotonic() - frame_at)
        heard.set()

    def answer() -> None:
        for place in range(answers):
            time.sleep(0.5)  # it is idle: no read of the log was just now
            heard.clear()
            platform.wrong(place)
            assert heard.wait(30)

    with real_platform() as platform, httpx.Client(base_url=platform.url) as client:
        url, token = platform.url, platform.admin_token
        client.headers["Authorization"] = f"Bearer {token}"
        raw = ctfy_rx.frames(url, token=token).subscribe(on_frame)
        time.sleep(2)  # it is open
        for _ in range(turns):
            answer()
            with ctfy_rx.events(url, token=token) as stream:
                stream.status.subscribe(lambda status: isinstance(status, ctfy_rx.Open) and opened.set())
                stream.of_event("flag_wrong").subscribe(on_event)
                assert opened.wait(60)
                answer()
            opened.clear()
        raw.dispose()
        _fill(platform.home / "platform.sqlite3", int(rows) - 2 * turns * answers)
        behind, pages = list[float](), list[float]()
        for _ in range(5):
            behind.append(_caught_up(url, token, int(rows)))
            pages.append(_read(client, int(rows)))
    return {
        "one_read_ms": median(reads) * 1e3,
        "frame_to_event_ms": median(waited) * 1e3,
        "rows": int(rows),
        "caught_up_seconds": median(behind),
        "pages_seconds": median(pages),
    }


PROBES: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (decoders, shared, latency, reconnect, memory, log)
}


if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]](*sys.argv[2:])))
