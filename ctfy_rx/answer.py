"""What the server answers: which response opens the stream, and what the others mean. Rules without I/O."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx

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
from ctfy_rx.redaction import Secrets

__all__ = ["BODY_BYTES", "is_event_stream", "refusal", "translated"]

BODY_BYTES = 2048
"""How much of a refusing response's body is read and kept."""

_TOO_MANY_STREAMS_WAIT = 60.0


def is_event_stream(response: Any) -> bool:
    """Whether the response opens a stream: 200 with ``text/event-stream``, in any case, with any
    parameters."""
    essence = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return bool(response.status_code == httpx.codes.OK) and essence == "text/event-stream"


def refusal(response: Any, body: bytes, *, address: str, secrets: Secrets, now: float) -> HttpError:
    """The error for a response that opens no stream; `body` is the beginning of its body, `now` a unix time
    (seconds)."""
    text = secrets.hidden(body.decode("utf-8", "replace"))[:BODY_BYTES]
    headers = {name.lower(): secrets.hidden(value) for name, value in response.headers.items()}
    status = response.status_code
    retry_after = _retry_after(headers, now)
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
        case _ if response.is_success:
            received = headers.get("content-type", "no content type")
            kind, says = (
                NotAnEventStream,
                f"expected 200 with text/event-stream, received {received}: a login page, or the wrong URL?",
            )
        case _ if response.is_server_error:
            says = "the server cannot serve the stream now"
        case _:
            says = "the server refuses the request: see the body of this error for its reasons"
    message = f"{address} answered {status}: {says}"
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


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    # RFC 9110, 10.2.3: "Retry-After = HTTP-date / delay-seconds"
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def translated(error: Exception, *, address: str, secrets: Secrets) -> Exception:
    """Our error for one of httpx's (or httpx2's: they are told by their names); any other comes back as it
    is."""
    names = {class_.__name__ for class_ in type(error).__mro__}
    if isinstance(error, UnicodeError):  # from the resolver
        return ConnectionFailed(f"could not connect to {address}: its host name cannot be resolved")
    if isinstance(error, CtfyRxError) or not names & {"HTTPError", "StreamError", "InvalidURL"}:
        return error
    detail = secrets.hidden(str(error)).rstrip(".") or type(error).__name__
    if _is_certificate_error(error):
        return CertificateRejected(
            f"the certificate of {address} is not trusted: {detail}; pass verify= if it is your own"
        )
    if "LocalProtocolError" in names:  # its text repeats the offending header, which may be a secret
        return ConfigurationError(f"the request to {address} breaks HTTP: check headers= and content=")
    for name, (kind, says) in _TRANSLATIONS.items():
        if name in names:
            return kind(says.format(address=address, detail=detail))
    return ConnectionFailed(f"the connection to {address} failed: {detail}")


_TRANSLATIONS: dict[str, tuple[Callable[[str], CtfyRxError], str]] = {
    "ConnectTimeout": (ConnectionTimedOut, "{address} did not accept the connection in time"),
    "ReadTimeout": (ConnectionTimedOut, "{address} has been silent for too long (idle_timeout)"),
    "TimeoutException": (ConnectionTimedOut, "{address} did not answer in time"),
    "RemoteProtocolError": (ConnectionFailed, "{address} broke the connection off: {detail}"),
    "ReadError": (ConnectionFailed, "the connection to {address} was lost: {detail}"),
    "ConnectError": (ConnectionFailed, "could not connect to {address}: {detail}"),
    "ProxyError": (ConnectionFailed, "the proxy refused to connect to {address}: {detail}"),
    "UnsupportedProtocol": (ConfigurationError, "{address} is no http or https URL"),
    "InvalidURL": (ConfigurationError, "{address} is no usable URL"),
    "DecodingError": (ConnectionFailed, "{address} sent content that cannot be decompressed"),
}


def _is_certificate_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
