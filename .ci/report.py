"""The last lines of a run: ``report.py FOLDER …`` reads what `suite.py` kept there.

The ten slowest tests, those that passed only alone, and the reports of those that failed: last, where they
are seen.
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

SLOWEST = 10


def main(folders: list[Path]) -> None:
    slowest = sorted((test for folder in folders for test in durations(folder)), reverse=True)[:SLOWEST]
    if slowest:
        print("\n=== the ten slowest tests")
    for seconds, name in slowest:
        print(f"{seconds:7.1f} s  {name}")
    for folder in folders:
        alone = folder / "passed-only-alone"
        if alone.exists():
            print(report(folder / "all.log"))
            print(f"passed only alone: {', '.join(alone.read_text().splitlines())} ({folder.stem})")
        else:
            print(report(folder / "alone.log") or report(folder / "all.log"), end="")


def durations(folder: Path) -> list[tuple[float, str]]:
    """What each test took, its fixtures included; nothing where pytest did not come to write it."""
    try:
        tests = ElementTree.parse(folder / "all.xml").iter("testcase")
    except (OSError, ElementTree.ParseError):
        return []
    return [(float(test.get("time", 0)), f"{name_of(test)} ({folder.stem})") for test in tests]


def name_of(test: ElementTree.Element) -> str:
    return f"{test.get('classname')}::{test.get('name')}"


def report(log: Path) -> str:
    """pytest's reports of what failed; none where there is no log, or nothing failed."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    begins = [at for at, line in enumerate(lines) if line.strip("= ") in ("FAILURES", "ERRORS")]
    return "\n".join(["", *lines[begins[0] :], ""]) if begins else ""


if __name__ == "__main__":
    main([Path(folder) for folder in sys.argv[1:]])
