"""The programs in the README and in docs/relay.md that read from the broker run, and print or keep events."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ctfy_rx.relay import PUBLIC

from ..support.waiting import until

ROOT = Path(__file__).parent.parent.parent
BROKER = "nats://127.0.0.1:4222"
PAGE = (ROOT / "docs" / "relay.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = [each for each in re.findall(r"```python\n(.*?)```", README + PAGE, re.DOTALL) if BROKER in each]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: str(PROGRAMS.index(program)))
def test_a_program_runs(program, p, broker, relay, tmp_path):
    for team in range(3):
        for challenge in range(4):
            p.solve(team=team, challenge=challenge)
    one = relay()
    assert until(lambda: one.stats.published == 12)
    told = program.replace(BROKER, broker.url).replace("stream.wait()", "stream.wait(3)")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", told],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    kept = tmp_path / "solves.sqlite"
    if kept.exists():
        with closing(sqlite3.connect(kept)) as database:
            assert database.execute("SELECT count(*) FROM solves").fetchone() == (12,)
    else:
        assert len(done.stdout.splitlines()) == (3 if "take(3)" in program else 10)


def test_the_page_lists_every_public_event_and_its_fields():
    for name, fields in PUBLIC.items():
        family = name.rpartition("_")[0] + "_created"
        row = next(line for line in PAGE.splitlines() if line.startswith((f"| `{name}`", f"| `{family}`")))
        assert [each for each in fields if each not in row] == []
