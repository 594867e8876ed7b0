"""``python -m benchmarks``: measure everything, and write docs/performance.json, the chart and the page's
figures. ``--only chunks latency`` measures these rows alone and keeps the others; ``--report`` measures
nothing."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.regressions import regressions
from benchmarks.report import write
from benchmarks.run import ROWS, measured

_KEPT = Path(__file__).parents[1] / "docs" / "performance.json"


def main() -> None:
    """See the module."""
    every = [*ROWS, "memory"]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=every, default=every, help="measure these rows alone")
    parser.add_argument("--rounds", type=int, default=5, help="how often each measurement is repeated")
    parser.add_argument("--count", type=int, default=60_000, help="events of each run")
    parser.add_argument(
        "--flood", type=int, default=10_000_000, help="events that pass while memory is watched"
    )
    parser.add_argument("--report", action="store_true", help="write the chart and the page again, no more")
    options = parser.parse_args()
    before = json.loads(_KEPT.read_text()) if _KEPT.exists() else {}
    results = dict(before)
    if not options.report:
        for name in options.only:  # each is kept as soon as it is there
            results |= measured(name, rounds=options.rounds, count=options.count, flood=options.flood)
            _KEPT.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    write(results, _KEPT.parent)
    for slower in regressions(before, results):
        print(f"\nSLOWER THAN BEFORE: {slower}", file=sys.stderr)


if __name__ == "__main__":
    main()
