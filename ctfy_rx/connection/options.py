"""What an option of `frames` and `events` may be, and what to write instead of what cannot work."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from ctfy_rx.connection.client_maker import ClientOptions
from ctfy_rx.connection.credentials import TokenIn
from ctfy_rx.connection.either_httpx import is_url, pairs_of
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.text.suggestion import did_you_mean
from ctfy_rx.threads.coroutines import is_coroutine_function

__all__ = ["FramesOptions", "Params", "check", "encoded_headers", "query", "refuse_unknown"]

Params = Mapping[str, Any] | Sequence[tuple[str, Any]] | str | None
"""All that httpx takes: values may be lists, and names may repeat."""

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2: a token


class FramesOptions(ClientOptions, total=False):
    """The further options of `frames`, for functions that pass them on."""

    headers: Mapping[str, str] | Sequence[tuple[str, str]] | None
    params: Params
    auth: Any
    method: str
    content: bytes | str | None
    json: Any
    idle_timeout: float | None
    connect_timeout: float
    max_frame_bytes: int
    last_event_id: str
    token_in: TokenIn


def check(**options: object) -> None:
    """Raise `ConfigurationError` for an option that cannot work, saying what to write.

    >>> check(connect_timeout=0)
    Traceback (most recent call last):
    ctfy_rx.errors.ConfigurationError: connect_timeout must be seconds above 0
    """
    for name, value in options.items():
        works, wanted = _RULES[name]
        if not works(value):
            raise ConfigurationError(f"{name} must be {wanted}")


def _is_seconds(value: object) -> bool:
    return isinstance(value, (int, float)) and 0 < value < math.inf


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_plain_function(value: object) -> bool:
    return callable(value) and not is_coroutine_function(value)


_RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    "url": (lambda url: url is None or _is_text(url) or is_url(url), "a str or an httpx.URL"),
    "path": (lambda path: path is None or _is_text(path), "a str"),
    "token": (
        lambda token: token is None or _is_text(token) or _is_plain_function(token),
        "a str, None, or a plain function that returns one of them",
    ),
    "token_in": (lambda place: place in {"query", "header"}, '"query" or "header"'),
    "client_factory": (
        lambda make: make is None or _is_plain_function(make),
        "a plain function that returns a new client, as httpx.Client itself is one",
    ),
    "method": (
        lambda name: isinstance(name, str) and bool(_METHOD.fullmatch(name)),
        "the name of an HTTP method",
    ),
    "content": (
        lambda content: isinstance(content, (bytes, str, type(None))),
        "bytes or a str: an iterator could not be sent again at the next attempt",
    ),
    "idle_timeout": (
        lambda seconds: seconds is None or _is_seconds(seconds),
        "seconds above 0, or None for no limit",
    ),
    "connect_timeout": (_is_seconds, "seconds above 0"),
    "max_frame_bytes": (
        lambda count: isinstance(count, int) and count >= 1,
        "a whole number of bytes, 1 or more",
    ),
    "last_event_id": (_is_text, "a str"),
}


def encoded_headers(headers: Mapping[str, str] | Sequence[tuple[str, str]] | None) -> httpx.Headers:
    """`headers=` as httpx keeps them. Raises `ConfigurationError` for what cannot be."""
    try:
        return httpx.Headers(headers)
    except UnicodeEncodeError:  # its text repeats what may be a secret
        raise ConfigurationError(
            "headers= holds a character that is not ASCII: encode the value first"
        ) from None
    except (TypeError, ValueError):
        raise ConfigurationError("headers must be a mapping or a list of pairs of str") from None


def query(params: Params) -> httpx.QueryParams:
    """`params=` as httpx keeps them. Raises `ConfigurationError` for what cannot be."""
    try:
        return httpx.QueryParams(pairs_of(params))
    except (AttributeError, LookupError, TypeError, ValueError):
        raise ConfigurationError("params must be a mapping, a list of pairs, or a query as str") from None


def refuse_unknown(options: Mapping[str, Any]) -> None:
    """Raise `TypeError` for an option that does not exist, with the one that was meant."""
    for name in options.keys() - ClientOptions.__optional_keys__:
        known = {"url", "token", "client_factory", "path", *FramesOptions.__optional_keys__}
        meant = did_you_mean(name, known)
        raise TypeError(f"unexpected keyword argument {name!r}{meant and ': '}{meant}")
