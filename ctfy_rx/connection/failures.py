"""What becomes of the errors of HTTP libraries: one of ours, which says what failed, and on whose side. Rules
without I/O."""

from __future__ import annotations

import ssl
import time
import urllib.error
from collections.abc import Callable
from typing import Any, cast

import httpx

from ctfy_rx.connection.answers import BODY_BYTES, refusal, refused_tunnel, shown
from ctfy_rx.connection.either_httpx import kinds_of, request_of
from ctfy_rx.connection.redaction import Secrets
from ctfy_rx.connection.request import address_of
from ctfy_rx.connection.route import DIRECT, Way
from ctfy_rx.errors import (
    CertificateRejected,
    ConfigurationError,
    ConnectionFailed,
    ConnectionTimedOut,
    CtfyRxError,
)

__all__ = ["translated"]


def translated(
    error: Exception,
    *,
    address: str,
    secrets: Secrets,
    way: Way = DIRECT,
    was_open: bool = False,
    clock: Callable[[], float] = time.time,
) -> Exception:
    """Our error for one of httpx's (or httpx2's: they are told by their names), and for an answer that an app
    met in a function of its own, also by requests or urllib; any other comes back as it is. `way` is that of
    the request, `clock` gives the unix time (seconds). What `was_open` at this address before is at the right
    one, whatever comes from there now."""
    names = kinds_of(error)
    if isinstance(error, CtfyRxError) or not names & _OF_HTTP:
        return error
    response = _answer_in(error)
    if response is not None:
        where = shown(secrets.hidden(address_of(httpx.URL(str(response.url)))))
        return refusal(response, _read_of(response), address=where, secrets=secrets, now=clock())
    detail = shown(secrets.hidden(str(error))).rstrip(".") or type(error).__name__
    kind = ConnectionFailed if was_open else ConfigurationError
    return _explained(error, names, detail, way.to(_asked_by(error, address, secrets)), wrong_scheme=kind)


_OF_HTTP = frozenset({"HTTPError", "StreamError", "InvalidURL", "UnicodeError"})


def _explained(
    error: Exception, names: set[str], detail: str, address: str, *, wrong_scheme: type[CtfyRxError]
) -> CtfyRxError:
    if _is_certificate_error(error):
        return CertificateRejected(
            f"the certificate of {address} is not trusted: {detail}; pass verify= if it is your own"
        )
    if hint := next((says for sign, says in _WRONG_SCHEME.items() if sign in str(error)), None):
        return wrong_scheme(f"{address} {hint}")
    if _PERHAPS_TLS in str(error):  # or garbage, as of a proxy that restarts
        return ConnectionFailed(f"{address} does not answer in HTTP: if it speaks TLS, write https://")
    if "ProxyError" in names:
        return _refused_by_proxy(detail, address)
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
}
_PERHAPS_TLS = "illegal request line"
"""What h11 says of control characters in the place of a status line: the first byte of a TLS alert is one."""

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


def _refused_by_proxy(detail: str, address: str) -> CtfyRxError:
    final = any(sign in detail for sign in _SOCKS_FINAL)
    kind = ConfigurationError if final else ConnectionFailed
    return refused_tunnel(detail, address) or kind(f"{address} refuses: {detail}")


_SOCKS_FINAL = (
    "Invalid username/password",
    "Requested ",  # another way to log in
    "not allowed by ruleset",
    "Command not supported",
    "Address type not supported",
)


def _answer_in(error: Exception) -> Any:
    """The response that an error of httpx, requests or urllib carries; None without one."""
    if isinstance(error, urllib.error.HTTPError):
        request = httpx.Request("GET", error.url)
        return httpx.Response(error.code, headers=list((error.headers or {}).items()), request=request)
    response = getattr(error, "response", None)
    return response if isinstance(getattr(response, "status_code", None), int) else None


def _read_of(response: Any) -> bytes:
    """The beginning of its body, as far as it was read."""
    try:
        return cast("bytes", response.content)[: 2 * BODY_BYTES]
    except Exception:  # noqa: BLE001 - httpx's for a body that was not read, or is gone
        return b""


def _asked_by(error: Exception, address: str, secrets: Secrets) -> str:
    """The address of the request that failed: an app's own, perhaps, or that of a redirect."""
    request = request_of(error)
    return address if request is None else secrets.hidden(address_of(httpx.URL(str(request.url))))
