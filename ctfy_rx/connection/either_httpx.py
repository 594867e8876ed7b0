"""What we must know of httpx and of httpx2, its successor, beyond their common API: how to tell their things
apart, and their private names, in this one file.

Clients of either may be given to us, so nothing is told by its class; a request is copied by a class of its
own, whichever that is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

__all__ = [
    "LOGGERS",
    "Http11",
    "as_its_own",
    "copied",
    "http11_below",
    "is_asynchronous",
    "is_client",
    "is_url",
    "kept_streams",
    "kinds_of",
    "pairs_of",
    "received_by",
    "request_of",
    "transports",
    "wrap_transports",
]

_LIBRARIES = {"httpx", "httpx2"}

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


def kinds_of(thing: object) -> set[str]:
    """The names of its classes: those of the two packages are alike."""
    return {class_.__name__ for class_ in type(thing).__mro__}


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


def kept_streams(client: Any) -> Iterator[Any]:
    """The network streams of the connections that a blocking `client` has kept from earlier requests, and
    will perhaps use again; none where they are not httpcore's."""
    for transport in transports(client):
        pool: Any = getattr(transport, "_pool", None)
        for place in pool.connections if "ConnectionPool" in kinds_of(pool) else ():
            below = place if place.is_idle() else None
            while below is not None and not hasattr(below, "_network_stream"):
                below = getattr(below, "_connection", None)
            if below is not None:
                yield below._network_stream  # noqa: SLF001


class Http11(NamedTuple):
    """A connection of httpcore's that speaks HTTP/1.1: what it reads from, and h11, its parser."""

    network: Any
    parser: Any


_WAY_DOWN = (
    ("BoundSyncStream BoundAsyncStream", "_stream"),
    ("ResponseStream AsyncResponseStream", "_httpcore_stream"),
    ("PoolByteStream", "_stream"),
    ("HTTP11ConnectionByteStream", "_connection"),
)
"""From the stream of a response to its connection: the classes on the way, and what holds the next."""


def http11_below(response: Any) -> Http11 | None:
    """The connection from which the chunks of `response` come; None where it cannot be reached, or they come
    as no chunks of HTTP/1.1: only the network stream is public. Whatever somebody has put in between, and be
    it a proxy of one of these classes, is not passed by."""
    place: Any = response.stream
    for kinds, held in _WAY_DOWN:
        if type(place).__name__ not in kinds.split():
            return None
        place = getattr(place, held, None)
    try:
        below = Http11(place._network_stream, place._h11_state)  # noqa: SLF001
        reads_chunks = type(below.parser._reader).__name__ == "ChunkedReader"  # noqa: SLF001
    except AttributeError:
        return None
    return below if reads_chunks and below.network is response.extensions.get("network_stream") else None


def received_by(parser: Any) -> bytes:
    """What h11 has received and not looked at; it forgets it. Its public `trailing_data` would keep it."""
    buffer = parser._receive_buffer  # noqa: SLF001
    return bytes(buffer.maybe_extract_at_most(len(buffer)) or b"")


def as_its_own(error: Exception, response: Any) -> Exception:
    """What the library of `response`, which may be of a class of the app's, makes of an error of httpcore's:
    one of the same name, that knows the request. Others stay as they are."""
    for class_ in type(response).__mro__:
        library = sys.modules[class_.__module__.partition(".")[0]]
        kind = getattr(library, type(error).__name__, None)
        if kind is not None and library.__name__ in _LIBRARIES:
            own: Exception = kind(str(error), request=response.request)
            return own
    return error
