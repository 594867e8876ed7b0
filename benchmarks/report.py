"""From what was measured to the figures of docs/performance.md and its chart."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["write"]

_NAMES = {
    "ours": "**ctfy_rx** (callback, typed)",
    "ours_data": "**ctfy_rx** (callback, plain data)",
    "ours_loop": "**ctfy_rx** (`for`)",
    "ours_async": "**ctfy_rx** (`async for`)",
    "ours_plain": "**ctfy_rx**, the body read by httpx",
    "seed": "the SDK's own consumer",
    "httpx2": "httpx2",
    "httpx_sse": "httpx-sse",
    "httpx_sse_async": "httpx-sse (`async for`)",
    "aiohttp_sse": "aiohttp-sse-client2",
    "sseclient_py": "sseclient-py",
    "requests_sse": "requests-sse",
    "launchdarkly": "launchdarkly-eventsource",
    "floor_httpx": "*httpx alone*",
    "floor_httpx_direct": "*httpx alone, the body read below it by ctfy_rx*",
    "floor_httpx_aiohttp": "*httpx over aiohttp, alone*",
    "floor_httpx_pyreqwest": "*httpx over pyreqwest, alone*",
    "floor_httptools": "*httptools on a bare socket*",
    "limit": "*the limit: a bare socket, no HTTP*",
}
Table = list[list[str]]


def _ratio(slow: float, fast: float) -> str:
    return f"{slow / fast:.2f} x"


def _required(results: dict[str, Any]) -> Iterator[list[str]]:
    """Each row of the table that the project holds itself to: work, must, goal, measured."""
    if "chunks" in results:
        yield from _required_end_to_end({name: each["cpu_us"] for name, each in results["chunks"].items()})
    if "decoders" in results:
        yield from _required_of_the_decoder(results["decoders"])
    if "solves" in results:
        cpu = {name: each["cpu_us"] for name, each in results["solves"].items()}
        measured = _ratio(cpu["ours_data"], cpu["ours_solves"])
        yield ["1 solve in 100 frames, coalesced, against all frames decoded", "3 x", "5 x", measured]
    if "shared" in results:
        shared = results["shared"]
        one = shared["stream"]["1"]
        bare = f"{shared['bare']['1']:.2f}"
        yield ["one direct subscriber, an event", "1 µs", "0.6 µs", f"{one:.2f} µs (a bare call: {bare})"]
        measured = f"{shared['stream_each_more']:.2f} µs (a bare loop: {shared['bare_each_more']:.2f})"
        yield ["each more direct subscriber, an event", "0.1 µs", "0.06 µs", measured]
    if "latency" in results:
        bare = results["latency"]["bare"]["p99"]
        for kind, name, must, goal in (
            ("callback", "callback", "+0.2 ms", "+0.1 ms"),
            ("async_for", "`async for`", "+0.4 ms", "+0.2 ms"),
        ):
            more = results["latency"][kind]["p99"] - bare
            work = f"latency to a {name}, p99, over a bare `recv` ({bare:.2f} ms)"
            yield [work, must, goal, f"{more:+.2f} ms"]
    yield from _required_of_the_log(results)
    yield from _required_of_memory(results)


def _required_end_to_end(cpu: dict[str, float]) -> Iterator[list[str]]:
    ours, asynchronous = "end to end, callback", "end to end, `async for`"
    for work, us, against, peer, must, goal in (
        (ours, "ours", "launchdarkly", "launchdarkly's", "1.3 x", "2.5 x"),
        (ours, "ours", "seed", "the SDK's own consumer", "4 x", "6 x"),
        (ours, "ours", "floor_httpx", "a plain httpx loop", "2 x", "3 x"),
        (ours, "ours", "limit", "the limit", "0.15 x", "0.3 x"),
        (asynchronous, "ours_async", "httpx_sse_async", "httpx-sse's `aiter_sse`", "2.5 x", "4 x"),
        (asynchronous, "ours_async", "aiohttp_sse", "aiohttp-sse-client2", "2 x", "3 x"),
        ("the body read by httpx", "ours_plain", "floor_httpx", "a plain httpx loop", "0.85 x", "1.0 x"),
    ):
        if us in cpu and against in cpu:
            yield [f"{work}, against {peer}", must, goal, _ratio(cpu[against], cpu[us])]


def _required_of_the_decoder(by_kind: dict[str, dict[str, float]]) -> Iterator[list[str]]:
    """By frames a second, of what was measured."""
    for kind, name, must in (
        ("coalesced", "chunks of 16 KiB", "2.5 x"),
        ("chunks", "one frame a chunk", "1.5 x"),
        ("crlf", "CRLF", "2 x"),
        ("ids", "with ids", "1.5 x"),
    ):
        each = by_kind.get(kind, {})
        if not {"ours", "launchdarkly"} <= each.keys():
            continue
        goal = _ratio(each["limit"], each["launchdarkly"]) + ", `split` alone" if "limit" in each else ""
        yield [
            f"decoder, {name}, against launchdarkly's",
            must,
            goal,
            _ratio(each["ours"], each["launchdarkly"]),
        ]


def _required_of_the_log(results: dict[str, Any]) -> Iterator[list[str]]:
    if "log" in results:
        log = results["log"]
        more = log["frame_to_event_ms"] - log["one_read_ms"]
        measured = f"one read ({log['one_read_ms']:.1f} ms) {more:+.1f} ms"
        yield ["log-backed: frame to event, idle", "one read + 2 ms", "", measured]
        behind = f"{log['caught_up_seconds']:.1f} s (to read its pages alone: {log['pages_seconds']:.1f} s)"
        yield [f"log-backed: {log['rows']:,} rows behind", "3 s", "", behind]
    if "reconnect" in results:
        yield [
            "reconnect: first event, beyond the delay",
            "20 ms",
            "",
            f"{results['reconnect']['p50']:.1f} ms",
        ]


def _required_of_memory(results: dict[str, Any]) -> Iterator[list[str]]:
    if "memory" in results:
        memory = results["memory"]
        yield ["memory: an idle stream, over the import", "5 MiB", "", f"{memory['idle']:.1f} MiB"]
        yield ["memory: each direct subscriber", "4 KiB", "", f"{memory['subscriber']:.1f} KiB"]
        growth = f"{memory['growth_after_first_tenth']:+.1f} MiB after {memory['passed']:,}"
        yield ["memory: as events pass", "flat", "", growth]
    if "imports" in results:
        imports = results["imports"]
        for what, name, must, goal in (
            ("`import ctfy_rx`", "ours", "1.1 x", "1.05 x"),
            ("the same, and `ctfy_rx.events(url)`, which loads what it needs", "ours_opened", "", ""),
        ):
            measured = _ratio(imports[name]["ms"], imports["base"]["ms"])
            yield [f"{what}, against importing httpx and reactivex", must, goal, measured]


def _clients(results: dict[str, Any]) -> Iterator[list[str]]:
    if "chunks" in results and "coalesced" in results:
        for name, title in _NAMES.items():
            both = (results[row].get(name) for row in ("chunks", "coalesced"))
            yield [title, *(_figures(each) if each else " | " for each in both)]


def _figures(client: dict[str, float]) -> str:
    """Events a second, and the processor's microseconds for each: the median, the least and the most."""
    least, most = (f"{client.get(f'{which}_cpu_us', client['cpu_us']):.1f}" for which in ("least", "most"))
    return f"{client['per_second']:,.0f} | {client['cpu_us']:.1f} ({least} to {most})"


def _where(results: dict[str, Any]) -> str:
    where = results["where"]
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    return (
        f"Measured on {where['date']}: {where['machine']}, Python {where['python']}; "
        f"{where['rounds']} rounds of {where['events']:,} events, medians. {versions}.\n"
    )


def _table(head: list[str], rows: Table) -> str:
    lines = [head, ["---"] * sum(cell.count("|") + 1 for cell in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write(results: dict[str, Any], docs: Path) -> None:
    """Put the figures into docs/performance.md between their marks, and draw docs/performance.svg."""
    blocks = {
        "where": _where(results),
        "required": _table(["work", "must", "goal", "measured"], list(_required(results))),
        "clients": _table(
            ["client", "events/s, one chunk a frame | CPU µs", "events/s, 16 KiB chunks | CPU µs"],
            list(_clients(results)),
        ),
    }
    page = docs / "performance.md"
    text = page.read_text(encoding="utf-8")
    for name, block in blocks.items():
        mark = f"<!-- {name} -->\n"
        text = re.sub(f"{mark}.*?{mark}", lambda _, b=block, m=mark: m + b + m, text, flags=re.DOTALL)
    page.write_text(text, encoding="utf-8")
    _chart(results, docs / "performance.svg")


_Axes = Any


def _chart(results: dict[str, Any], path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "ctfy_rx"  # the same figures give the same file
    from matplotlib import pyplot as plt  # noqa: PLC0415

    panels: list[tuple[str, Callable[[_Axes], None]]] = [
        ("chunks", lambda axes: _bars(axes, results["chunks"])),
        ("by_size", lambda axes: _lines(axes, results["by_size"], "bytes of a frame, one chunk each")),
        ("by_chunk", lambda axes: _lines(axes, results["by_chunk"], "bytes of a chunk, real frames")),
        ("shared", lambda axes: _subscribers(axes, results["shared"])),
        ("memory", lambda axes: _memory(axes, results["memory"])),
    ]
    there = [draw for name, draw in panels if name in results]
    figure, grid = plt.subplots(
        len(there), 1, figsize=(8, 3.6 * len(there)), layout="constrained", squeeze=False
    )
    for axes, draw in zip(grid[:, 0], there, strict=True):
        draw(axes)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def _bars(axes: _Axes, chunks: dict[str, Any]) -> None:
    names = [name for name in _NAMES if name in chunks][::-1]
    colours = [_colour(name) for name in names]
    values = [1e6 / chunks[name]["cpu_us"] / 1000 for name in names]
    bars = axes.barh([re.sub("[*`]", "", _NAMES[name]) for name in names], values, color=colours)
    axes.bar_label(bars, fmt="%.0f", padding=3, fontsize=8)
    axes.tick_params(axis="y", labelsize=8)
    axes.set_xlabel("thousand events for each second of the processor, one chunk a frame")


def _colour(name: str) -> str:
    return "#0a7" if name.startswith("ours") else "#bbb" if name.startswith(("floor", "limit")) else "#58a"


def _lines(axes: _Axes, by_size: dict[str, Any], label: str) -> None:
    sizes = sorted(by_size, key=int)
    for name in by_size[sizes[0]]:
        values = [1e6 / by_size[size][name]["cpu_us"] / 1000 for size in sizes]
        axes.plot([int(size) for size in sizes], values, marker="o", label=re.sub("[*`]", "", _NAMES[name]))
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel(label)
    axes.set_ylabel("thousand events/s of CPU")
    axes.legend(fontsize=8)


def _subscribers(axes: _Axes, shared: dict[str, Any]) -> None:
    for name, label in (("stream", "ctfy_rx"), ("bare", "a bare loop over the callbacks")):
        counts = sorted(shared[name], key=int)
        axes.plot(
            [int(count) for count in counts],
            [shared[name][count] for count in counts],
            marker="o",
            label=label,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("direct subscribers, each reads one decoded field")
    axes.set_ylabel("µs an event")
    axes.legend(fontsize=8)


def _memory(axes: _Axes, memory: dict[str, Any]) -> None:
    passed, resident = zip(*memory["growth"], strict=True)
    axes.plot(passed, resident)
    axes.set_ylim(0, max(resident) * 1.2)
    axes.set_xlabel("million events passed")
    axes.set_ylabel("MiB in memory")
