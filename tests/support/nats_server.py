"""Real nats-servers with JetStream, alone or as a cluster, that can be killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .ports import own_port
from .waiting import until


def program() -> str:
    found = shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert found, "these tests need nats-server: apt-get install nats-server"
    return found


class NatsServer:
    """One server at `url`, with `config` in its file beside what all have."""

    def __init__(self, home: Path, config: str = "", *, name: str = "alone") -> None:
        self.port = own_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.name = name
        self._home = home / name
        self._home.mkdir()
        self._file = self._home / "nats.conf"
        self.configure(config)
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, config: str) -> None:
        """What its file says from its next start on."""
        self._file.write_text(
            f'server_name: {self.name}\nlisten: "127.0.0.1:{self.port}"\n'
            f'jetstream: {{store_dir: "{self._home}", max_file: 1G}}\n{config}'
        )

    def start(self) -> None:
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program(), "-c", str(self._file)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        assert until(self.answers), self.log

    def answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as client:
            return client.recv(5) == b"INFO "
        return False

    @property
    def log(self) -> str:
        return (self._home / "log").read_text()

    def kill(self) -> None:
        """``kill -9``."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """It answers nothing more, and closes nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        self.kill()
        self.start()


@contextmanager
def nats_server(config: str = "") -> Iterator[NatsServer]:
    with tempfile.TemporaryDirectory(prefix="nats-", ignore_cleanup_errors=True) as home:
        server = NatsServer(Path(home), config)
        try:
            server.start()
            yield server
        finally:
            server.kill()


@contextmanager
def nats_cluster(size: int = 3) -> Iterator[list[NatsServer]]:
    """Servers that hold streams together."""
    routes = [own_port() for _ in range(size)]
    every = ", ".join(f'"nats-route://127.0.0.1:{route}"' for route in routes)
    with tempfile.TemporaryDirectory(prefix="nats-", ignore_cleanup_errors=True) as home:
        servers = [
            NatsServer(
                Path(home),
                f'cluster {{name: ctfy, listen: "127.0.0.1:{route}", routes: [{every}]}}\n',
                name=f"n{number}",
            )
            for number, route in enumerate(routes)
        ]
        try:
            for server in servers:
                server.start()
            yield servers
        finally:
            for server in servers:
                server.kill()
