"""Small servers on loopback for tests: raw sockets, plain or with TLS, that do what a script says.

A script is a function of one accepted connection. When it returns the server closes that connection.
"""

from __future__ import annotations

import functools
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import trustme

from .waiting import PATIENCE

OPEN = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CLOSE_DELIMITED = OPEN + b"Connection: close\r\n\r\n"
CHUNKED = OPEN + b"Transfer-Encoding: chunked\r\n\r\n"


def frame(name: str, data: str = "{}") -> bytes:
    """One frame as the platform sends it."""
    return f"event: {name}\ndata: {data}\n\n".encode()


def chunk(content: bytes) -> bytes:
    """`content` as one chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(content), content)


def reply(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A whole response with a content length; underscores in header names stand for hyphens."""
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(location: str, status: int = 302) -> bytes:
    """A redirect to `location`."""
    return reply(status, Location=location)


class Peer:
    """One accepted connection, seen from the server."""

    def __init__(self, sock: socket.socket, server: Server) -> None:
        self.socket = sock
        self.server = server
        self.request = b""
        self.closed_at: float | None = None
        self.gone = threading.Event()

    @property
    def target(self) -> str:
        """The request target: path and query."""
        return self.request.split(b" ", 2)[1].decode()

    def headers(self, name: str) -> list[bytes]:
        """The values of a header of the request, by its name in lower case."""
        fields = [line.split(b":", 1) for line in self.request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
        return [value.strip() for field, value in fields if field.decode().lower() == name]

    def read_request(self) -> str:
        """Read one request, head and body; returns its target."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._some()
        self.request = data
        length = int((self.headers("content-length") or [b"0"])[0])
        while len(data.partition(b"\r\n\r\n")[2]) < length:
            data += self._some()
        self.request = data
        self.server.requests.append(self)
        return self.target

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.socket.sendall(part)

    def stay(self) -> None:
        """Keep the connection open until the client closes it, or the server stops."""
        with suppress(OSError):
            while self.socket.recv(65536):
                pass
        self.leave()

    def leave(self) -> None:
        if self.closed_at is None:
            self.closed_at = time.monotonic()
        self.gone.set()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _some(self) -> bytes:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the client closed the connection before its request was complete")
        return data


Script = Callable[[Peer], None]


class Server:
    """Runs `script` on a thread for each connection that it accepts; keeps peers and their requests."""

    def __init__(
        self,
        script: Script,
        *,
        tls: bool = False,
        handshake: bool = True,
        name: str = "127.0.0.1",
        alpn: str = "http/1.1",
    ) -> None:
        self.script = script
        self.peers: list[Peer] = []
        self.requests: list[Peer] = []
        self._tls = tls_context(name, alpn) if tls else None
        self._handshake = handshake
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def secure_by(self, context: ssl.SSLContext) -> None:
        """From now on `context` is the one for TLS."""
        self._tls = context

    @property
    def connections(self) -> int:
        return len(self.peers)

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self.peers:
            with suppress(OSError):
                socket.socket.shutdown(peer.socket, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                peer = Peer(self._listener.accept()[0], self)
                self.peers.append(peer)
                thread = threading.Thread(target=self._serve, args=(peer,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, peer: Peer) -> None:
        with suppress(OSError):
            if self._tls and self._handshake:
                peer.socket = self._tls.wrap_socket(peer.socket, server_side=True)
            self.script(peer)
        peer.leave()
        with suppress(OSError):
            socket.socket.shutdown(peer.socket, socket.SHUT_RDWR)
        peer.socket.close()


def sends(*parts: bytes, stay: bool = False) -> Script:
    """Reads a request, sends `parts`, and then closes, or stays until the client does."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(*parts)
        if stay:
            peer.stay()

    return script


def by_path(**scripts: bytes) -> Script:
    """Answers each path, without its slash, with its own bytes; the others with 404."""

    def script(peer: Peer) -> None:
        path = peer.read_request().partition("?")[0].strip("/")
        peer.send(scripts.get(path, reply(404)))

    return script


def in_turn(*scripts: Script) -> Script:
    """The first connection gets the first script, and so on; the last one serves all that follow."""
    left = list(scripts)

    def script(peer: Peer) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(peer)

    return script


@functools.cache
def authority() -> trustme.CA:
    """The authority that signed the servers' certificates."""
    return trustme.CA()


@functools.cache
def trusting() -> ssl.SSLContext:
    """A client's TLS context that trusts the servers here."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


@functools.cache
def tls_context(name: str, alpn: str) -> ssl.SSLContext:
    """A server's TLS context, with a certificate for `name`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(name).configure_cert(context)
    context.set_alpn_protocols([alpn])
    return context
