"""One client in a process of its own: ``python -m benchmarks.measure CLIENT URL COUNT`` prints its times as
JSON."""

from __future__ import annotations

import gc
import json
import sys

from benchmarks.clients import CLIENTS, stopwatch


def main() -> None:
    """See the module."""
    name, url, count = sys.argv[1:]
    client = CLIENTS[name]
    client(url.replace("/events/" + count, "/events/1000") if "/events/" in url else url, 1000)  # imports
    gc.collect()  # of which each left other garbage
    client(url, int(count))
    print(json.dumps(stopwatch.read()))


if __name__ == "__main__":
    main()
