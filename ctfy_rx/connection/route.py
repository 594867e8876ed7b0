"""The way of a request, as httpcore's trace tells it: straight to its server, or by a proxy, and how far."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["DIRECT", "Route", "Way"]

_PORTS = {"http": 80, "https": 443}


class Way(NamedTuple):
    """How a request went: by a `proxy` (host and port, "" without one), which it has got beyond, or not.

    >>> Way("10.0.0.1:3128", is_beyond=False).to("http://127.0.0.1:8100")
    'the proxy 10.0.0.1:3128, on the way to http://127.0.0.1:8100,'
    >>> Way("10.0.0.1:3128").to("http://127.0.0.1:8100")
    'http://127.0.0.1:8100 (through the proxy 10.0.0.1:3128)'
    """

    proxy: str = ""
    is_beyond: bool = True

    def to(self, address: str) -> str:
        """Whom to name for what happens on the way to `address`."""
        if not self.proxy:
            return address
        if self.is_beyond:
            return f"{address} (through the proxy {self.proxy})"
        return f"the proxy {self.proxy}, on the way to {address},"


DIRECT = Way()


class Route:
    """Where the requests of one connection go; from its events it knows whose turn it is to answer."""

    def __init__(self) -> None:
        self._peer: tuple[str, int] | None = None
        self._is_beyond = True
        self._has_asked = False  # the proxy, for a tunnel

    def trace(self, name: str, info: dict[str, Any]) -> None:
        """What httpcore's ``trace`` extension tells of a request, blocking or not."""
        match name.partition(".")[2]:
            case "connect_tcp.started":
                self._peer = (str(info["host"]), int(info["port"]))
                self._is_beyond = self._has_asked = False
            case "send_request_headers.started":
                self._asks(info["request"].method == b"CONNECT")
            case "setup_socks5_connection.started":
                self._asks(True)
            case "start_tls.started" | "setup_socks5_connection.complete" if self._has_asked:
                self._is_beyond = True
            case _:
                pass

    def way(self, url: Any) -> Way:
        """How the request for `url` (httpx's, or httpx2's) went."""
        port = url.port or _PORTS.get(url.scheme)
        if self._peer is None or self._peer == (url.raw_host.decode("ascii"), port):
            return DIRECT
        host, port = self._peer
        return Way(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", self._is_beyond)

    def _asks(self, for_a_tunnel: bool) -> None:
        self._has_asked = for_a_tunnel or self._has_asked
        self._is_beyond = not for_a_tunnel
