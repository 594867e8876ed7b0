"""One attempt to open the stream: with this client, as whom, at which address. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from ctfy_rx.connection.clients import add_bearer, add_token
from ctfy_rx.connection.credentials import Token, TokenIn, current_token
from ctfy_rx.connection.failures import translated
from ctfy_rx.connection.redaction import Secrets, keep_out_of_our_log
from ctfy_rx.connection.request import EventRequest, api_root, resolve
from ctfy_rx.connection.rest import Root
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.reconnect import UNASKED, Session, Unasked

__all__ = ["Attempt", "told_by"]

T = TypeVar("T")


@dataclass(kw_only=True)
class Attempt:
    """What `client` asks for in an attempt of `session`.

    `wanted` is the request as the caller described it, at `url` and `path`, or where the client's base URL
    says; `address` is what may be shown of that. What it sends that nobody may see are its `secrets`, once
    its token is known.
    """

    client: Any = field(repr=False)
    session: Session
    wanted: EventRequest
    url: str
    path: str | None
    token: Token = field(repr=False)
    token_in: TokenIn
    address: str
    secrets: Secrets

    @property
    def request(self) -> EventRequest:
        """The request at its full address, without credentials in that."""
        return self._located[0]

    @cached_property
    def _located(self) -> tuple[EventRequest, str | None]:
        return self.wanted.located(resolve(self.url, self.path, str(self.client.base_url)), self.client)

    def authorize(self) -> None:
        """Have the client send the token, to its own origin alone; it is asked for, unless `root` has done
        so. What is secret stays out of our log from now on, as long as this is held."""
        asked, self.session.token = self.session.token, UNASKED
        token = (self._current_token() if isinstance(asked, Unasked) else asked) or self._located[1]
        if token:
            add = add_bearer if self.token_in == "header" else add_token  # noqa: S105 - where it goes
            add(self.client, token, self.request.url)
        self.secrets = keep_out_of_our_log(Secrets(token, *self.request.secrets(self.client)))
        self.address = self.request.address

    # Beside the stream

    def root(self) -> Root | None:
        """Where the platform's other routes begin for the token of this attempt, which the client is to make.

        None without a token, where the stream is not that of a platform, and where the caller's own
        credentials stand in the header that the token would need.
        """
        self.session.token = self._current_token()
        token = self.session.token or self._located[1]
        url = api_root(self.request.url)
        if not token or url is None or self.request.has_credentials(self.client):
            return None
        return Root(url, token, self.request.connect_timeout, self.request.idle_timeout)

    def public_root(self) -> Root | None:
        """The same for who shows no token of ours."""
        url = api_root(self.request.url)
        return None if url is None else Root(url, "", self.request.connect_timeout, self.request.idle_timeout)

    def shows_no_token(self) -> bool:
        """Whether the client goes to a platform as nobody; `root` was asked before."""
        shown = self.session.token or self._located[1] or self.request.has_credentials(self.client)
        return not shown and api_root(self.request.url) is not None

    def _current_token(self) -> str | None:
        return told_by(lambda: current_token(self.token), address=self.address, secrets=self.secrets)


def told_by(ask: Callable[[], T], *, address: str, secrets: Secrets) -> T:
    """What a function of the app returns. An answer or a lost connection that it meets, as it logs in, is
    worth another attempt, or not, as if we had met it."""
    try:
        return ask()
    except UnicodeError as error:  # of a file that it reads, say; a resolver has the same kind
        raise ConfigurationError(
            f"token= or client_factory= met a text that cannot be read: {error}"
        ) from None
    except Exception as error:
        failure = translated(error, address=address, secrets=secrets)
        if failure is error:
            raise
    raise failure  # out of the handler: httpx's error, which holds the request, is not chained
