"""Runs pytest, and what failed once more, alone: ``suite.py FOLDER [--all] -- COMMAND …``.

One or two failed tests that pass alone do not fail the run, but `report.py` names them at its end: such a
test is mended next. Three or more, or one that fails again, do. FOLDER keeps what was printed, and how long
each test took.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

TESTS_FAILED = 1  # pytest's exit status
AT_MOST = 2


def main(folder: Path, options: list[str], command: list[str]) -> int:
    folder.mkdir()
    if "--all" in options:
        command = [*command, "-m", "slow or not slow", "--timeout=900"]
    status = run(folder, "all", command, ["--maxfail=20"])
    failed = failures(folder)
    if status != TESTS_FAILED or not 1 <= len(failed) <= AT_MOST:
        return status
    status = run(folder, "alone", command, ["--last-failed", "-n0", "-p", "no:randomly"])
    if status == 0:
        (folder / "passed-only-alone").write_text("\n".join(failed))
    return status


def run(folder: Path, name: str, command: list[str], options: list[str]) -> int:
    """pytest's exit status; its output goes to our own and into the folder."""
    options = [*options, f"--junit-xml={folder}/{name}.xml", "-o", f"cache_dir={folder}/cache"]
    with (folder / f"{name}.log").open("wb") as log:
        tests = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for line in tests.stdout or ():
            log.write(line)
            os.write(1, line)
        return tests.wait()


def failures(folder: Path) -> list[str]:
    kept = folder / "cache/v/cache/lastfailed"
    return sorted(json.loads(kept.read_text())) if kept.exists() else []


if __name__ == "__main__":
    end = sys.argv.index("--")
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:end], sys.argv[end + 1 :]))
