"""What we must know of httpx and of httpx2, its successor, beyond their common API: how to tell their things
apart, and their private names, in this one file.

Clients of either may be given to us, so nothing is told by its class; a request is copied by a class of its
own, whichever that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = [
    "LOGGERS",
    "copied",
    "is_asynchronous",
    "is_client",
    "is_url",
    "kinds_of",
    "network_backends",
    "pairs_of",
    "request_of",
    "transports",
    "wrap_transports",
]

LOGGERS = (
    "httpx",
    "httpx2",
    *(
        f"{package}.{part}"
        for package in ("httpcore", "httpcore2")
        for part in ("connection", "http11", "http2", "proxy", "socks")
    ),
    "hpack.hpack",
    "hpack.table",
)
"""The loggers under which they and their parts log."""


def is_client(value: Any) -> bool:
    """Whether it is a client, blocking or not."""
    return hasattr(value, "is_closed")


def is_asynchronous(client: Any) -> bool:
    """Whether `client` is one for an event loop."""
    return hasattr(client, "aclose")


def is_url(value: object) -> bool:
    """Whether it is a URL of theirs."""
    return type(value).__name__ == "URL"


def pairs_of(params: Any) -> Any:
    """`params` as pairs, where it is one of their own classes and names may repeat; else as it is."""
    all_pairs = getattr(params, "multi_items", None)
    return all_pairs() if all_pairs else params


def copied(request: Any, **changes: Any) -> Any:
    """A request like `request`, of its own class: with the method, extensions, and what `changes` say."""
    given = {"method": request.method, "url": request.url, "extensions": request.extensions} | changes
    return type(request)(given.pop("method"), given.pop("url"), **given)


def request_of(error: Exception) -> Any:
    """The request that failed with `error`, None where it is not known: the public property raises then."""
    return getattr(error, "_request", None)


def kinds_of(error: Exception) -> set[str]:
    """The names of its classes: those of the two packages are alike."""
    return {class_.__name__ for class_ in type(error).__mro__}


def transports(client: Any) -> Iterator[Any]:
    """The transports of `client`, its own and its mounts; None stands for "none here"."""
    # There is no public way to those that were chosen by proxies and environment.
    yield client._transport  # noqa: SLF001
    yield from client._mounts.values()  # noqa: SLF001


def wrap_transports(client: Any, around: Callable[[Any], Any]) -> None:
    """Put what `around` makes in the place of each transport of `client`."""
    client._transport = around(client._transport)  # noqa: SLF001
    for pattern, transport in client._mounts.items():  # noqa: SLF001
        if transport is not None:
            client._mounts[pattern] = around(transport)  # noqa: SLF001


def network_backends(client: Any, around: Callable[[Any], Any]) -> list[Any]:
    """Put what `around` makes in the place of the network backend of each transport that is httpcore's: a
    documented interface, with no public way to choose it for a transport that a client has made. Gives the
    other transports."""
    others: list[Any] = []
    for transport in transports(client):
        pool: Any = getattr(transport, "_pool", None)
        inner = getattr(pool, "_network_backend", None)
        if inner is not None:
            pool._network_backend = around(inner)  # noqa: SLF001
        elif transport is not None:
            others.append(transport)
    return others
