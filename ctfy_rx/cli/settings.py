"""Which platform to watch, and with which token. A token goes to no origin but its own:

====================  ==================================================================
``--token-file``      to the platform that is watched, whichever that is
``CTFY_TOKEN``        to the origin of ``CTFY_PLATFORM_URL`` alone
a saved login         to the origin that it was saved for alone
the old token file    nowhere: nothing in it says which platform it belongs to
====================  ==================================================================
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx

from ctfy_rx.connection.request import bare, origin, resolve
from ctfy_rx.errors import ConfigurationError

__all__ = ["Login", "Logins", "Target", "saved_logins", "target"]

_ANONYMOUS = (
    "no token for this platform, so only what everybody may hear: "
    "log in with `ctfy auth login`, or write --token-file"
)
_HOMELESS = (
    "the old login in ctfy's token file is not sent: nothing says which platform it belongs to; "
    "log in again with `ctfy auth login`, or name the file with --token-file"
)


@dataclass(frozen=True, slots=True)
class Login:
    """What the platform's own ``ctfy auth login`` saved for one platform."""

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
            (login.token for login in self.entries if login.token and _origin(login.url) == wanted), None
        )


@dataclass(frozen=True, slots=True)
class Target:
    """The platform's `url`, the token for it, and `notes`: sentences for the user about how that was
    decided."""

    url: str
    token: str | None = field(repr=False, default=None)
    notes: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """The URL as it may be shown."""
        return bare(httpx.URL(self.url))


def target(*, url: str | None, token: str | None, env: Mapping[str, str], logins: Logins) -> Target:
    """The platform to watch: `url` and `token` as the command line gave them, else the environment's, else
    those of the saved logins.

    Raises `ConfigurationError` where no platform is named, or by no http URL.

    >>> env = {"CTFY_PLATFORM_URL": "http://localhost:8100", "CTFY_TOKEN": "pt_secret"}
    >>> target(url=None, token=None, env=env, logins=Logins()).token
    'pt_secret'
    >>> target(url="http://elsewhere.example", token=None, env=env, logins=Logins()).token is None
    True
    """
    chosen = url or env.get("CTFY_PLATFORM_URL") or (logins.current.url if logins.current else "")
    if not chosen:
        raise ConfigurationError(
            "no platform is named: write --platform-url http://localhost:8100, set CTFY_PLATFORM_URL, "
            "or log in with `ctfy auth login`. `ctfy-rx demo` needs none."
        )
    resolve(chosen, None, "")
    found = token or _token_of(env, chosen) or logins.token_for(chosen)
    return Target(chosen, found, tuple(_notes(found, chosen, env, logins)))


def _token_of(env: Mapping[str, str], url: str) -> str | None:
    platform = env.get("CTFY_PLATFORM_URL")
    return env.get("CTFY_TOKEN", "").strip() if platform and _origin(platform) == _origin(url) else None


def _notes(token: str | None, url: str, env: Mapping[str, str], logins: Logins) -> list[str]:
    if not token:
        return [_ANONYMOUS, *_unused(url, env, logins)]
    if token.startswith("pf_"):
        return ["a fine-grained token (pf_…) is nobody's to the stream: only what everybody may hear comes"]
    return []


def _unused(url: str, env: Mapping[str, str], logins: Logins) -> list[str]:
    """Why a token that is there was not taken."""
    notes = [logins.problem] if logins.problem else []
    if env.get("CTFY_TOKEN") and _token_of(env, url) is None:
        notes.append(
            "CTFY_TOKEN is not sent: set CTFY_PLATFORM_URL to this platform's URL, to say whose token it is"
        )
    return notes


def saved_logins(env: Mapping[str, str]) -> Logins:
    """What the platform's own command line saved, in ``$CTFY_CONFIG_HOME``, ``$XDG_CONFIG_HOME/ctfy`` or
    ``~/.config/ctfy``. A file that cannot be read is a `problem`, not an error."""
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


def _origin(url: str) -> tuple[str, str, int | None] | None:
    try:
        return origin(resolve(url, None, ""))
    except ConfigurationError:
        return None
