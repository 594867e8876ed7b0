"""A process of its own that sends frames, made beforehand, as fast as the socket takes them, or at a pace.

``/events/COUNT/KIND`` sends COUNT frames and ends; ``/paced/COUNT/RATE`` sends RATE a second, each with the
time at which it was written (seconds of the system's monotonic clock); ``/none`` sends nothing.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

from benchmarks import material

__all__ = ["HEAD", "serving"]

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n" + material.chunked([b": connected\n\n"])
)
_END = b"0\r\n\r\n"
_UNIT = 4000  # frames, made once and sent again and again


@cache
def _unit(kind: str, count: int) -> bytes:
    name, _, size = kind.partition("-")
    match name:
        case "chunks":
            return material.chunked(material.every_name(count))
        case "coalesced":
            return material.coalesced(material.every_name(count), int(size or 16384))
        case "crlf":
            return material.chunked(material.with_crlf(material.every_name(count)))
        case "ids":
            return material.chunked(material.with_ids(material.every_name(count)))
        case "solves":
            return material.coalesced(material.one_in_a_hundred(count))
        case "size":
            return material.chunked(material.of_size(int(size), count))
        case _:
            raise ValueError(kind)


def _send(connection: socket.socket, count: int, kind: str) -> None:
    whole, rest = divmod(count, _UNIT)
    for _ in range(whole):
        connection.sendall(_unit(kind, _UNIT))
    if rest:
        connection.sendall(_unit(kind, rest))
    connection.sendall(_END)


def _pace(connection: socket.socket, count: int, rate: int) -> None:
    due = time.monotonic()
    for _ in range(count):
        due += 1 / rate
        time.sleep(max(0.0, due - time.monotonic()))
        frame = b'event: flag_wrong\ndata: {"challenge_id":"x","sent":%.9f}\n\n' % time.monotonic()
        connection.sendall(material.chunked([frame]))
    connection.sendall(_END)


def _serve(connection: socket.socket) -> None:
    with connection, suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asked = b""
        while b"\r\n\r\n" not in asked:
            read = connection.recv(65536)
            if not read:
                return
            asked += read
        connection.sendall(HEAD)
        match asked.split()[1].decode().partition("?")[0].strip("/").split("/"):
            case ["events", count, kind]:
                _send(connection, int(count), kind)
            case ["paced", count, rate]:
                _pace(connection, int(count), int(rate))
            case _:
                pass
        connection.recv(1)  # until the client closes


def main() -> None:
    """Print the port, and serve until killed."""
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_serve, args=(connection,), daemon=True).start()


@contextmanager
def serving(port: int = 0) -> Iterator[str]:
    """The base URL of a server in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.server", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


if __name__ == "__main__":
    main()
