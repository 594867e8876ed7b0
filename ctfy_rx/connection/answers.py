"""What the server answers: which response opens the stream, and what the others mean. Rules without I/O."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, cast

import httpx

from ctfy_rx.connection.content_coding import unknown_coding
from ctfy_rx.connection.http_values import media_type, seconds_to_wait
from ctfy_rx.connection.redaction import Secrets
from ctfy_rx.connection.route import DIRECT, Way
from ctfy_rx.errors import (
    HttpError,
    NotAnEventStream,
    TokenRefused,
    TooManyStreams,
)
from ctfy_rx.text.printable import escaped

__all__ = [
    "AN_ANSWER",
    "A_STREAM",
    "BODY_BYTES",
    "Sought",
    "answer_behind",
    "is_event_stream",
    "refusal",
    "refused_tunnel",
    "shown",
]

BODY_BYTES = 2048
"""How much of a refusing response's body is read and kept."""

_TOO_MANY_STREAMS_WAIT = 60.0


class Sought(NamedTuple):
    """What to say of what was asked for, where it is missing, is not for this token, cannot be had now."""

    missing: str
    forbidden: str
    unavailable: str


A_STREAM = Sought(
    "there is no event stream at this address: check the URL",
    "the token is refused, or one is needed",
    "the server cannot serve the stream now",
)
AN_ANSWER = Sought(
    "the platform has nothing at this address: check the URL",
    "the token is refused, or may not see this",
    "the server cannot answer this now",
)


def is_event_stream(response: Any) -> bool:
    """Whether the response opens a stream: 200 with ``text/event-stream``, in any case, with any parameters,
    said once or more often, in a content coding that can be undone."""
    type_ = media_type(response.headers.get("content-type", ""))
    if response.status_code != httpx.codes.OK or type_ != "text/event-stream":
        return False
    return unknown_coding(response.headers) is None


def answer_behind(error: Exception) -> Any:
    """The response that a hook of the caller's took offence at, as by the common `raise_for_status`: what it
    means is decided here. Its body may be gone. Raises `error` where there is none."""
    if all(class_.__name__ != "HTTPStatusError" for class_ in type(error).__mro__):
        raise error
    return cast("Any", error).response


def refusal(
    response: Any,
    body: bytes,
    *,
    address: str,
    secrets: Secrets,
    now: float,
    way: Way = DIRECT,
    sought: Sought = A_STREAM,
) -> HttpError:
    """The error for a response that does not give what was `sought`; `body` is the beginning of its body,
    `now` a unix time (seconds)."""
    text = secrets.hidden(body.decode("utf-8", "replace"))[:BODY_BYTES]
    headers = {name.lower(): secrets.hidden(value) for name, value in response.headers.items()}
    status = response.status_code
    retry_after = seconds_to_wait(headers.get("retry-after", ""), now)
    kind, says = _refused_by_proxy(status, headers, way) or _refused(status, headers, text, sought)
    if kind is TooManyStreams:
        retry_after = max(retry_after or 0.0, _TOO_MANY_STREAMS_WAIT)
    if unknown_coding(response.headers):
        text = ""
    message = f"{way.to(address)} answered {status}: {shown(says)}"
    return kind(message, status=status, headers=headers, body=text, retry_after=retry_after)


def _refused(status: int, headers: dict[str, str], text: str, sought: Sought) -> tuple[type[HttpError], str]:
    kind: type[HttpError] = HttpError
    match status:
        case 401 | 403:
            kind, says = TokenRefused, f"{sought.forbidden}: log in again, or check token="
        case 404 | 410:
            says = sought.missing
        case 429 if _code(text) == "too_many_streams":
            kind, says = TooManyStreams, "this account has too many open streams: close some, or share one"
        case 400 if "https port" in text.lower():  # so nginx and Apache say
            says = "it speaks TLS: write https://"
        case _ if status // 100 == 2:  # noqa: PLR2004 - it is what the digit means
            kind, says = NotAnEventStream, _no_stream(status, headers)
        case _ if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            says = sought.unavailable
        case _:
            says = "the server refuses the request: see the body of this error for its reasons"
    return kind, says


def _no_stream(status: int, headers: dict[str, str]) -> str:
    coding = unknown_coding(headers)
    if status == 204:  # noqa: PLR2004 - No Content
        return "the server has no events to send and asks not to come back"
    if status == 200 and coding:  # noqa: PLR2004 - OK
        return f"its content is coded as {coding!r}, which cannot be undone: by headers=, or a proxy?"
    received = headers.get("content-type", "no content type")
    return f"expected 200 with text/event-stream, received {received}: a login page, or the wrong URL?"


def refused_tunnel(said: str, address: str) -> HttpError | None:
    """The error for what a proxy `said` to CONNECT, as ``407 Proxy Authentication Required``; None where it
    is none of HTTP."""
    status = re.match(r"[1-5]\d\d\b", said)
    if status is None:
        return None
    says = _BY_PROXY.get(int(status[0]), "")
    return HttpError(f"{address} refuses: {said}{says and ': '}{says}", status=int(status[0]))


def _refused_by_proxy(status: int, headers: dict[str, str], way: Way) -> tuple[type[HttpError], str] | None:
    says = _BY_PROXY.get(status)
    if says is None or not (status == _PROXY_LOGIN or _is_proxys(headers, way)):
        return None
    return HttpError, says


_PROXY_LOGIN = 407
_FORBIDS = "the proxy does not allow it: ask who runs it, or name the host in NO_PROXY"
_BY_PROXY = {
    401: _FORBIDS,
    403: _FORBIDS,
    _PROXY_LOGIN: "the proxy wants a user and a password: write them into its URL, http://user:password@host",
}
_PROXIES = re.compile(r"squid|tinyproxy|privoxy|zscaler|bluecoat|mcafee|websense|fortigate", re.IGNORECASE)


def _is_proxys(headers: dict[str, str], way: Way) -> bool:
    """Whether a proxy refuses, and not the server behind it: it says so (RFC 9209, 2.1.1: *error*), or it is
    known by its name."""
    if "x-squid-error" in headers or "error=" in headers.get("proxy-status", ""):
        return True
    named = _PROXIES.search(headers.get("server", ""))
    return bool(way.proxy and (named or "proxy-agent" in headers or "proxy-authenticate" in headers))


def _code(body: str) -> object:
    """The error code of the platform: ``{"code": ...}``, at the top or under ``detail``."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict):
        return None
    holder = cast("dict[str, Any]", answer)
    detail = holder.get("detail")
    return holder.get("code") or (
        cast("dict[str, Any]", detail).get("code") if isinstance(detail, dict) else None
    )


_LONGEST_DETAIL = 300  # characters


def shown(text: str) -> str:
    """`text` for a message: what a server puts there must not reach a terminal as a command, nor fill it."""
    return escaped(text, _LONGEST_DETAIL)
