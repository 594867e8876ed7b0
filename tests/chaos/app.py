"""An app that keeps what it heard: a line for each event of the log, with the cursor to go on after it.

Killed at any moment and started again, it goes on from its last whole line.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import ctfy_rx


def main(url: str, file: Path) -> None:
    kept = file.read_bytes() if file.exists() else b""
    whole = kept[: kept.rfind(b"\n") + 1]
    file.write_bytes(whole)
    since = whole.splitlines()[-1].split()[1].decode() if whole else "start"
    stream = ctfy_rx.events(
        url,
        token=os.environ["APP_TOKEN"],
        since=since,
        initial=0.05,
        maximum=0.3,
        idle_timeout=2.0,
        connect_timeout=1.0,
    )
    with file.open("ab", buffering=0) as heard:
        for event in stream:
            if event.log_id is not None:
                heard.write(f"{event.log_id} {event.cursor}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
