"""The platform and the token that the environment names: ``CTFY_PLATFORM_URL`` and ``CTFY_TOKEN``.

The token goes to the origin of that URL and to no other.
"""

from __future__ import annotations

import os
from typing import Any

import httpx

from ctfy_rx.connection.frames import ClientFactory, Token
from ctfy_rx.connection.request import origin, resolve
from ctfy_rx.errors import ConfigurationError

__all__ = ["url_and_token", "with_environment"]


def url_and_token(url: str | None, path: str | None, token: Token) -> tuple[str, Token]:
    """The URL and the token of a call, completed by the environment. Raises `ConfigurationError` without any
    URL."""
    chosen = url or _platform()
    if not chosen:
        raise ConfigurationError(
            'no URL: write events("http://localhost:8100"), the address of your platform, '
            "or set CTFY_PLATFORM_URL"
        )
    if token is None and _is_platform(resolve(chosen, path, "")):
        token = os.environ.get("CTFY_TOKEN")
    return chosen, token


def with_environment(client_factory: ClientFactory, token: Token) -> tuple[ClientFactory, Token]:
    """The same for a call without a URL: clients that have no base URL of their own get the platform's."""
    at_platform = False

    def make_client() -> Any:
        nonlocal at_platform
        client = client_factory()
        base = getattr(client, "base_url", None)
        if base is not None and not str(base) and _platform():
            client.base_url = _platform()
        at_platform = base is not None and _is_platform(httpx.URL(str(client.base_url)))
        return client

    def asked() -> str | None:
        return os.environ.get("CTFY_TOKEN") if at_platform else None

    return make_client, asked if token is None else token


def _platform() -> str:
    return os.environ.get("CTFY_PLATFORM_URL", "")


def _is_platform(url: httpx.URL) -> bool:
    try:
        return bool(_platform()) and origin(url) == origin(httpx.URL(_platform()))
    except httpx.InvalidURL:
        return False
