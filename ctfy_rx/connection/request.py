"""What is asked of the server: the address, the request, its redirects. Rules without I/O."""

from __future__ import annotations

import logging
import math
import re
from base64 import b64encode
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote_plus

import httpx

from ctfy_rx.connection.content_coding import ACCEPTED
from ctfy_rx.connection.redaction import Secrets
from ctfy_rx.errors import BadRedirect, ConfigurationError
from ctfy_rx.threads.loops import is_coroutine_function

__all__ = [
    "EVENTS_PATH",
    "EventRequest",
    "api_root",
    "bare",
    "check",
    "exchange",
    "origin",
    "redirect_target",
    "resolve",
    "without_token",
]

EVENTS_PATH = "/api/v1/events"

_log = logging.getLogger("ctfy_rx")
_MAX_REDIRECTS = 20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SEE_OTHER = 303
_SCHEMES = frozenset({"http", "https"})
_LAST_PORT = 65535
_CREDENTIALS = (b"authorization", b"cookie", b"proxy-authorization")
_OF_ONE_MESSAGE = (b"host", b"content-length", b"transfer-encoding")
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2: a token
_HEADER_TEXT = re.compile(rb"[\t\x20-\x7e\x80-\xff]+")


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
    # httpx's, or httpx2's
    "url": (lambda url: url is None or _is_text(url) or type(url).__name__ == "URL", "a str or an httpx.URL"),
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


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port, the default port made explicit."""
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def bare(url: httpx.URL) -> str:
    """Scheme, host, port and path: what may be shown of a URL."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None)) if url.host else url.path


def resolve(url: str, path: str | None, base: str) -> httpx.URL:
    """The address of the event stream.

    A `url` without a path is the platform's root, one with a path is taken as it is; `path` is appended.
    Without `url`, `base`, the client's own base URL, stands in its place.

    >>> print(resolve("http://localhost:8100", None, ""), resolve("", "/events", "http://localhost:8100/api/v1/"))
    http://localhost:8100/api/v1/events http://localhost:8100/api/v1/events
    """
    try:
        root = httpx.URL(url or base)
        if path is not None:
            name, _, query = path.partition("?")
            merged = root.path.rstrip("/") + "/" + name.lstrip("/")
            root = root.copy_with(path=merged, query=query.encode() or root.query or None)
        elif root.path in {"", "/"}:
            root = root.copy_with(path=EVENTS_PATH)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise ConfigurationError('the URL cannot be read: write it like "http://localhost:8100"') from None
    if (root.port or 0) > _LAST_PORT:
        raise ConfigurationError(f"port {root.port} cannot exist: write one from 1 to {_LAST_PORT}")
    if root.scheme not in _SCHEMES or not root.host:
        raise ConfigurationError('the URL lacks http:// or https://: write it like "http://localhost:8100"')
    return root


def api_root(url: httpx.URL) -> httpx.URL | None:
    """Where the routes of the platform begin whose event stream is at `url`; None for another stream.

    >>> print(api_root(httpx.URL("http://localhost:8100/api/v1/events")), api_root(httpx.URL("http://x/sse")))
    http://localhost:8100/api/v1 None
    """
    if not url.path.endswith(EVENTS_PATH):
        return None
    return url.copy_with(path=url.path.removesuffix("/events"), query=None, fragment=None)


@dataclass(frozen=True, kw_only=True)
class EventRequest:
    """One request for an event stream, as the caller described it. `idle_timeout` and `connect_timeout` are
    in seconds."""

    url: httpx.URL = field(default_factory=httpx.URL)
    method: str = "GET"
    params: httpx.QueryParams = field(default_factory=httpx.QueryParams)
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    content: bytes | str | None = None
    auth: object = None
    idle_timeout: float | None = 75.0
    connect_timeout: float = 5.0

    @property
    def address(self) -> str:
        """The URL as it may be shown."""
        return bare(self.url)

    def at(self, url: httpx.URL, client: Any) -> tuple[EventRequest, str | None]:
        """This request for `url`, which then holds all parameters and no credentials, and the token that was
        among them."""
        params, auth = self.params, self.auth
        if params or client.params:
            url = url.copy_merge_params(list(client.params.multi_items()))
            url = url.copy_merge_params(params)
        url, token = without_token(url)
        if url.userinfo:
            if auth is None and client.auth is None:
                auth = (url.username, url.password)
            url = url.copy_with(userinfo=b"")
        return replace(self, url=url, params=httpx.QueryParams(), auth=auth), token

    def build(self, client: Any, last_event_id: str) -> Any:
        """The `httpx.Request` of `client`'s own make that opens the stream."""
        headers = httpx.Headers({"Accept": "text/event-stream", "Cache-Control": "no-cache"})
        headers.update(self.headers)
        headers.setdefault("Accept-Encoding", _accepted(client))
        raw = [*headers.raw, *_last_event_id_header(last_event_id)]
        connect = self.connect_timeout
        timeout = (connect, self.idle_timeout, connect, connect)
        request = client.build_request(
            self.method, str(self.url), headers=raw, content=self.content, timeout=timeout
        )
        request.url = type(request.url)(str(self.url))  # the client has put its own parameters in again
        return request

    def has_credentials(self, client: Any) -> bool:
        """Whether it or `client` sends an ``Authorization`` of the caller's own."""
        given = self.auth is not None or client.auth is not None
        return given or any("authorization" in headers for headers in (self.headers, client.headers))

    def secrets(self, client: Any) -> Iterator[str]:
        """What it and `client` send that nobody may see, in the headers or as a pair of name and password."""
        for value in (*_credentials(self.headers), *_credentials(client.headers)):
            yield value
            yield value.partition(" ")[2]
        match self.auth:
            case (str(name), str(password)):
                yield password
                yield b64encode(f"{name}:{password}".encode()).decode()
            case _:
                pass


def _credentials(headers: Any) -> list[str]:
    return [value for name, value in headers.multi_items() if name.encode() in _CREDENTIALS]


def _accepted(client: Any) -> str:
    # What a client asks for, httpx's own default or the caller's choice, as far as we can undo it.
    asked = client.headers.get("accept-encoding", "").lower().split(",")
    known = ACCEPTED.split(", ")
    return ", ".join(each for each in map(str.strip, asked) if each.partition(";")[0] in known) or "identity"


def _last_event_id_header(last_event_id: str) -> list[tuple[bytes, bytes]]:
    # 9.2.2: "If the EventSource object's last event ID string is not the empty string, then: Let
    # lastEventIDValue be the ... string, encoded as UTF-8." An id that no HTTP header can carry is left out:
    # a changed one would be a wrong one.
    value = last_event_id.encode("utf-8", "replace").strip(b" \t")
    return [(b"Last-Event-ID", value)] if _HEADER_TEXT.fullmatch(value) else []


def exchange(
    wanted: EventRequest, client: Any, last_event_id: str, secrets: Secrets
) -> Generator[tuple[Any, dict[str, Any]], Any, Any]:
    """The requests to send, one after another until no redirect is left; returns the last response.

    Yields a request with the options to send it with, and is sent its response. Credentials go to the first
    origin alone.
    """
    first = request = wanted.build(client, last_event_id)
    home: dict[str, Any] = {} if wanted.auth is None else {"auth": wanted.auth}
    status = 0
    for _ in range(_MAX_REDIRECTS + 1):
        at_home = origin(request.url) == origin(wanted.url)
        response = yield request, home if at_home else {"auth": None}
        status = response.status_code
        target = redirect_target(response, secrets)
        if target is None:
            return response
        if origin(target) == origin(wanted.url):
            request = _redirected(request, status, target, first.headers, client.cookies)
        else:
            # A server may repeat the token anywhere in a Location, as in `/login?next=...`.
            hidden = secrets.hidden(target.raw_path.decode("ascii")).encode("ascii")
            headers = httpx.Headers([h for h in first.headers.raw if h[0].lower() not in _CREDENTIALS])
            target = target.copy_with(raw_path=hidden)
            _log.warning("%s redirects to %s: no credentials go there", wanted.address, bare(target))
            request = _redirected(request, status, target, headers, None)
    raise BadRedirect(
        f"{wanted.address} redirects round in circles: check the URL and the proxy", status=status
    )


def _redirected(before: Any, status: int, url: httpx.URL, headers: Any, cookies: Any) -> Any:
    method, content = before.method, before.content
    # RFC 9110, 15.4.2 to 15.4.4: after 303, and by custom a POST after 301 and 302, the new request is a GET
    # without content.
    if status == _SEE_OTHER or (status in {301, 302} and method == "POST"):
        method, content = "GET", b""
    dropped = _OF_ONE_MESSAGE if content else (*_OF_ONE_MESSAGE, b"content-type")
    raw = [header for header in headers.raw if header[0].lower() not in dropped]
    # The request's own class makes it: httpx's Request, or httpx2's.
    return type(before)(
        method, str(url), headers=raw, content=content, cookies=cookies, extensions=before.extensions
    )


def redirect_target(response: Any, secrets: Secrets) -> httpx.URL | None:
    """Where the response redirects to, None if it is no redirect. Raises `BadRedirect` if that is nowhere."""
    if response.status_code not in _REDIRECTS:
        return None
    location = response.headers.get("location")
    url = httpx.URL(str(response.request.url))
    try:
        target = url.join(location) if location else None
    except (httpx.InvalidURL, ValueError):
        target = None
    if target is None or target.scheme not in _SCHEMES or (target.port or 0) > _LAST_PORT:
        raise BadRedirect(
            f"{secrets.hidden(bare(url))} redirects (status {response.status_code}) to no usable address: "
            "check the URL and the proxy",
            status=response.status_code,
        )
    return without_token(target)[0].copy_with(userinfo=b"", fragment=None)


def without_token(url: httpx.URL) -> tuple[httpx.URL, str | None]:
    """`url` without its ``token`` parameter, and that parameter: a token in a URL would reach httpx's log."""
    parts = url.query.decode("ascii").split("&")
    kept = [part for part in parts if unquote_plus(part.partition("=")[0]) != "token"]
    if len(kept) == len(parts):
        return url, None
    return url.copy_with(query="&".join(kept).encode() or None), url.params["token"] or None
