"""The checks of ``ctfy-rx doctor``, in the order in which things can go wrong.

One that nothing can be said of, for an earlier one failed, is skipped. No check takes longer than its bound,
and none changes anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TypeVar

import httpx

from ctfy_rx.cli.findings import Check, Finding, clock_offset, failed, ok, skipped, warning
from ctfy_rx.cli.listening import Listening
from ctfy_rx.cli.network import proxy_for, resolved
from ctfy_rx.cli.settings import Target
from ctfy_rx.cli.verdicts import (
    BASE_URL,
    LOGIN,
    UNBUFFERED,
    broken_off,
    failure,
    no_platform,
    through,
    version_in,
    who,
)
from ctfy_rx.connection.frames import Frames, frames
from ctfy_rx.connection.redaction import Secrets
from ctfy_rx.connection.request import address_of, api_root, resolve, without_token
from ctfy_rx.connection.rest import Root, ThreadRest
from ctfy_rx.connection.steps import Answer, Get, Steps
from ctfy_rx.errors import ConnectionTimedOut
from ctfy_rx.platform.questions import Identity, Log, identify, server_time
from ctfy_rx.reconnect import Session
from ctfy_rx.text.printable import short

__all__ = ["Examination", "Limits"]

T = TypeVar("T")

_LONGEST = 400  # characters of a text, of which a server may have written much
_SLOW = 1.0  # seconds: a comment that comes later was held back somewhere
_CLOCK_OFF = 5.0  # seconds
_SET_UP = "check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE in the environment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long to wait, in seconds: for an `answer`, for a `keepalive`, which None leaves out."""

    answer: float = 10.0
    keepalive: float | None = 40.0


class Examination:
    """The checks of one platform, made one after another by `checks`."""

    def __init__(self, target: Target, limits: Limits) -> None:
        self._target = target
        self._limits = limits
        self._url = without_token(resolve(target.url, None, ""))[0].copy_with(userinfo=b"")
        self._api = api_root(self._url)
        self._secrets = Secrets(target.token, *_secrets_in(target.url))
        self._hopeless = ""  # why nothing more can be found out
        self._root: Root | None = None
        self._identity: Identity | None = None
        self._health: Answer | None = None
        self._asked_at = self._answered_at = 0.0
        self._stream: Listening | None = None

    def checks(self) -> Iterator[Check]:
        """Each check as soon as it is done. Raises nothing that a platform, a proxy or the network causes."""
        try:
            yield self._check("url", self._look_at_url)
            yield self._check("platform", self._look_at_platform)
            yield self._check("token", self._look_at_token)
            yield self._check("log", self._look_at_log)
            yield self._check("stream", self._look_at_stream)
            yield self._check("first comment", self._look_at_first_comment)
            yield self._check("keepalive", self._look_at_keepalive)
            yield self._check("clock", self._look_at_clock)
        finally:
            if self._stream is not None:
                self._stream.close()

    def _check(self, name: str, look: Callable[[], Finding]) -> Check:
        began = time.monotonic()
        try:
            found = skipped(self._hopeless) if self._hopeless else look()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
            found = failure(error, self._url)
        return Check(
            name=name,
            status=found.status,
            detail=self._shown(found.detail),
            advice=self._shown(found.advice),
            seconds=round(time.monotonic() - began, 3),
        )

    def _shown(self, text: str) -> str:
        return short(self._secrets.hidden(text), _LONGEST)

    @cached_property
    def _source(self) -> Frames:
        # Here, and not at once: what cannot work, as by the environment, is among what is found out.
        return frames(self._target.url, token=self._target.token or "", idle_timeout=None)

    # The checks

    def _look_at_url(self) -> Finding:
        try:
            self._source.client(asynchronous=False).close()
        except Exception as error:  # noqa: BLE001 - httpx raises many kinds
            self._hopeless = "no connection can be made"
            return failed(f"no connection can be set up: {error}", _SET_UP)
        address = address_of(self._url)
        if proxy := proxy_for(self._url):
            return ok(f"{address}, by way of the proxy {proxy} that the environment names")
        addresses = resolved(self._url.host, self._limits.answer)
        if not addresses:
            self._hopeless = "the host is not known"
            return failed(
                f"the host name {self._url.host} is not known here",
                "check its spelling, the network, and whether a VPN or an entry in /etc/hosts is needed",
            )
        if self._api is None:
            return warning(f"{address} is not the event stream of a platform", BASE_URL)
        host = self._url.host
        return ok(address if addresses == [host] else f"{address}, {host} is {', '.join(addresses[:3])}")

    def _look_at_platform(self) -> Finding:
        if self._api is None:
            return skipped("the URL is not that of a platform")
        address = f"{address_of(self._api)}/health"
        self._hopeless = "the platform does not answer"
        self._asked_at = time.time()
        # Everybody may ask this, and nobody knows yet who answers: without the token.
        answer = self._ask(_get("/health"), Root(self._api, "", self._limits.answer, self._limits.answer))
        self._answered_at = time.time()
        version = version_in(answer)
        if version is None:
            return no_platform(answer, address)
        self._hopeless, self._health = "", answer
        took = (self._answered_at - self._asked_at) * 1000
        return ok(f"ctfy {version}{through(answer)}, in {took:.0f} ms")

    def _look_at_token(self) -> Finding:
        client = self._source.client(asynchronous=False)
        with client:
            self._root = self._source.attempt(client, Session()).root()
        if self._api is None:
            return skipped("the URL is not that of a platform")
        if self._root is None:
            advice = "; ".join((LOGIN, *self._target.notes[1:]))
            return warning("there is none: only what everybody may hear comes", advice)
        answers: list[Answer] = []
        self._identity = self._ask(_recorded(identify(), answers), self._root)
        if self._identity is None:
            return failed(
                f"{answers[-1].address} answered {answers[-1].status_code} and names nobody", BASE_URL
            )
        return ok(who(self._identity, answers[-1].json()))

    def _look_at_log(self) -> Finding:
        if self._identity is None or self._root is None:
            return skipped("without a good token nobody may read it")
        newest = self._ask(Log(self._identity).newest(), self._root)
        whose = "everybody's" if self._identity.is_admin else "your own"
        if not newest.id:
            return ok(f"{whose} events can be read; there are none yet")
        at = datetime.fromtimestamp(newest.at, UTC)
        return ok(f"{whose} events can be read; the newest is of {at:%Y-%m-%d %H:%M:%S} UTC")

    def _look_at_stream(self) -> Finding:
        stream = self._stream = Listening(self._source)
        if stream.until(lambda: stream.opened_at, self._limits.answer):
            return ok(f"opens in {((stream.opened_at or 0.0) - stream.started_at) * 1000:.0f} ms")
        if stream.error is not None:
            raise stream.error
        if stream.ended or self._health is None:
            return failure(ConnectionTimedOut(f"no answer within {self._limits.answer:g} s"), self._url)
        return failed(
            f"no answer within {self._limits.answer:g} s, while the platform's other routes answer",
            UNBUFFERED,
        )

    def _look_at_first_comment(self) -> Finding:
        stream = self._stream
        if stream is None or stream.opened_at is None:
            return skipped("the stream does not open")
        if not stream.until(lambda: stream.bytes, self._limits.answer):
            if stream.ended:
                return broken_off(stream, "before anything came")
            return failed(f"nothing comes within {self._limits.answer:g} s of the opening", UNBUFFERED)
        took = time.monotonic() - stream.opened_at
        if took > _SLOW:
            return warning(f"comes only {took:.1f} s after the opening", UNBUFFERED)
        return ok("comes at once")

    def _look_at_keepalive(self) -> Finding:
        stream, patience = self._stream, self._limits.keepalive
        if stream is None or stream.opened_at is None:
            return skipped("the stream does not open")
        if not stream.bytes:
            return skipped("not even the first comment comes")
        if patience is None:
            return skipped("not waited for, with --quick")
        before, began = stream.bytes, time.monotonic()
        if stream.until(lambda: stream.bytes > before, patience):
            what = "events come" if stream.frames else "a comment comes"
            return ok(f"{what}, after {time.monotonic() - began:.0f} s")
        if stream.ended:
            return broken_off(stream, f"after {time.monotonic() - began:.0f} s of silence")
        return failed(f"nothing comes for {patience:g} s", UNBUFFERED)

    def _look_at_clock(self) -> Finding:
        date = server_time(self._health, 0.0) if self._health is not None else 0.0
        if not date:
            return skipped("the answers hold no date")
        least, most = clock_offset(date, sent=self._asked_at, received=self._answered_at)
        if least <= 0 <= most:
            return ok(f"as the server's, within {max(-least, most):.1f} s")
        off = least if least > 0 else -most
        which = "behind" if least > 0 else "ahead of"
        said = f"{off:.0f} s {which} the server's" if off >= 1 else f"a little {which} the server's"
        if off < _CLOCK_OFF:
            return ok(said)
        return warning(said, "set this computer's clock: `timedatectl set-ntp true`; or is it the server's?")

    # How they ask

    def _ask(self, steps: Steps[T], root: Root) -> T:
        """What `steps` returns, within the time that an answer may take."""
        rest = ThreadRest(self._source.client(asynchronous=False), root)
        late = threading.Event()

        def cut() -> None:
            late.set()
            rest.cut()

        timer = threading.Timer(self._limits.answer, cut)
        timer.daemon = True
        timer.start()
        try:
            return rest.ask(steps)
        except Exception:
            if late.is_set():
                said = f"{address_of(root.url)} gave no whole answer within {self._limits.answer:g} s"
                raise ConnectionTimedOut(said) from None
            raise
        finally:
            timer.cancel()
            rest.close()


def _get(path: str) -> Steps[Answer]:
    return (yield Get(path))


def _recorded(steps: Steps[T], answers: list[Answer]) -> Steps[T]:
    get = next(steps)
    while True:
        answer = yield get
        answers.append(answer)
        try:
            get = steps.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result


def _secrets_in(url: str) -> list[str]:
    whole = httpx.URL(url)
    return [secret for secret in (without_token(whole)[1], whole.password) if secret]
