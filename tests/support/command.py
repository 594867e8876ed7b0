"""``ctfy-rx`` as a process of its own, as people start it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .waiting import PATIENCE


class Output:
    """The lines of a pipe, read as they come."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.lines: list[str] = []
        self._change = threading.Condition()
        self._pipe = pipe
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._pipe:
            with self._change:
                self.lines.append(line.decode().rstrip("\n"))
                self._change.notify_all()

    def wait_for(self, pattern: str, *, within: float = PATIENCE) -> str:
        """The first line that matches `pattern`."""
        with self._change:
            found = self._change.wait_for(lambda: self._matching(pattern), within)
            assert found, f"no line matches {pattern!r} within {within} s, there is {self.lines}"
            return found

    def wait_for_lines(self, count: int, *, within: float = PATIENCE) -> list[str]:
        """The lines, as soon as there are `count`."""
        with self._change:
            assert self._change.wait_for(lambda: len(self.lines) >= count, within), self.lines
            return list(self.lines)

    def all(self) -> list[str]:
        """All lines, once the process has ended."""
        self._thread.join(PATIENCE)
        return self.lines

    def close(self) -> None:
        """Let go of the pipe, when its process has ended."""
        self._thread.join(PATIENCE)
        self._pipe.close()

    def _matching(self, pattern: str) -> str | None:
        return next((line for line in self.lines if re.search(pattern, line)), None)


class Command:
    """A running ``ctfy-rx``; `out` and `err` are what it has printed so far."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout
        assert process.stderr
        self.process = process
        self.out = Output(process.stdout)
        self.err = Output(process.stderr)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self, *, within: float = PATIENCE) -> int:
        """Its exit code, as soon as there is one."""
        return self.process.wait(within)


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's environment without any platform, login or terminal in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CTFY_")}
    for name in ("FORCE_COLOR", "NO_COLOR", "PYTHONUNBUFFERED", "XDG_CONFIG_HOME"):
        kept.pop(name, None)
    return kept | {"CTFY_CONFIG_HOME": str(home), "COLUMNS": "200", "PYTHONUTF8": "1"} | more


def arguments(*words: str) -> list[str]:
    return [sys.executable, "-m", "ctfy_rx.cli", *words]


@contextmanager
def running(*words: str, env: dict[str, str], **options: Any) -> Iterator[Command]:
    """``ctfy-rx`` with `words` as its arguments; killed at the end if it is still there."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    process = subprocess.Popen(arguments(*words), env=env, **options)
    command = Command(process)
    try:
        yield command
    finally:
        process.kill()
        process.wait()
        command.out.close()
        command.err.close()


def finished(*words: str, env: dict[str, str], **options: Any) -> subprocess.CompletedProcess[str]:
    """``ctfy-rx`` with `words` as its arguments, when it has ended by itself."""
    options = {"capture_output": True} | options
    if "input" not in options:
        options["stdin"] = subprocess.DEVNULL
    return subprocess.run(
        arguments(*words), env=env, text=True, encoding="utf-8", timeout=PATIENCE, check=False, **options
    )
