"""Events, and files of them."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

from ctfy_rx.event import Event
from ctfy_rx.recording.compression import Lines, packing_of
from ctfy_rx.recording.lines import Header, to_line

BEGAN = 1_764_000_000.0
ENDINGS = ("day1.jsonl", "day1.jsonl.gz", "day1.jsonl.zst")


def event(number: int, *, at: float | None = None, name: str = "flag_wrong", **fields: Any) -> Event[Any]:
    """A row of the log, `number` seconds after the beginning unless `at` says otherwise."""
    logged = BEGAN + (number if at is None else at)
    cursor = f"{number}@2025-11-24T16:00:{number % 60:02d}.000000+00:00"
    text = fields.pop("text", f'{{"actor_name":"Player {number}"}}')
    return Event(name, text, "", logged + 0.25, "log", number, logged, "t1", "Team 1", cursor, **fields)


def written(path: Path, *events: Event[Any], torn: bytes = b"") -> Path:
    """A plain recording of them at `path`, and what a crash left."""
    path.write_bytes(b"".join([Header.now("test").to_line(), *map(to_line, events), torn]))
    return path


def text_of(path: Path) -> bytes:
    """What a recording says, unpacked."""
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    lines = Lines(io.BytesIO(path.read_bytes()), packing_of(path), path.name)
    text = b"".join(line + b"\n" for block in lines.blocks() for line in block)
    assert not lines.torn
    return text
