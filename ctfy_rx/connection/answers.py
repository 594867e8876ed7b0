"""What the server answers: which response opens the stream, and what the others mean. Rules without I/O."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from typing import Any, cast

import httpx

from ctfy_rx.connection.content_coding import unknown_coding
from ctfy_rx.connection.http_values import media_type, seconds_to_wait
from ctfy_rx.connection.redaction import Secrets
from ctfy_rx.errors import (
    CertificateRejected,
    ConfigurationError,
    ConnectionFailed,
    ConnectionTimedOut,
    CtfyRxError,
    HttpError,
    NotAnEventStream,
    TokenRefused,
    TooManyStreams,
)
from ctfy_rx.text.printable import escaped

__all__ = ["BODY_BYTES", "answer_behind", "is_event_stream", "refusal", "translated"]

BODY_BYTES = 2048
"""How much of a refusing response's body is read and kept."""

_TOO_MANY_STREAMS_WAIT = 60.0


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


def refusal(response: Any, body: bytes, *, address: str, secrets: Secrets, now: float) -> HttpError:
    """The error for a response that opens no stream; `body` is the beginning of its body, `now` a unix time
    (seconds)."""
    text = secrets.hidden(body.decode("utf-8", "replace"))[:BODY_BYTES]
    headers = {name.lower(): secrets.hidden(value) for name, value in response.headers.items()}
    status = response.status_code
    retry_after = seconds_to_wait(headers.get("retry-after", ""), now)
    kind: type[HttpError] = HttpError
    match status:
        case 401 | 403:
            kind, says = TokenRefused, "the token is refused, or one is needed: log in again, or check token="
        case 404 | 410:
            says = "there is no event stream at this address: check the URL"
        case 429 if _code(text) == "too_many_streams":
            kind, says = TooManyStreams, "this account has too many open streams: close some, or share one"
            retry_after = max(retry_after or 0.0, _TOO_MANY_STREAMS_WAIT)
        case 204:
            kind, says = NotAnEventStream, "the server has no events to send and asks not to come back"
        case 200 if coding := unknown_coding(response.headers):
            kind, text = NotAnEventStream, ""
            says = f"its content is coded as {coding!r}, which cannot be undone: by headers=, or a proxy?"
        case _ if response.is_success:
            received = headers.get("content-type", "no content type")
            kind, says = (
                NotAnEventStream,
                f"expected 200 with text/event-stream, received {received}: a login page, or the wrong URL?",
            )
        case 400 if "https port" in text.lower():  # so nginx and Apache say
            says = "it speaks TLS: write https://"
        case _ if response.is_server_error:
            says = "the server cannot serve the stream now"
        case _:
            says = "the server refuses the request: see the body of this error for its reasons"
    message = f"{address} answered {status}: {_shown(says)}"
    return kind(message, status=status, headers=headers, body=text, retry_after=retry_after)


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


def translated(error: Exception, *, address: str, secrets: Secrets) -> Exception:
    """Our error for one of httpx's (or httpx2's: they are told by their names); any other comes back as it
    is."""
    names = {class_.__name__ for class_ in type(error).__mro__}
    if isinstance(error, CtfyRxError) or not names & {
        "HTTPError",
        "StreamError",
        "InvalidURL",
        "UnicodeError",
    }:
        return error
    said = str(error)
    detail = _shown(secrets.hidden(said)).rstrip(".") or type(error).__name__
    if _is_certificate_error(error):
        return CertificateRejected(
            f"the certificate of {address} is not trusted: {detail}; pass verify= if it is your own"
        )
    hint = next((says for sign, says in _WRONG_SCHEME.items() if sign in said), None)
    if hint is not None:
        return ConnectionFailed(f"{address} {hint}")
    if "LocalProtocolError" in names:  # its text repeats the offending header, which may be a secret
        return ConfigurationError(f"the request to {address} breaks HTTP: check headers= and content=")
    known = (_TRANSLATIONS[name] for name in _TRANSLATIONS if name in names)
    kind, says = next(known, (ConnectionFailed, "the connection to {address} failed: {detail}"))
    return kind(says.format(address=address, detail=detail))


_PLAIN = "speaks plain HTTP, or nothing that is known: write http://"
_WRONG_SCHEME = {
    "WRONG_VERSION_NUMBER": _PLAIN,
    "RECORD_LAYER_FAILURE": _PLAIN,  # the same, said by OpenSSL 3.2 and later
    "record layer failure": _PLAIN,
    # What h11 says of control characters in the place of a status line: the first byte of a TLS alert is one.
    "illegal request line": "does not answer in HTTP: if it speaks TLS, write https://",
}
_LONGEST_DETAIL = 300  # characters


def _shown(text: str) -> str:
    """What a server puts in a message must not reach a terminal as a command, nor fill it."""
    return escaped(text, _LONGEST_DETAIL)


_TRANSLATIONS: dict[str, tuple[Callable[[str], CtfyRxError], str]] = {
    "UnicodeError": (  # from the resolver
        ConnectionFailed,
        "could not connect to {address}: its host name cannot be resolved",
    ),
    "ConnectTimeout": (ConnectionTimedOut, "{address} did not accept the connection in time"),
    "ReadTimeout": (ConnectionTimedOut, "{address} has been silent for too long (idle_timeout)"),
    "TimeoutException": (ConnectionTimedOut, "{address} did not answer in time"),
    "RemoteProtocolError": (ConnectionFailed, "{address} broke the connection off: {detail}"),
    "ReadError": (ConnectionFailed, "the connection to {address} was lost: {detail}"),
    "ConnectError": (ConnectionFailed, "could not connect to {address}: {detail}"),
    "ProxyError": (ConnectionFailed, "the proxy refused to connect to {address}: {detail}"),
    "UnsupportedProtocol": (ConfigurationError, "{address} is no http or https URL"),
    "InvalidURL": (ConfigurationError, "{address} is no usable URL"),
    "DecodingError": (ConnectionFailed, "{address} sent content that cannot be decompressed: {detail}"),
}


def _is_certificate_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
