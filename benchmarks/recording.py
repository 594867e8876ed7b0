"""How fast recordings are written, replayed and made into tables, and how large they are.

    python benchmarks/recording.py [--events 1000000] [--rounds 3]

Events like those of a contest (the frames of tests/data/admin.sse, with the ids, times and teams of a log,
each answer on an instance of its own) are recorded into a plain file, a .gz and a .zst, and replayed and read
from there. Each line is the fastest of so many rounds: the time on the clock, and the processor's, of all
threads, which says more on a machine that has other work. "bare loop" decodes the same lines and does nothing
else.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import reactivex

import ctfy_rx
from ctfy_rx.event import Event
from ctfy_rx.operators import record
from ctfy_rx.recording.lines import from_line
from ctfy_rx.threads.waiting import Alarm

FRAMES = Path(__file__).parent.parent / "tests" / "data" / "admin.sse"
BEGAN = 1_764_000_000.0


def contest(count: int) -> Iterator[Event[Any]]:
    """So many events, 20 a second, of 12 teams; every second kind of them from the log."""
    frames = re.findall(r"^event: (.*)\ndata: (.*)$", FRAMES.read_text(encoding="utf-8"), re.MULTILINE)
    instance = re.compile(r'"instance_id":"[^"]*"')
    for number, (name, text) in zip(range(count), itertools.cycle(frames), strict=False):
        at = BEGAN + number / 20
        if '"actor_id"' not in text:
            yield Event(name, text, "", at)
            continue
        team = number % 12
        own = instance.sub(f'"instance_id":"716758f5-1056-4fc4-b490-{number:012x}"', text)
        cursor = f"{number}@2026-11-24T16:00:00.{number % 1_000_000:06d}+00:00"
        yield Event(name, own, "", at + 0.01, "log", number, at, f"team-{team:04d}", f"Team {team}", cursor)


def ended(source: reactivex.Observable[Any], on_next: Callable[[Any], object] = lambda _: None) -> None:
    """Subscribe, and wait for the end."""
    over = Alarm()
    failures: list[Exception] = []

    def on_error(error: Exception) -> None:
        failures.append(error)
        over.set()

    source.subscribe(on_next, on_error, over.set)
    over.wait()
    if failures:
        raise failures[0]


class Spent(NamedTuple):
    """Seconds: on the clock, and of the processor."""

    clock: float
    processor: float


@contextmanager
def measured(into: list[Spent]) -> Iterator[None]:
    """What is spent inside."""
    gc.collect()
    clock, processor = time.perf_counter(), time.process_time()
    yield
    into.append(Spent(time.perf_counter() - clock, time.process_time() - processor))


def best(rounds: int, work: Callable[[], object]) -> Spent:
    """The fastest round."""
    spent: list[Spent] = []
    for _ in range(rounds):
        with measured(spent):
            work()
    return Spent(min(each.clock for each in spent), min(each.processor for each in spent))


def bare_loop(path: Path) -> None:
    """Every line decoded, and nothing else."""
    with path.open("rb") as file:
        next(file)
        for line in file:
            from_line(line)


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--events", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    count, rounds = asked.events, asked.rounds

    def say(what: str, spent: Spent) -> None:
        rates = (f"{seconds:8.2f} s {count / seconds:10,.0f}/s" for seconds in spent)
        print(f"{what:<42}{''.join(rates)}", flush=True)

    print(f"{count:,} events, Python {sys.version.split()[0]}; on the clock, and of the processor")
    with tempfile.TemporaryDirectory() as folder:
        plain, *others = paths = [Path(folder, f"day1.jsonl{ending}") for ending in ("", ".gz", ".zst")]
        for path in paths:
            say(f"record {path.name}", recorded(path, count))
        for path in paths:
            size = path.stat().st_size
            print(f"size of {path.name:<34}{size / 1e6:8.1f} MB {size / count:8.0f} B an event")

        def replay(path: Path = plain) -> ctfy_rx.EventStream:
            return ctfy_rx.replay(path, speed=None)

        for what, work in {
            "bare loop": lambda: bare_loop(plain),
            "replay": lambda: ended(replay()),
            "replay, solves()": lambda: ended(replay().solves(max_keys=2 * count)),
            "replay, in a for loop": lambda: sum(1 for _ in replay()),
            "to_arrow()": lambda: replay().to_arrow(),
            "to_pandas()": lambda: replay().to_pandas(),
            **{f"replay {path.suffix}": lambda path=path: ended(replay(path)) for path in others},
        }.items():
            say(what, best(rounds, work))
        copied = Path(folder, "copy.jsonl")
        say("replay, record()", best(1, lambda: replay().record(copied).wait()))
        print(f"the recording of the replay is the same file: {copied.read_bytes() == plain.read_bytes()}")


def recorded(path: Path, count: int) -> Spent:
    """Record so many events; they are made outside of what is measured."""
    spent: list[Spent] = []
    for chunk in chunks(contest(count), 100_000):
        with measured(spent):
            ended(reactivex.from_iterable(chunk).pipe(record(path, waits=True)))
    return Spent(sum(each.clock for each in spent), sum(each.processor for each in spent))


def chunks(events: Iterator[Event[Any]], size: int) -> Iterator[list[Event[Any]]]:
    """Some at a time."""
    while chunk := list(itertools.islice(events, size)):
        yield chunk


if __name__ == "__main__":
    main()
