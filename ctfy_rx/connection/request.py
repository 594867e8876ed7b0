"""What is asked of the server: the address, the request, and who is at home there. Rules without I/O."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote_plus

import httpx

from ctfy_rx.connection.content_coding import accepted
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.version import __version__

__all__ = [
    "CREDENTIALS",
    "EVENTS_PATH",
    "LAST_PORT",
    "SCHEMES",
    "EventRequest",
    "address_of",
    "api_root",
    "encoded_json",
    "is_home",
    "origin",
    "resolve",
    "user_agent",
    "without_token",
]

EVENTS_PATH = "/api/v1/events"

SCHEMES = frozenset({"http", "https"})
LAST_PORT = 65535
CREDENTIALS = (b"authorization", b"cookie", b"proxy-authorization")
"""The headers that hold them."""

_HTTP, _HTTPS = 80, 443
_HEAD_SECONDS = 5.0
_HEADER_TEXT = re.compile(rb"[\t\x20-\x7e\x80-\xff]+")


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port, the default port made explicit."""
    return url.scheme, url.host, url.port or {"http": _HTTP, "https": _HTTPS}.get(url.scheme)


def is_home(url: httpx.URL, home: httpx.URL) -> bool:
    """Whether credentials for `home` may go to `url`: it has the same origin, or is the same host's after the
    plain upgrade from ``http`` to ``https``, each at its default port; so does httpx.

    >>> home = httpx.URL("http://ctf.example/events")
    >>> [is_home(httpx.URL(url), home) for url in ("https://ctf.example/", "https://ctf.example:8443/")]
    [True, False]
    """
    if origin(url) == origin(home):
        return True
    return origin(home) == ("http", home.host, _HTTP) and origin(url) == ("https", home.host, _HTTPS)


def address_of(url: httpx.URL) -> str:
    """Scheme, host, port and path: what may be shown of a URL."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None)) if url.host else url.path


def resolve(url: str, path: str | None, base: str) -> httpx.URL:
    """The address of the event stream.

    A `url` without a path is the platform's root, one with a path is taken as it is; `path` is appended.
    Without `url`, `base`, the client's own base URL, stands in its place.

    >>> print(resolve("http://127.0.0.1:8100", None, ""), resolve("", "/events", "http://127.0.0.1:8100/api/v1/"))
    http://127.0.0.1:8100/api/v1/events http://127.0.0.1:8100/api/v1/events
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
        raise ConfigurationError('the URL cannot be read: write it like "http://127.0.0.1:8100"') from None
    if (root.port or 0) > LAST_PORT:
        raise ConfigurationError(f"port {root.port} cannot exist: write one from 1 to {LAST_PORT}")
    if root.scheme not in SCHEMES or not root.host:
        raise ConfigurationError('the URL lacks http:// or https://: write it like "http://127.0.0.1:8100"')
    return root


def user_agent(client: Any) -> dict[str, str]:
    """The header that says who asks; none where `client` says so otherwise than httpx does of itself.

    >>> user_agent(httpx.Client(headers={"User-Agent": "first-blood-bot/2"}))
    {}
    """
    is_httpxs = client.headers.get("user-agent", "python-httpx").startswith("python-httpx")
    return {"User-Agent": f"ctfy_rx/{__version__}"} if is_httpxs else {}


def api_root(url: httpx.URL) -> httpx.URL | None:
    """Where the routes of the platform begin whose event stream is at `url`; None for another stream.

    >>> print(api_root(httpx.URL("http://127.0.0.1:8100/api/v1/events")), api_root(httpx.URL("http://x/sse")))
    http://127.0.0.1:8100/api/v1 None
    """
    if not url.path.endswith(EVENTS_PATH):
        return None
    return url.copy_with(path=url.path.removesuffix("/events"), query=None, fragment=None)


def encoded_json(data: Any, content: bytes | str | None) -> bytes:
    """`data` as the content of a request, as httpx has it. Raises `ConfigurationError` for what is no JSON,
    and beside other `content`.

    >>> encoded_json({"names": ["é"]}, None).decode()
    '{"names":["é"]}'
    """
    if content is not None:
        raise ConfigurationError("json= and content= are the same thing twice: write one of them")
    try:
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"json= holds what JSON has no word for: {error}") from None


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
    is_json: bool = False
    idle_timeout: float | None = 75.0
    connect_timeout: float = 5.0
    told: set[str] = field(default_factory=set[str], repr=False, compare=False)
    """Where no credentials went, as the log was told; of all requests that were made of this one."""

    @property
    def address(self) -> str:
        """The URL as it may be shown."""
        return address_of(self.url)

    @property
    def head_timeout(self) -> float | None:
        """Seconds after which the head of an answer has to be whole, which may begin at the end of
        `idle_timeout`; None: for ever."""
        return None if self.idle_timeout is None else self.idle_timeout + _HEAD_SECONDS

    def located(self, url: httpx.URL, client: Any) -> tuple[EventRequest, str | None]:
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
        for name, value in user_agent(client).items():
            headers.setdefault(name, value)
        if self.is_json:
            headers.setdefault("Content-Type", "application/json")
        headers.setdefault("Accept-Encoding", accepted(client.headers.get("accept-encoding", "")))
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
    return [value for name, value in headers.multi_items() if name.encode() in CREDENTIALS]


def _last_event_id_header(last_event_id: str) -> list[tuple[bytes, bytes]]:
    # 9.2.2: "If the EventSource object's last event ID string is not the empty string, then: Let
    # lastEventIDValue be the ... string, encoded as UTF-8." An id that no HTTP header can carry is left out:
    # a changed one would be a wrong one.
    value = last_event_id.encode("utf-8", "replace").strip(b" \t")
    return [(b"Last-Event-ID", value)] if _HEADER_TEXT.fullmatch(value) else []


def without_token(url: httpx.URL) -> tuple[httpx.URL, str | None]:
    """`url` without its ``token`` parameter, and that parameter: a token in a URL would reach httpx's log."""
    parts = url.query.decode("ascii").split("&")
    kept = [part for part in parts if unquote_plus(part.partition("=")[0]) != "token"]
    if len(kept) == len(parts):
        return url, None
    return url.copy_with(query="&".join(kept).encode() or None), url.params["token"] or None
