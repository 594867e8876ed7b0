"""Events for a webhook: Discord's, Slack's, or anybody's who takes JSON.

Each is sent once. It is sent again only where it cannot have been taken: nobody answered the connection, or
the answer was 429 or 503. After anything else it is perhaps there already, and twice is worse than never.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Callable
from typing import Any, Literal, get_args

import httpx

from ctfy_rx import CtfyRxError, Event
from ctfy_rx.cli.render import as_json, as_sentence
from ctfy_rx.connection.client_maker import ClientMaker
from ctfy_rx.connection.http_values import seconds_to_wait
from ctfy_rx.connection.request import user_agent
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.reconnect import Backoff

__all__ = ["Kind", "Webhook", "WebhookGone", "kind_of"]

Kind = Literal["discord", "slack", "json"]

_HOSTS = {"discord.com": "discord", "discordapp.com": "discord", "hooks.slack.com": "slack"}
_PACE = {"discord": 0.5, "slack": 1.0, "json": 0.0}  # seconds between two messages that they allow
_MARKDOWN = re.compile(r"([\\*_~`|>\[\]()#-])")
_LONGEST = 1900  # characters of a message: Discord takes 2000
_ATTEMPTS = 8
_TIMEOUT = 10.0  # seconds
_GONE = frozenset({401, 403, 404, 410})
_NOT_TAKEN = frozenset({429, 503})


class WebhookGone(CtfyRxError):  # noqa: N818 - as all errors, named after what happened
    """The webhook is not there any more, or never was: nothing can be sent."""


class _NotTaken(Exception):  # noqa: N818 - as above
    """Certainly not: it may be sent again, after `delay` seconds if the server says so."""

    def __init__(self, reason: str, delay: float | None = None) -> None:
        super().__init__(reason)
        self.delay = delay


def kind_of(url: str, asked: str | None) -> Kind:
    """What the webhook at `url` takes, unless that was `asked` for.

    Raises `ConfigurationError` for what is no http URL, without repeating it: it is a secret.

    >>> kind_of("https://discord.com/api/webhooks/1/secret", None), kind_of("https://example.org/x", None)
    ('discord', 'json')
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        parsed = httpx.URL()
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ConfigurationError("--webhook needs a URL: https://discord.com/api/webhooks/…")
    if asked is not None and asked not in get_args(Kind):
        raise ConfigurationError(f"--webhook-as is {', '.join(get_args(Kind))}, not {asked}")
    guess: Any = asked or next(
        (kind for host, kind in _HOSTS.items() if parsed.host == host or parsed.host.endswith(f".{host}")),
        "json",
    )
    kind: Kind = guess
    return kind


class Webhook:
    """Sends events to one webhook, in the pace that it allows; from one thread. `wait` waits for seconds and
    says whether to give up."""

    def __init__(
        self,
        url: str,
        kind: Kind,
        *,
        client: httpx.Client | None = None,
        wait: Callable[[float], bool],
        clock: Callable[[], float] = time.monotonic,
        backoff: Backoff | None = None,
    ) -> None:
        self._url = url
        self._kind: Kind = kind
        self._client = client or _client(url)
        self._wait = wait
        self._clock = clock
        self._backoff = backoff or Backoff(initial=1.0, maximum=60.0)
        self._not_before = 0.0

    def send(self, event: Event[Any]) -> str | None:
        """Send `event`; why it was not taken, None where it was.

        Raises `WebhookGone` where nothing ever will be.
        """
        body = _body(event, self._kind)
        reason = "the program ends"
        for failures in range(1, _ATTEMPTS + 1):
            if self._wait(max(0.0, self._not_before - self._clock())):
                return reason
            try:
                return self._post(event, body)
            except _NotTaken as error:
                reason = str(error)
                delay = self._backoff.delay(failures, retry_after=error.delay)
            self._not_before = self._clock() + delay
        return reason

    def close(self) -> None:
        """Close its connection."""
        self._client.close()

    def _post(self, event: Event[Any], body: str) -> str | None:
        self._not_before = self._clock() + _PACE[self._kind]
        headers = {"Content-Type": "application/json", "Idempotency-Key": _key(event)}
        try:
            response = self._client.post(self._url, content=body.encode(), headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise _NotTaken("nobody answers at its address") from None
        except httpx.HTTPError as error:
            return f"the connection broke, it may have been taken ({type(error).__name__})"
        if response.status_code in _GONE:
            raise WebhookGone(f"the webhook answers {response.status_code}: check its URL")
        if response.status_code in _NOT_TAKEN:
            raise _NotTaken(f"it answers {response.status_code}", _retry_after(response))
        return None if response.is_success else f"it answers {response.status_code}"


def _body(event: Event[Any], kind: Kind) -> str:
    match kind:
        case "discord":
            # Nobody is mentioned, whatever names hold.
            text = _MARKDOWN.sub(r"\\\1", as_sentence(event))[:_LONGEST]
            return json.dumps({"content": text, "allowed_mentions": {"parse": []}})
        case "slack":
            text = as_sentence(event)[:_LONGEST]
            return json.dumps({"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")})
        case _:
            return as_json(event)


def _key(event: Event[Any]) -> str:
    """The same for the same event, whoever sends it, and fit for a header, whatever its name is."""
    said = as_json(event) if event.log_id is None else f"{event.event} {event.log_id} {event.logged}"
    return hashlib.sha256(said.encode(errors="backslashreplace")).hexdigest()


def _client(url: str) -> httpx.Client:
    maker = ClientMaker({})
    maker.check(httpx.URL(url))
    client = maker.client(asynchronous=False)
    client.timeout = _TIMEOUT
    client.headers.update(user_agent(client))
    return client


def _retry_after(response: httpx.Response) -> float | None:
    asked = seconds_to_wait(response.headers.get("retry-after", ""), time.time())
    if asked is not None:
        return asked
    try:  # Discord's, with fractions
        told = float(response.json()["retry_after"])
    except (ValueError, TypeError, LookupError):
        return None
    return told if math.isfinite(told) else None
