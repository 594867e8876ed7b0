"""What an error or an answer means, and what to do about it: sentences, without I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import httpx

from ctfy_rx.cli.findings import Finding, failed
from ctfy_rx.cli.listening import Listening
from ctfy_rx.cli.own_words import in_own_words
from ctfy_rx.connection.request import address_of
from ctfy_rx.connection.steps import Answer
from ctfy_rx.errors import (
    BadRedirect,
    CertificateRejected,
    ConnectionFailed,
    ConnectionTimedOut,
    HttpError,
    LogUnavailable,
    NotAnEventStream,
    TokenRefused,
    TooManyStreams,
)
from ctfy_rx.platform.questions import Identity, told_version
from ctfy_rx.text.printable import short

__all__ = [
    "BASE_URL",
    "LOGIN",
    "UNBUFFERED",
    "broken_off",
    "failure",
    "no_platform",
    "through",
    "version_in",
    "who",
]

BASE_URL = "write the platform's root as the URL, like https://ctf.example"
UNBUFFERED = (
    "a proxy before the platform holds the stream back. For nginx: `proxy_buffering off;`, for others: "
    "no buffering of the answers on /api/v1/events"
)

_LONGEST = 60  # characters of a name, a version, a header
_SHOWN_TEAMS = 5
LOGIN = "log in again with `ctfy auth login`, or write --token-file"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOGIN_WANTED = frozenset({401, 403, 407})


def failure(error: Exception, url: httpx.URL) -> Finding:
    """That `error` came of talking to `url`, and what to do about it.

    >>> print(failure(TooManyStreams("429", status=429), httpx.URL("http://127.0.0.1:8100")).advice)
    close other streams of this account, or share one: each program needs one at most
    """
    said = str(error) or type(error).__name__
    return failed(in_own_words(said), _advice(error, said, url))


def _advice(error: Exception, said: str, url: httpx.URL) -> str:
    if _AT_PROXY in said:
        return _LOOK_AT_PROXY
    for sign in ("write http://", "write https://"):
        if sign in said:
            return f"the URL begins with the wrong scheme: {sign}{url.netloc.decode('ascii')}"
    if isinstance(error, HttpError) and error.status in _BY_STATUS:
        return _BY_STATUS[error.status]
    return next((says for kind, says in _BY_KIND.items() if isinstance(error, kind)), _UNKNOWN)


_AT_PROXY = ", on the way to "  # as `ctfy_rx.connection.route` says of a proxy that is itself at fault
_LOOK_AT_PROXY = (
    "look at HTTP_PROXY, HTTPS_PROXY and ALL_PROXY: does that proxy run, is its scheme right, does it let "
    "this host through? Or name the host in NO_PROXY"
)
_PROXY_WITHOUT_PLATFORM = (
    "something answers in the platform's place, most likely a proxy that cannot reach it: start the "
    "platform, and look at the proxy's error log"
)
_BY_STATUS = {
    404: "nothing is at this address: write the platform's root as the URL, like https://ctf.example",
    500: "the platform is in trouble: its own log says why",
    502: _PROXY_WITHOUT_PLATFORM,
    503: _PROXY_WITHOUT_PLATFORM,
    504: _PROXY_WITHOUT_PLATFORM,
}
_BY_KIND: dict[type[Exception], str] = {  # the first that fits
    TokenRefused: LOGIN,
    TooManyStreams: "close other streams of this account, or share one: each program needs one at most",
    LogUnavailable: "use a session token (pt_…), or go without the log: `ctfy-rx watch --live`",
    NotAnEventStream: "a login page, a proxy or another service answers: check the URL's host, port and path",
    BadRedirect: "check the URL, and the proxy that redirects",
    CertificateRejected: "name a file with the certificate of your authority in SSL_CERT_FILE, or give the "
    "server a certificate that is valid for this name",
    ConnectionTimedOut: "check host and port, the firewalls in between, and the load of the platform",
    ConnectionFailed: "check that the platform runs, and that host and port are its own",
}
_UNKNOWN = "read what was answered; where it makes no sense, report it with the output of this command"


def no_platform(answer: Answer, address: str) -> Finding:
    """That `answer` at `address` is not the platform's health, and what to do about it."""
    status = answer.status_code
    kind = short(answer.headers.get("content-type", "").partition(";")[0], _LONGEST)
    if status in _REDIRECTS:
        target = address_of(httpx.URL(address).join(answer.headers.get("location", "")))
        return failed(
            f"{address} redirects to {target}", "write the URL that it redirects to, up to its host"
        )
    if status in _LOGIN_WANTED:
        return failed(
            f"{address} answered {status}{through(answer)}: something wants a login",
            "the platform itself wants none there: let the proxy before it pass /api/v1/ without one",
        )
    if answer.is_success:
        page = "a web page" if "html" in kind else f"something else ({kind or 'without a content type'})"
        return failed(
            f"{address} answered with {page}{through(answer)} instead of the platform's health",
            "another service, a login page or a captive portal answers there: check host and port of the URL",
        )
    speaks_tls = b"https port" in answer.body.lower()  # so nginx and Apache say
    hint = ": it speaks TLS: write https://" if speaks_tls else ""
    error = HttpError(f"{address} answered {status}{through(answer)}{hint}", status=status)
    return failure(error, httpx.URL(address))


def version_in(answer: Answer) -> str | None:
    """The version that a platform's health tells, None of anything else."""
    told = told_version(answer)
    return None if told is None else short(told, _LONGEST)


def through(answer: Answer) -> str:
    """By which server `answer` was given, where that is not the platform's own."""
    server = short(answer.headers.get("server", ""), _LONGEST)
    return f" through {server}" if server and server != "uvicorn" else ""


def who(identity: Identity, me: Any) -> str:
    """Whose the token is: the name, an admin or a player, the teams that `me`, what ``/me`` says, names."""
    names = [short(str(entry.get("team_name") or "?"), _LONGEST) for entry in _memberships(me)]
    shown = ", ".join(names[:_SHOWN_TEAMS]) + (", …" if len(names) > _SHOWN_TEAMS else "")
    name = short(identity.name, _LONGEST)
    if identity.is_admin:
        return f"{name}, an admin, who hears everything"
    if not names:
        return f"{name}, a player without a team"
    return f"{name}, a player of the team{'s' if len(names) > 1 else ''} {shown}"


def _memberships(me: Any) -> list[dict[str, Any]]:
    listed = cast("dict[str, Any]", me).get("competition_teams") if isinstance(me, dict) else None
    entries = cast("Sequence[Any]", listed) if isinstance(listed, list) else ()
    return [cast("dict[str, Any]", entry) for entry in entries if isinstance(entry, dict)]


def broken_off(stream: Listening, when: str) -> Finding:
    """That the stream ended `when`, and what to do about it."""
    why = f": {stream.error}" if stream.error is not None else ""
    return failed(
        f"the stream was ended {when}{why}",
        "a proxy ends what is silent for a while, and the platform sends something every 30 s only. For "
        "nginx: `proxy_read_timeout 75s;` or more. Or the platform was just restarted: try again",
    )
