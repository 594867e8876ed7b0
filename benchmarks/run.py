"""Runs every row, interleaved and repeated, and keeps all that was measured."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from importlib import metadata
from statistics import median
from typing import Any

from benchmarks.clients import CLIENTS
from benchmarks.server import serving

__all__ = ["ROWS", "measured"]

_BY_CHUNKS = [name for name in CLIENTS if name != "ours_solves"]
_SIZES = (64, 256, 1024, 4096, 16384)
_CHUNKS = (512, 2048, 8192, 32768, 131072)
_PACKAGES = (
    *("ctfy", "httpx", "httpx2", "httpx-sse", "aiohttp-sse-client2", "sseclient-py", "requests-sse"),
    *("launchdarkly-eventsource", "httptools", "httpx-aiohttp", "pyreqwest", "reactivex", "msgspec", "h11"),
)


def _child(*arguments: object) -> Any:
    """What a probe or a client says, in a process of its own."""
    return _said("-m", *map(str, arguments))


def _said(*arguments: str) -> Any:
    command = [sys.executable, *arguments]
    # With bytecode, as installed packages have it.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _throughput(
    url: str, clients: list[str], count: int, kind: str, rounds: int
) -> dict[str, dict[str, float]]:
    """Medians for each client: events a second by the clock, microseconds of the processor an event."""
    taken: dict[str, list[dict[str, float]]] = {client: [] for client in clients}
    for number in range(rounds):
        print(f"  {kind}, round {number + 1} of {rounds}", file=sys.stderr)
        for client in clients:
            taken[client].append(_child("benchmarks.measure", client, f"{url}/events/{count}/{kind}", count))
    return {
        client: {
            "per_second": count / median(each["seconds"] for each in runs),
            "cpu_us": median(each["cpu"] for each in runs) / count * 1e6,
            "least_cpu_us": min(each["cpu"] for each in runs) / count * 1e6,
            "most_cpu_us": max(each["cpu"] for each in runs) / count * 1e6,
        }
        for client, runs in taken.items()
    }


def _medians(results: list[Any]) -> Any:
    """The median of each number of equal results."""
    first = results[0]
    if isinstance(first, dict):
        return {key: _medians([each[key] for each in results]) for key in first}
    return median(results)


def _chunks(url: str, rounds: int, count: int) -> Any:
    return _throughput(url, _BY_CHUNKS, count, "chunks", rounds)


def _coalesced(url: str, rounds: int, count: int) -> Any:
    # The limit looks at no HTTP, and here a chunk may begin inside a frame.
    return _throughput(url, [name for name in _BY_CHUNKS if name != "limit"], count, "coalesced", rounds)


def _framings(url: str, rounds: int, count: int) -> Any:
    clients = ["ours", "launchdarkly", "httpx_sse"]
    return {kind: _throughput(url, clients, count, kind, rounds) for kind in ("crlf", "ids")}


def _solves(url: str, rounds: int, count: int) -> Any:
    clients = ["ours", "ours_data", "ours_solves", "launchdarkly"]
    return _throughput(url, clients, count, "solves", rounds)


def _by_size(url: str, rounds: int, count: int) -> Any:
    clients = ["ours", "launchdarkly", "floor_httpx", "limit"]
    return {
        str(size): _throughput(
            url, clients, min(count, 40_000_000 // size), f"size-{size}", max(1, rounds // 2)
        )
        for size in _SIZES
    }


def _by_chunk(url: str, rounds: int, count: int) -> Any:
    clients = ["ours", "launchdarkly", "floor_httpx", "floor_httptools"]
    return {
        str(size): _throughput(url, clients, count, f"coalesced-{size}", max(1, rounds // 2))
        for size in _CHUNKS
    }


def _latency(url: str, rounds: int, _: int) -> Any:
    kinds = ("bare", "callback", "for", "async_for")
    taken: dict[str, list[Any]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            taken[kind].append(_child("benchmarks.probes", "latency", kind, f"{url}/paced/1000/200", 1000))
    return {kind: _medians(runs) for kind, runs in taken.items()}


_IMPORT = """import time
began = time.process_time()
{}
print('{{"ms": %f}}' % ((time.process_time() - began) * 1e3))"""  # nothing else is imported before


def _imports(_: str, rounds: int, __: int) -> Any:
    statements = {
        "base": "import httpx, reactivex",
        "ours": "import ctfy_rx",
        "ours_opened": "import ctfy_rx; ctfy_rx.events('http://h')",
    }
    taken: dict[str, list[Any]] = {name: [] for name in statements}
    for _ in range(4 * rounds):
        for name, statement in statements.items():
            taken[name].append(_said("-c", _IMPORT.format(statement)))
    return {name: _medians(runs) for name, runs in taken.items()}


ROWS: dict[str, Any] = {
    "decoders": lambda _, rounds, __: _child("benchmarks.probes", "decoders", 3 * rounds),
    "chunks": _chunks,
    "coalesced": _coalesced,
    "framings": _framings,
    "solves": _solves,
    "shared": lambda _, rounds, __: _child("benchmarks.probes", "shared", rounds),
    "latency": _latency,
    "log": lambda *_: _child("benchmarks.probes", "log", 10_000),
    "reconnect": lambda *_: _child("benchmarks.probes", "reconnect", 50),
    "imports": _imports,
    "by_size": _by_size,
    "by_chunk": _by_chunk,
}
"""What each row takes: the server's URL, how many rounds, how many events a run."""


def measured(name: str, *, rounds: int, count: int, flood: int) -> dict[str, Any]:
    """One row, and where it was measured; `flood` events pass while memory is watched."""
    print(name, file=sys.stderr)
    with serving() as url:
        if name == "memory":
            row = _child("benchmarks.probes", "memory", url, flood)
        else:
            row = ROWS[name](url, rounds, count)
    versions = {name: metadata.version(name) for name in _PACKAGES}
    where = {
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {_processors()}",
        "date": time.strftime("%Y-%m-%d"),
        "rounds": rounds,
        "events": count,
        "versions": versions,
    }
    return {"where": where, name: row}


def _processors() -> str:
    return f"{os.cpu_count()} processors"
