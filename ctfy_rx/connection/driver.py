"""What moves the bytes of one connection: a daemon thread with a blocking client, or a task with an
asynchronous one.

Both do the same over one core, and nothing but read, decode and deliver. What ends a connection, be it the
server, the network or a subscriber that raises, reaches the observer as its end; a disposed connection
delivers nothing more.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import httpx
from reactivex import abc

from ctfy_rx.connection.answers import refusal
from ctfy_rx.connection.attempt import Attempt
from ctfy_rx.connection.direct_body import is_read_below
from ctfy_rx.connection.failures import translated
from ctfy_rx.connection.redaction import redact_logs
from ctfy_rx.connection.redirects import exchange, redirect_target
from ctfy_rx.connection.request import address_of
from ctfy_rx.connection.route import DIRECT, Route, Way
from ctfy_rx.connection.time_limits import HeadLimit
from ctfy_rx.errors import FrameTooLarge, StreamClosed
from ctfy_rx.program_log import program_log as _log
from ctfy_rx.sse import Frame, FrameDecoder

__all__ = ["Driver"]


class Driver:
    """What both drivers share: the exchange, the decoder, delivery and the end.

    What refuses has `refusal_timeout` seconds to say why, a page in the place of a stream `page_timeout`: its
    head says what is wrong with it, and it may go on for ever.
    """

    _head: HeadLimit

    def __init__(
        self,
        attempt: Attempt,
        decoder: FrameDecoder,
        observer: abc.ObserverBase[list[Frame]],
        *,
        refusal_timeout: float,
        page_timeout: float,
    ) -> None:
        self._attempt = attempt
        self._client = attempt.client
        self._session = attempt.session
        self._decoder = decoder
        self._observer = observer
        self._refusal_timeout = refusal_timeout
        self._page_timeout = page_timeout
        self._request: Any = None
        self._route = Route()
        self._disposed = False
        self._ended = False

    def dispose(self) -> None:
        """Stop delivering."""
        self._disposed = True

    def end(self) -> None:
        """End as if the server had; what is received already is delivered."""
        self._ended = True

    def go_on(self) -> None:
        """Raise if nothing more is to be sent."""
        if self._disposed or self._ended:
            raise StreamClosed("disposed before the request was sent")

    def failure(self, error: Exception) -> Exception | None:
        """What `error` means for the observer; None where it is our own doing."""
        # What breaks a connection that is being ended is our own doing.
        return None if self._ended else self.translated(error)

    def exchange(self) -> Generator[tuple[Any, dict[str, Any]], Any, Any]:
        """The requests to send, as `redirects.exchange` has them."""
        attempt = self._attempt
        attempt.authorize()
        redact_logs(attempt.secrets)
        return exchange(attempt.request, self._client, self._session.last_event_id, attempt.secrets)

    def sends(self, request: Any) -> None:
        """`request` is about to be sent."""
        self._request, self._route = request, Route()

    @property
    def _way(self) -> Way:
        return DIRECT if self._request is None else self._route.way(self._request.url)

    def traced(self, name: str, info: dict[str, Any]) -> None:
        """What httpcore's ``trace`` extension tells of a request."""
        self._route.trace(name, info)
        # What a proxy is asked for by CONNECT is not the server's to accept.
        if name.endswith(".receive_response_headers.started") and not self._disposed:
            method = getattr(info.get("request"), "method", b"")
            if method != b"CONNECT":
                self._session.on_accepted()
        self._head.trace(name)

    def opened(self, response: Any) -> None:
        """`response` is the stream."""
        # As the Mercure protocol has it, the id after which the server goes on. Others do not say.
        said = response.headers.get("last-event-id")
        self._session.resumes = None if said is None else said == self._session.last_event_id
        self._session.was_open = True
        self._session.is_read_by_httpx = not is_read_below(response)
        if not self._disposed:
            self._session.on_open()

    def refuse_bad_location(self, response: Any) -> None:
        """Raise `BadRedirect` for a redirect to nowhere: a hook, for httpx looks at the Location of each
        itself, and takes a bad one for a broken connection."""
        redirect_target(response, self._attempt.secrets)

    def refusal(self, response: Any, body: bytes) -> Exception:
        """What `response`, which is no stream and begins with `body`, means."""
        tried = self._attempt
        return refusal(
            response, body, address=tried.address, secrets=tried.secrets, now=time.time(), way=self._way
        )

    def translated(self, error: Exception) -> Exception:
        """Ours for an error of the HTTP library's."""
        if self._head.is_over:
            return self._head.error(self._way.to(self._asked))
        tried, was_open = self._attempt, self._session.was_open
        return translated(
            error, address=tried.address, secrets=tried.secrets, way=self._way, was_open=was_open
        )

    @property
    def _asked(self) -> str:
        """The address of the last request, as it may be shown."""
        return self._attempt.secrets.hidden(address_of(httpx.URL(str(self._request.url))))

    def deliver(self, chunk: bytes) -> None:
        """Give the observer the frames that `chunk` completes, those that are wanted."""
        session, decoder = self._session, self._decoder
        session.bytes += len(chunk)
        decoder.wants, skipped = session.wants(), decoder.skipped
        frames: list[Frame] = []
        try:
            frames = decoder.feed(chunk)
        except FrameTooLarge as error:
            frames = error.frames
            raise
        finally:
            skipped = decoder.skipped - skipped
            session.frames += len(frames) + skipped
            session.skipped += skipped
            if frames or skipped:  # one that brings nothing else is a fruitful connection, too
                self._observer.on_next(frames)

    def finish(self, error: Exception | None) -> None:
        """End the observer, unless it is disposed."""
        self._session.is_read_by_httpx = False
        self._session.last_event_id = self._decoder.last_event_id
        if self._decoder.retry is not None:
            self._session.retry = self._decoder.retry / 1000
        if self._disposed:
            return
        try:
            if error is None:
                self._observer.on_completed()
            else:
                self._observer.on_error(error)
        except Exception:  # noqa: BLE001 - whatever its functions raise
            _log.exception("a subscriber did not handle the end of its stream: give subscribe() an on_error")
