"""What lies between here and a host: a proxy, a name to resolve."""

from __future__ import annotations

import queue
import socket
import threading
from urllib.request import getproxies, proxy_bypass

import httpx

__all__ = ["proxy_for", "resolved"]


def proxy_for(url: httpx.URL) -> str:
    """Host and port of the proxy that the environment names for `url`, "" without one."""
    proxies = getproxies()
    named = proxies.get(url.scheme) or proxies.get("all") or ""
    if not named or proxy_bypass(url.host):
        return ""
    try:
        proxy = httpx.URL(named if "://" in named else f"http://{named}")
    except (httpx.InvalidURL, ValueError):
        return ""
    return proxy.netloc.decode("ascii")


def resolved(host: str, seconds: float) -> list[str]:
    """The addresses of `host`; none where it has none, or where that is not known within `seconds`."""
    found: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            answers = []
        found.put(list(dict.fromkeys(str(answer[4][0]) for answer in answers)))

    # The resolver has time limits of its own, of half a minute perhaps, and cannot be interrupted.
    threading.Thread(target=resolve, name="ctfy-rx resolver", daemon=True).start()
    try:
        return found.get(timeout=seconds)
    except queue.Empty:
        return []
