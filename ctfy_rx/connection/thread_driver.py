"""Reads a connection on a thread, with a blocking client."""

# ruff: noqa: BLE001  # whatever ends a connection must reach its subscriber

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from functools import partial
from typing import Any

from ctfy_rx.connection.answers import BODY_BYTES, answer_behind, is_event_stream
from ctfy_rx.connection.bodies import body_of
from ctfy_rx.connection.clients import Lifeline
from ctfy_rx.connection.direct_body import is_read_below
from ctfy_rx.connection.driver import Driver
from ctfy_rx.connection.time_limits import HeadLimit, later
from ctfy_rx.delivery.slow_subscriber import refused_exit
from ctfy_rx.reconnect import to_the_end

__all__ = ["ThreadDriver"]

_REFUSAL_BYTES = 2 * BODY_BYTES  # so that a secret at the end of what is kept is read whole


class ThreadDriver(Driver):
    """Reads on a daemon thread of its own."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lifeline = Lifeline(self._client)
        self._head = HeadLimit(self._attempt.wanted.head_timeout, self._lifeline.cut)
        self._may_move = False

    def start(self) -> None:
        """Begin."""
        self._session.end = self.end
        threading.Thread(target=self._run, name="ctfy_rx reader", daemon=True).start()

    def dispose(self) -> None:
        """End it; returns at once, the thread follows within moments."""
        super().dispose()
        self._lifeline.cut()

    def end(self) -> None:
        """End as if the server had; returns at once, from any thread, also before there is an answer."""
        super().end()
        self._lifeline.cut()

    def _run(self) -> None:
        end: Exception | None = None
        try:
            with closing(self._chunks()) as chunks:
                step = partial(self._step, chunks)
                if step():  # it is open
                    take_steps = self._session.take_steps if self._may_move else to_the_end
                    take_steps(step)
        except Exception as error:  # of the connection, or raised by a subscriber
            end = error
        except BaseException as error:  # as of sys.exit(), which ends a thread in silence
            end = refused_exit(error, "reader")
        self.finish(end)

    def _step(self, chunks: Iterator[bytes]) -> bool:
        """Deliver what comes next; whether there may be more."""
        chunk = next(chunks, None)
        if chunk is None or self._disposed or self._ended:
            return False
        self.deliver(chunk)
        return True

    def _chunks(self) -> Generator[bytes, None, None]:
        failure: Exception | None = None
        try:
            with closing(self._client):
                self.go_on()
                self._session.before_open(self._attempt)
                response = self._open()
                self.opened(response)
                self._may_move = is_read_below(response)  # who knows on which thread others may be read?
                yield from body_of(response, self._attempt.request.idle_timeout)
        except Exception as error:
            failure = self.failure(error)
        if failure is not None:
            raise failure  # out of the handler: httpx's error, which holds the request, is not chained

    def _open(self) -> Any:
        def trace(name: str, info: dict[str, Any]) -> None:
            self._lifeline.trace(name, info)
            self.traced(name, info)

        steps = self.exchange()
        self._client.event_hooks["response"].append(self.refuse_bad_location)
        request, options = next(steps)
        while True:
            self.go_on()
            self.sends(request)
            request.extensions["trace"] = trace
            try:
                response = self._client.send(request, stream=True, follow_redirects=False, **options)
            except Exception as error:
                response = answer_behind(error)
            self._lifeline.hold(response.extensions.get("network_stream"))
            try:
                request, options = steps.send(response)
            except StopIteration:
                break
            response.close()
        if is_event_stream(response):
            return response
        raise self.refusal(response, self._beginning(response))

    def _beginning(self, response: Any) -> bytes:
        body = b""
        is_page = response.is_success
        timer = later(self._page_timeout if is_page else self._refusal_timeout, self._lifeline.cut)
        with suppress(Exception):  # the status says what matters
            for chunk in body_of(response):
                body += chunk
                if is_page or len(body) >= _REFUSAL_BYTES:
                    break
        timer.cancel()
        return body[:_REFUSAL_BYTES]
