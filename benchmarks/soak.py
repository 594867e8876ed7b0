"""A long run in one process: do memory, threads and open files stay flat?

    python benchmarks/soak.py                                   # 10 million events, 10,000 reconnects
    python benchmarks/soak.py --events 200000 --reconnects 1000 --log

A server in a process of its own sends events of the size of a solve and ends each connection in order after
its share of them. With `--log` its activity log is read, in which each event is a row; the frames only ring.
The client counts what its subscriber is given: nothing may be missing or come twice. Prints a row for each
tenth, and what has grown since the first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import ctfy_rx

SERVER = Path(__file__).with_name("soak_server.py")
PATIENCE = 60.0  # seconds without any event


class Course:
    """What the subscriber has been given, and where the process stood at each tenth of it."""

    def __init__(self, total: int, stream: ctfy_rx.EventStream) -> None:
        self.total = total
        self.stream = stream
        self.given = 0
        self.last_id = 0
        self.out_of_order = 0
        self.is_over = threading.Event()
        self.rows: list[tuple[float, int, int, int]] = []
        self._began = time.monotonic()

    def take(self, event: ctfy_rx.Event) -> None:
        """Count `event`, which must follow the one before it."""
        number = int(event.data["solve_time_s"])
        self.out_of_order += number != self.given
        self.given += 1
        if self.given % (self.total // 10) == 0:
            self.note()
        if self.given == self.total:
            self.is_over.set()

    def note(self) -> None:
        """Print where the process stands."""
        seconds = time.monotonic() - self._began
        row = (seconds, resident_kib(), threading.active_count(), len(list(Path("/proc/self/fd").iterdir())))
        self.rows.append(row)
        stats = self.stream.stats
        print(
            f"{self.given:>11,} events  {stats.connections:>7,} connections  {row[0]:7.1f} s  "
            f"{row[1]:>8,} KiB  {row[2]} threads  {row[3]} open files",
            flush=True,
        )


def resident_kib() -> int:
    """The memory of this process that is in use."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def main() -> None:
    """Run it, and fail if an event is missing, comes twice, or comes out of order."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--reconnects", type=int, default=10_000)
    parser.add_argument("--log", action="store_true")
    wanted = parser.parse_args()
    command = [sys.executable, str(SERVER), str(wanted.events), str(wanted.events // wanted.reconnects)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            soak(url, wanted.events, log=wanted.log)
        finally:
            server.kill()


def soak(url: str, total: int, *, log: bool) -> None:
    """Hear `total` events of the server at `url`."""
    stream = ctfy_rx.events(
        url,
        token="pt_soak" if log else None,
        log=log,
        since="start" if log else None,
        initial=0.0,
        reset_after=0.0,
        policy="error",
        buffer=1_000_000,
    )
    course = Course(total, stream)
    failures: list[Exception] = []

    def fail(error: Exception) -> None:
        failures.append(error)
        course.is_over.set()

    stream.of_event("flag_correct").subscribe(course.take, fail)
    before = -1
    while not course.is_over.wait(PATIENCE) and course.given > before:
        before = course.given
    stats = stream.stats
    stream.close()
    figures = {
        "events": course.given,
        "connections": stats.connections,
        "out_of_order": course.out_of_order,
        "drops": stats.drops,
        "log_reads": stats.log_reads,
        "seconds": round(course.rows[-1][0], 1) if course.rows else None,
        "grown_since_the_first_tenth_kib": course.rows[-1][1] - course.rows[0][1] if course.rows else None,
        "threads": sorted({row[2] for row in course.rows}),
        "open_files": sorted({row[3] for row in course.rows}),
    }
    print(json.dumps(figures))
    if failures or course.given != total or course.out_of_order or stats.drops:
        sys.exit(f"not each event once and in order: {failures or course.given}")


if __name__ == "__main__":
    main()
