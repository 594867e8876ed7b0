"""The requests of one connection, one redirect after another, and which credentials go where. Rules without
I/O."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import httpx

from ctfy_rx.connection.either_httpx import copied
from ctfy_rx.connection.redaction import Secrets
from ctfy_rx.connection.request import (
    CREDENTIALS,
    LAST_PORT,
    SCHEMES,
    EventRequest,
    address_of,
    is_home,
    origin,
    without_token,
)
from ctfy_rx.errors import BadRedirect
from ctfy_rx.program_log import program_log as _log

__all__ = ["REDIRECTS", "exchange", "redirect_target"]

REDIRECTS = frozenset({301, 302, 303, 307, 308})

_MAX_REDIRECTS = 20
_SEE_OTHER = 303
_OF_ONE_MESSAGE = (b"host", b"content-length", b"transfer-encoding")


def exchange(
    wanted: EventRequest, client: Any, last_event_id: str, secrets: Secrets
) -> Generator[tuple[Any, dict[str, Any]], Any, Any]:
    """The requests to send, one after another until no redirect is left; returns the last response.

    Yields a request with the options to send it with, and is sent its response. Credentials go to where
    `is_home` says, and nowhere else.
    """
    first = request = wanted.build(client, last_event_id)
    home: dict[str, Any] = {} if wanted.auth is None else {"auth": wanted.auth}
    status = 0
    for _ in range(_MAX_REDIRECTS + 1):
        at_home = is_home(request.url, wanted.url)
        response = yield request, home if at_home else {"auth": None}
        status = response.status_code
        target = redirect_target(response, secrets)
        if target is None:
            return response
        if is_home(target, wanted.url):
            request = _redirected(request, status, target, first.headers, client.cookies)
        else:
            # A server may repeat the token anywhere in a Location, as in `/login?next=...`.
            path = secrets.without_token(target.raw_path.decode("ascii")).encode("ascii")
            target = target.copy_with(raw_path=path)
            headers = httpx.Headers([h for h in first.headers.raw if h[0].lower() not in CREDENTIALS])
            if secrets or wanted.auth or client.auth or len(headers.raw) < len(first.headers.raw):
                _tell(wanted, target, secrets)
            request = _redirected(request, status, target, headers, None)
    raise BadRedirect(
        f"{wanted.address} redirects round in circles: check the URL and the proxy", status=status
    )


def _tell(wanted: EventRequest, target: httpx.URL, secrets: Secrets) -> None:
    """Have the log say, once for each origin, that it gets no credentials."""
    where = str(origin(target))
    if where not in wanted.told:
        wanted.told.add(where)
        shown = secrets.hidden(address_of(target))
        _log.warning("%s redirects to %s: no credentials go there", wanted.address, shown)


def _redirected(before: Any, status: int, url: httpx.URL, headers: Any, cookies: Any) -> Any:
    method, content = before.method, before.content
    # RFC 9110, 15.4.2 to 15.4.4: after 303, and by custom a POST after 301 and 302, the new request is a GET
    # without content.
    if status == _SEE_OTHER or (status in {301, 302} and method == "POST"):
        method, content = "GET", b""
    dropped = _OF_ONE_MESSAGE if content else (*_OF_ONE_MESSAGE, b"content-type")
    raw = [header for header in headers.raw if header[0].lower() not in dropped]
    return copied(before, method=method, url=str(url), headers=raw, content=content, cookies=cookies)


def redirect_target(response: Any, secrets: Secrets) -> httpx.URL | None:
    """Where the response redirects to, None if it is no redirect. Raises `BadRedirect` if that is nowhere."""
    if response.status_code not in REDIRECTS:
        return None
    location = response.headers.get("location")
    url = httpx.URL(str(response.request.url))
    try:
        target = url.join(location) if location else None
    except (httpx.InvalidURL, ValueError):
        target = None
    if target is None or target.scheme not in SCHEMES or (target.port or 0) > LAST_PORT:
        address = secrets.hidden(address_of(url))
        raise BadRedirect(
            f"{address} redirects (status {response.status_code}) to no usable address: "
            "check the URL and the proxy",
            status=response.status_code,
        )
    return without_token(target)[0].copy_with(userinfo=b"", fragment=None)
