"""Who asks the platform's other routes: a blocking client, or an asynchronous one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import aclosing, closing
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import httpx

from ctfy_rx.connection.answers import answer_behind
from ctfy_rx.connection.bodies import WholeBody, is_gone, refuse_compressed
from ctfy_rx.connection.clients import Lifeline, LoopSockets, Trace, add_bearer
from ctfy_rx.connection.failures import translated
from ctfy_rx.connection.redaction import Secrets, redact_logs
from ctfy_rx.connection.redirects import REDIRECTS
from ctfy_rx.connection.request import address_of, is_home, user_agent
from ctfy_rx.connection.route import Route
from ctfy_rx.connection.steps import Answer, Drive, Get, Steps
from ctfy_rx.connection.time_limits import MAX_SECONDS, TimeLimit, too_slow
from ctfy_rx.errors import ConnectionFailed, ConnectionTimedOut

__all__ = ["LoopRest", "Root", "ThreadRest"]

T = TypeVar("T")

_READ_TIMEOUT = 15.0  # seconds


@dataclass(frozen=True, slots=True)
class Root:
    """Where the API begins, and with which token it is asked; the timeouts are in seconds."""

    url: httpx.URL
    token: str = field(repr=False)
    connect_timeout: float
    read_timeout: float | None = None
    answer_timeout: float = MAX_SECONDS  # for all of one

    @property
    def secrets(self) -> Secrets:
        """What nobody may see."""
        return Secrets(self.token)


class _Rest:
    """What both share. `client` is an httpx client that nobody else uses, closed by `close`."""

    def __init__(self, client: Any, root: Root) -> None:
        if root.token:
            add_bearer(client, root.token, root.url)
        self._client = client
        self._root = root
        self._secrets = root.secrets
        self._closes = False
        self._route = Route()  # of all, for they go to one origin

    def _refuse_if_closed(self) -> None:
        if self._closes:
            address = address_of(self._root.url)
            raise ConnectionFailed(f"{address} is asked by another client meanwhile")

    def _request(self, get: Get) -> Any:
        path = self._root.url.path.rstrip("/") + get.path
        for sign, encoded in (("?", "%3F"), ("#", "%23")):  # of an id: httpx encodes all others
            path = path.replace(sign, encoded)
        url = self._root.url.copy_with(path=path)
        connect = self._root.connect_timeout
        return self._client.build_request(
            "GET",
            str(url),
            params=list(get.params),
            headers={"Accept": "application/json", "Accept-Encoding": "identity", **user_agent(self._client)},
            timeout=(connect, min(self._root.read_timeout or _READ_TIMEOUT, _READ_TIMEOUT), connect, connect),
        )

    def _upgrades(self, answer: Answer) -> bool:
        """Whether the server asks to come over https instead: from now on we do."""
        location, url = answer.headers.get("location"), self._root.url
        if answer.status_code not in REDIRECTS or not location or url.scheme != "http":
            return False
        try:
            target = url.join(location)
        except httpx.InvalidURL:
            return False
        if target.scheme != "https" or not is_home(target, url):
            return False
        self._root = replace(self._root, url=url.copy_with(scheme="https", port=None))
        return True

    def _answer(self, response: Any, body: bytes) -> Answer:
        address = address_of(httpx.URL(str(response.request.url)))
        way = self._route.way(response.request.url)
        return Answer(response.status_code, response.headers, body, address, self._secrets, way)

    def _too_slow(self) -> ConnectionTimedOut:
        return too_slow(address_of(self._root.url), self._root.answer_timeout)

    def _translated(self, error: Exception) -> Exception:
        way = self._route.way(self._root.url)
        return translated(error, address=address_of(self._root.url), secrets=self._secrets, way=way)


class ThreadRest(_Rest):
    """Asks with a blocking client; from one thread at a time."""

    def __init__(self, client: Any, root: Root) -> None:
        self._lifeline = Lifeline(client)  # before the client's transports are wrapped
        super().__init__(client, root)
        self._is_cut = False
        self._asking = threading.Lock()

    def ask(self, steps: Steps[T]) -> T:
        """What `steps` returns. Raises `ConnectionFailed` and what `steps` raises."""
        try:
            with self._asking:
                self._refuse_if_closed()
                return _driven(steps, self._fetched)
        finally:
            if self._closes:
                self.close()

    def cut(self) -> None:
        """End what is being asked, with an error for who asks; returns at once."""
        self._is_cut = True
        self._lifeline.cut()

    def close(self) -> None:
        """Close the client, now or after what is being asked; returns at once."""
        self._closes = True
        if self._asking.acquire(blocking=False):
            self._client.close()
            self._asking.release()

    def _trace(self, name: str, info: dict[str, Any]) -> None:
        self._lifeline.trace(name, info)
        self._route.trace(name, info)

    def _fetched(self, get: Get) -> Answer:
        answer = self._sent(get)
        return self._sent(get) if self._upgrades(answer) else answer

    def _sent(self, get: Get) -> Answer:
        limit = TimeLimit(self._root.answer_timeout, self._lifeline.cut)
        result: Answer | Exception
        try:
            result = self._exchanged(get)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is an answer that did not come
            result = self._translated(error)
        finally:
            limit.end()
        if limit.is_over:  # what looks like an answer is the beginning of one
            result = self._too_slow()
            self._go_on_after_a_cut()
        if isinstance(result, Exception):
            raise result  # out of the handler: httpx's error, which holds the request, is not chained
        return result

    def _exchanged(self, get: Get) -> Answer:
        redact_logs(self._secrets)
        request = self._request(get)
        request.extensions["trace"] = self._trace
        body = WholeBody(address_of(self._root.url), self._root.answer_timeout)
        try:
            response = self._client.send(request, stream=True, auth=None, follow_redirects=False)
        except Exception as error:  # noqa: BLE001 - a hook's, or it is raised again
            response = answer_behind(error)
        with closing(response):
            self._lifeline.hold(response.extensions.get("network_stream"))
            refuse_compressed(response)
            for piece in () if is_gone(response) else response.iter_bytes():
                body.add(piece)
        return self._answer(response, body.bytes())

    def _go_on_after_a_cut(self) -> None:
        self._lifeline = Lifeline()
        if self._is_cut:  # perhaps just now, and what was cut is the one before
            self._lifeline.cut()


class LoopRest(_Rest):
    """Asks with an asynchronous client, in the task that calls it."""

    def __init__(self, client: Any, root: Root) -> None:
        super().__init__(client, root)
        self._sockets = LoopSockets()
        self._asking = 0

    async def ask(self, steps: Steps[T]) -> T:
        """As `ThreadRest.ask`."""
        self._refuse_if_closed()
        self._asking += 1
        try:
            return await self._driven(steps)
        finally:
            self._asking -= 1
            if self._closes:
                await self.aclose()

    def cut(self) -> None:
        """Close its connections, where the event loop is closed and so nobody else can."""
        self._sockets.cut()

    async def aclose(self) -> None:
        """Close the client, now or after what is being asked."""
        self._closes = True
        if not self._asking:
            await self._client.aclose()

    async def _driven(self, steps: Steps[T]) -> T:
        drive = Drive(steps)
        while drive.get is not None:
            try:
                answer = await self._fetched(drive.get)
            except Exception as error:  # noqa: BLE001 - the steps decide what it means
                drive.failed(error)
            else:
                drive.answered(answer)
        result: T = drive.result
        return result

    def _tracing(self) -> Trace:
        hold = self._sockets.trace()

        async def trace(name: str, info: dict[str, Any]) -> None:
            await hold(name, info)
            self._route.trace(name, info)

        return trace

    async def _fetched(self, get: Get) -> Answer:
        answer = await self._sent(get)
        return await self._sent(get) if self._upgrades(answer) else answer

    async def _sent(self, get: Get) -> Answer:
        failure: Exception
        try:
            redact_logs(self._secrets)
            request = self._request(get)
            request.extensions["trace"] = self._tracing()
            body = WholeBody(address_of(self._root.url), self._root.answer_timeout)
            async with asyncio.timeout(self._root.answer_timeout):
                try:
                    response = await self._client.send(
                        request, stream=True, auth=None, follow_redirects=False
                    )
                except Exception as error:  # noqa: BLE001 - as above
                    response = answer_behind(error)
                async with aclosing(response):
                    refuse_compressed(response)
                    if not is_gone(response):
                        async with aclosing(response.aiter_bytes()) as pieces:
                            async for piece in pieces:
                                body.add(piece)
            return self._answer(response, body.bytes())
        except TimeoutError:
            failure = self._too_slow()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is an answer that did not come
            failure = self._translated(error)
        raise failure  # as above


def _driven(steps: Steps[T], fetched: Callable[[Get], Answer]) -> T:
    drive = Drive(steps)
    while drive.get is not None:
        try:
            answer = fetched(drive.get)
        except Exception as error:  # noqa: BLE001 - the steps decide what it means
            drive.failed(error)
        else:
            drive.answered(answer)
    result: T = drive.result
    return result
