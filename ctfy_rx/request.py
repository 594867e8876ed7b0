"""What is asked of the server: the address, the request, its redirects. Rules without I/O."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx

from ctfy_rx.errors import BadRedirect, ConfigurationError

__all__ = ["EVENTS_PATH", "EventRequest", "bare", "exchange", "origin", "resolve", "without_token"]

EVENTS_PATH = "/api/v1/events"

_MAX_REDIRECTS = 20
_HEADER_TEXT = re.compile(rb"[\t\x20-\x7e\x80-\xff]+")


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
    except (httpx.InvalidURL, TypeError):
        raise ConfigurationError('the URL cannot be read: write it like "http://localhost:8100"') from None
    if root.scheme not in {"http", "https"} or not root.host:
        raise ConfigurationError(
            f'"{bare(root)}" is no http or https URL: write it like "http://localhost:8100"'
        )
    if path is not None:
        return root.copy_with(path=root.path.rstrip("/") + "/" + path.lstrip("/"))
    return root.copy_with(path=EVENTS_PATH) if root.path in {"", "/"} else root


@dataclass(frozen=True, kw_only=True)
class EventRequest:
    """One request for an event stream, as the caller described it. `idle_timeout` and `connect_timeout` are
    in seconds."""

    url: httpx.URL = field(default_factory=httpx.URL)
    method: str = "GET"
    params: Mapping[str, Any] | None = None
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    content: bytes | str | None = None
    auth: Any = None
    idle_timeout: float | None = 75.0
    connect_timeout: float = 5.0

    @property
    def address(self) -> str:
        """The URL as it may be shown."""
        return bare(self.url)

    def build(self, client: Any, last_event_id: str) -> Any:
        """The `httpx.Request` of `client`'s own make that opens the stream."""
        headers = httpx.Headers({"Accept": "text/event-stream", "Cache-Control": "no-cache"})
        headers.update(self.headers)
        raw = [*headers.raw, *_last_event_id_header(last_event_id)]
        connect = self.connect_timeout
        timeout = (connect, self.idle_timeout, connect, connect)
        url = str(self.url.copy_merge_params(self.params) if self.params else self.url)
        return client.build_request(self.method, url, headers=raw, content=self.content, timeout=timeout)


def _last_event_id_header(last_event_id: str) -> list[tuple[bytes, bytes]]:
    # 9.2.2: "If the EventSource object's last event ID string is not the empty string, then: Let
    # lastEventIDValue be the ... string, encoded as UTF-8." An id that no HTTP header can carry is left out:
    # a changed one would be a wrong one.
    value = last_event_id.encode("utf-8", "replace").strip(b" \t")
    return [(b"Last-Event-ID", value)] if _HEADER_TEXT.fullmatch(value) else []


def exchange(
    wanted: EventRequest, client: Any, last_event_id: str
) -> Generator[tuple[Any, dict[str, Any]], Any, Any]:
    """The requests to send, one after another until no redirect is left; returns the last response.

    Yields a request with the options to send it with, and is sent its response. Credentials go to the first
    origin alone.
    """
    request = wanted.build(client, last_event_id)
    options: dict[str, Any] = {} if wanted.auth is None else {"auth": wanted.auth}
    status = 0
    for _ in range(_MAX_REDIRECTS + 1):
        response = yield request, options
        status = response.status_code
        if status not in {301, 302, 303, 307, 308}:
            return response
        request, same_origin = _redirected(request, response, client)
        if not same_origin:
            options = {"auth": None}
    raise BadRedirect(
        f"{wanted.address} redirects round in circles: check the URL and the proxy", status=status
    )


def _redirected(request: Any, response: Any, client: Any) -> tuple[Any, bool]:
    url = httpx.URL(str(request.url))
    target = _redirect_target(url, response)
    same_origin = origin(target) == origin(url)
    method, content = request.method, request.content
    # RFC 9110, 15.4.2 to 15.4.4: after 303, and by custom a POST after 301 and 302, the new request is a GET
    # without content.
    status = response.status_code
    if status == httpx.codes.SEE_OTHER or (status in {301, 302} and method == "POST"):
        method, content = "GET", None
    headers = httpx.Headers(request.headers.raw)
    for name in ("host", "content-length", "transfer-encoding"):
        headers.pop(name, None)
    redirect = client.build_request(method, str(target), content=content, headers=headers.raw)
    redirect.extensions = request.extensions
    if not same_origin:
        for name in ("authorization", "cookie", "proxy-authorization"):
            redirect.headers.pop(name, None)
    return redirect, same_origin


def _redirect_target(url: httpx.URL, response: Any) -> httpx.URL:
    location = response.headers.get("location")
    try:
        target = url.join(location) if location else None
    except httpx.InvalidURL:
        target = None
    if target is None or target.scheme not in {"http", "https"} or not target.host:
        raise BadRedirect(
            f"{bare(url)} redirects (status {response.status_code}) to no usable address: check the URL and the proxy",
            status=response.status_code,
        )
    return without_token(target)[0]


def without_token(url: httpx.URL) -> tuple[httpx.URL, str | None]:
    """`url` without its ``token`` parameter, and that parameter: a token in a URL would reach httpx's log."""
    token = dict(parse_qsl(url.query.decode())).get("token")
    return (url, None) if token is None else (url.copy_remove_param("token"), token)
