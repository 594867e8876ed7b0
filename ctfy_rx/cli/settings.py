"""Which platform the command line watches, with which token, and what there is to say about that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from ctfy_rx.connection.credentials import Logins, cleaned, why_not_sent
from ctfy_rx.connection.request import address_of, api_root, resolve
from ctfy_rx.errors import ConfigurationError

__all__ = ["Target", "target"]

_ANONYMOUS = (
    "no token for this platform, so only what everybody may hear: "
    "log in with `ctfy auth login`, or write --token-file"
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
        return address_of(httpx.URL(self.url))

    @property
    def is_platform(self) -> bool:
        """Whether it is a platform's stream, by its address, or another server's."""
        return api_root(resolve(self.url, None, "")) is not None


def target(*, url: str | None, token: str | None, env: Mapping[str, str], logins: Logins) -> Target:
    """The platform to watch: `url` and `token` as the command line gave them, else the environment's, else
    those of the saved logins.

    Raises `ConfigurationError` where no platform is named, or by no http URL, and for a token that is none.

    >>> env = {"CTFY_PLATFORM_URL": "http://127.0.0.1:8100", "CTFY_TOKEN": "pt_secret"}
    >>> target(url=None, token=None, env=env, logins=Logins()).token
    'pt_secret'
    >>> target(url="http://elsewhere.example", token=None, env=env, logins=Logins()).token is None
    True
    """
    chosen = url or env.get("CTFY_PLATFORM_URL") or (logins.current.url if logins.current else "")
    if not chosen:
        raise ConfigurationError(
            "no platform is named: write --platform-url http://127.0.0.1:8100, set CTFY_PLATFORM_URL, "
            "or log in with `ctfy auth login`. `ctfy-rx demo` needs none."
        )
    address = resolve(chosen, None, "")
    unsent = "" if url and _is_root(url) and not env.get("CTFY_PLATFORM_URL") else why_not_sent(address, env)
    given = token or ("" if unsent else env.get("CTFY_TOKEN"))
    found = cleaned(given) if given else logins.token_for(chosen)
    notes = _notes(found, unsent, logins) if api_root(address) is not None else filter(None, [unsent])
    return Target(chosen, found, tuple(notes))


def _is_root(url: str) -> bool:
    """Whether it names a platform and no path on it: the platform's own command line sends its token there
    too."""
    return httpx.URL(url).path in {"", "/"}


def _notes(token: str | None, unsent: str, logins: Logins) -> list[str]:
    if not token:
        return [_ANONYMOUS, *filter(None, (logins.problem, unsent))]
    if token.startswith("pf_"):
        return ["a fine-grained token (pf_…) is nobody's to the stream: only what everybody may hear comes"]
    return []
