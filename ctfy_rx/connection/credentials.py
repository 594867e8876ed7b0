"""Where a token comes from, what it may look like, and to which origin it goes:

====================  ==================================================================================
``token=``            a text, or what a function returns at each attempt: to the origin of the URL
``CTFY_TOKEN``        to the origin of ``CTFY_PLATFORM_URL`` alone; from the command line, as the platform's
                      own does, also to a ``--platform-url`` without a path where that is not set
a saved login         of ``ctfy auth login``, for the command line: to the origin that it was saved for
the old token file    nowhere: nothing in it says which platform it belongs to
====================  ==================================================================================

Origins are compared exactly: scheme, host as it is written, and port.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import httpx

from ctfy_rx.connection.client_maker import ClientFactory
from ctfy_rx.connection.request import address_of, origin, resolve, without_token
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.program_log import program_log as _log

__all__ = [
    "Login",
    "Logins",
    "Token",
    "TokenIn",
    "cleaned",
    "current_token",
    "environment_token",
    "saved_logins",
    "url_and_token",
    "why_not_sent",
    "with_environment",
]

Token = str | Callable[[], str | None] | None

TokenIn = Literal["query", "header"]
"""How a token travels: as ``?token=``, or as ``Authorization: Bearer``."""


_PLATFORM, _TOKEN = "CTFY_PLATFORM_URL", "CTFY_TOKEN"
_AROUND = re.compile(r"\s+|[\"']|[Bb]earer\s+")
_IN_NONE = re.compile(r"[\x00-\x1f\x7f…]")

_HOMELESS = (
    "the old login in ctfy's token file is not sent: nothing says which platform it belongs to; "
    "log in again with `ctfy auth login`, or name the file with --token-file"
)


def cleaned(token: str) -> str:
    """`token` without the white space, the quotes and the ``Bearer`` that came along with it.

    Raises `ConfigurationError` for what no token holds: control characters, the ``…`` of an example.

    >>> cleaned(' "Bearer pt_secret" ')
    'pt_secret'
    """
    while token and (around := _AROUND.match(token)):
        token = token[around.end() :]
    token = token.rstrip("\"' \t\r\n\f\v")
    if _IN_NONE.search(token):
        raise ConfigurationError(
            "the token holds a control character or the … of an example: copy the whole of it, nothing else"
        )
    return token


def current_token(token: Token) -> str | None:
    """The token of this attempt, cleaned. Raises `ConfigurationError` for what is none."""
    answer = cast("object", token() if callable(token) else token)
    if answer is None:
        return None
    if isinstance(answer, str):
        return cleaned(answer)
    if inspect.iscoroutine(answer):
        answer.close()
    raise ConfigurationError(
        f"what token() returns must be a str or None, not {type(answer).__name__}: "
        "write a plain function, not an asynchronous one"
    )


# The environment


def url_and_token(url: str | None, path: str | None, token: Token) -> tuple[str, Token]:
    """The URL and the token of a call, completed by the environment. Raises `ConfigurationError` without any
    URL, and for a token that can be none."""
    chosen = url or _platform()
    if not chosen:
        raise ConfigurationError(
            'no URL: write events("http://127.0.0.1:8100"), the address of your platform, '
            "or set CTFY_PLATFORM_URL"
        )
    if token is None:
        address, written = without_token(resolve(chosen, path, ""))
        return chosen, None if written else _found(address)
    return chosen, cleaned(token) if isinstance(token, str) else token


def with_environment(client_factory: ClientFactory, token: Token) -> tuple[ClientFactory, Token]:
    """The same for a call without a URL: clients that have no base URL of their own get the platform's."""
    at: httpx.URL | None = None

    def make_client() -> Any:
        nonlocal at
        client = client_factory()
        base = getattr(client, "base_url", None)
        if base is not None and not str(base) and _platform():
            client.base_url = _platform()
        at = None if base is None else httpx.URL(str(client.base_url))
        at = None if at is None or without_token(at)[1] else at
        return client

    def token_there() -> str | None:
        return None if at is None else _found(at)

    return make_client, token_there if token is None else token


def environment_token(url: httpx.URL, env: Mapping[str, str] = os.environ) -> str | None:
    """``CTFY_TOKEN``, if it goes to `url`.

    >>> env = {"CTFY_PLATFORM_URL": "http://127.0.0.1:8100", "CTFY_TOKEN": "pt_secret"}
    >>> environment_token(httpx.URL("http://127.0.0.1:8100/api/v1/events"), env)
    'pt_secret'
    >>> environment_token(httpx.URL("http://elsewhere.example"), env)
    """
    return cleaned(env[_TOKEN]) if env.get(_TOKEN) and not why_not_sent(url, env) else None


def why_not_sent(url: httpx.URL, env: Mapping[str, str] = os.environ) -> str:
    """Why ``CTFY_TOKEN`` does not go to `url`, in a sentence; "" where it does, or there is none."""
    platform = env.get(_PLATFORM, "")
    if not env.get(_TOKEN) or (platform and _origin(platform) == origin(url)):
        return ""
    unsent = f"CTFY_TOKEN is not sent to {address_of(url)}"
    if not platform:
        return f"{unsent}: set CTFY_PLATFORM_URL, to say whose token it is"
    return f"{unsent}: it is for {_shown(platform)}, as CTFY_PLATFORM_URL says"


def _found(url: httpx.URL) -> str | None:
    if reason := why_not_sent(url):
        _log.warning(reason)
    return environment_token(url)


def _platform() -> str:
    return os.environ.get(_PLATFORM, "")


def _shown(url: str) -> str:
    try:
        return address_of(httpx.URL(url))
    except httpx.InvalidURL:
        return "an address that cannot be read"


def _origin(url: str) -> tuple[str, str, int | None] | None:
    try:
        return origin(resolve(url, None, ""))
    except ConfigurationError:
        return None


# The logins that the platform's own command line saves


@dataclass(frozen=True, slots=True)
class Login:
    """What ``ctfy auth login`` saved for one platform."""

    url: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """All saved logins, the one that is `current`, and a `problem` with them, in a sentence for the user."""

    entries: tuple[Login, ...] = ()
    current: Login | None = None
    problem: str = ""

    def token_for(self, url: str) -> str | None:
        """The token that was saved for the origin of `url`."""
        wanted = _origin(url)
        return next(
            (cleaned(each.token) for each in self.entries if each.token and _origin(each.url) == wanted), None
        )


def saved_logins(env: Mapping[str, str]) -> Logins:
    """What the platform's own command line saved, in ``$CTFY_CONFIG_HOME``, ``$XDG_CONFIG_HOME/ctfy`` or
    ``~/.config/ctfy``. A file that cannot be read is a `problem`, not an error."""
    import tomllib  # noqa: PLC0415 - for the command line alone

    folder = _config_folder(env)
    try:
        saved = tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Logins(problem=_HOMELESS if (folder / "token").is_file() else "")
    except (OSError, ValueError):
        return Logins(problem="no saved login is used: ctfy's config.toml cannot be read")
    hosts = saved.get("hosts")
    entries = cast("dict[str, Any]", hosts) if isinstance(hosts, dict) else {}
    logins = {key: login for key, entry in entries.items() if (login := _login(entry))}
    return Logins(entries=tuple(logins.values()), current=logins.get(str(saved.get("current"))))


def _config_folder(env: Mapping[str, str]) -> Path:
    shared = env.get("XDG_CONFIG_HOME") or "~/.config"
    folder = env.get("CTFY_CONFIG_HOME") or f"{shared}/ctfy"
    return Path(os.path.expanduser(folder))  # noqa: PTH111 - Path's own raises where there is no home


def _login(entry: Any) -> Login | None:
    match entry:
        case {"url": str(url), "token": str(token)} if _origin(url):
            return Login(url, token.strip())
        case _:
            return None
