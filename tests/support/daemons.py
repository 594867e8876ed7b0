"""Real servers of other people's, each a child process on a port of its own, with all its files in one
folder."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from .waiting import PATIENCE


def program(name: str, package: str) -> str:
    """Where the program `name` lies; Debian has it in `package`."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/local/bin")
    if found is None:
        raise RuntimeError(f"these tests need {name}: apt-get install {package} (or brew install {name})")
    return found


class Daemon:
    """Runs `command` in `home` for as long as the ``with`` block does; it listens at `port` of 127.0.0.1."""

    def __init__(self, home: Path, port: int, command: list[str]) -> None:
        self.home = home
        self.port = port
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it; returns when it accepts connections."""
        with (self.home / "output.log").open("ab") as output:
            self._process = subprocess.Popen(
                self._command, cwd=self.home, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                time.sleep(0.01)
            else:
                return
        said = (self.home / "output.log").read_text()[-2000:]
        raise RuntimeError(f"{Path(self._command[0]).name} did not start: {said}")

    def kill(self) -> None:
        """End it at once; what it had open breaks off."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
