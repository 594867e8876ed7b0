"""`asked`: what a platform answers, as an Observable of one item."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from ctfy_rx.connection.either_httpx import is_asynchronous
from ctfy_rx.connection.frames import Frames
from ctfy_rx.connection.rest import LoopRest, Root, ThreadRest
from ctfy_rx.connection.steps import Steps
from ctfy_rx.errors import ConfigurationError, LogUnavailable
from ctfy_rx.reconnect import Session
from ctfy_rx.threads.consumers import who_subscribes
from ctfy_rx.threads.loops import LoopTask, loop_of, running_loop

__all__ = ["asked"]

T = TypeVar("T")

_NO_PLATFORM = "to ask the platform, the stream must be that of one: events() with the URL of its root"
_NO_LOOP = (
    "an AsyncClient needs a running event loop: subscribe inside a coroutine, "
    "or let client_factory return an httpx.Client"
)


def asked(
    source: Frames, steps: Callable[[], Steps[T]], *, public: bool = False, refused_without_token: str = ""
) -> Observable[T]:
    """What ``steps()`` returns, asked anew for each subscription, with the token of `source` if it has one;
    `public` asks without. What needs one says so in `refused_without_token`.

    ::

        subscribe  ^
        platform   |--request, answer--request, answer--|
                   +------------------------------------r|

    It is asked on a daemon thread, or on the event loop of the `AsyncIOScheduler` that is subscribed with;
    dispose ends that at once. Fails with what `steps` raises, `ConfigurationError` where there is no platform
    to ask, and `LogUnavailable` where there is no token for what needs one.
    """

    def subscribe(
        observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        asking = _Asking(source, steps, observer, public=public, refused_without_token=refused_without_token)
        return asking.start(loop_of(scheduler))

    return Observable(subscribe)


class _Asking(Generic[T]):
    """One subscription: a thread that asks, or a task on the event loop."""

    def __init__(
        self,
        source: Frames,
        steps: Callable[[], Steps[T]],
        observer: abc.ObserverBase[T],
        *,
        public: bool,
        refused_without_token: str,
    ) -> None:
        self._source = source
        self._steps = steps
        self._observer = observer
        self._public = public
        self._refused_without_token = refused_without_token
        self._disposed = False
        self._rest: ThreadRest | None = None

    def start(self, loop: asyncio.AbstractEventLoop | None) -> abc.DisposableBase:
        if loop is None and self._source.makes_clients:
            return self._on_thread(None)
        client = self._source.client(asynchronous=loop is not None)
        if not is_asynchronous(client):
            return self._on_thread(client)
        loop = loop or running_loop()
        if loop is None:
            raise ConfigurationError(_NO_LOOP)
        return self._on_loop(client, loop)

    def _root(self, client: Any) -> Root:
        attempt = self._source.attempt(client, Session())
        root = None if self._public else attempt.root()
        if root is None and self._refused_without_token:
            raise LogUnavailable(self._refused_without_token, status=0)
        root = root or attempt.public_root()
        if root is None:
            raise ConfigurationError(_NO_PLATFORM)
        return root

    def _on_thread(self, client: Any) -> abc.DisposableBase:
        def ask() -> T:
            asking = client or self._source.client(asynchronous=False)
            try:
                self._rest = rest = ThreadRest(asking, self._root(asking))
                if self._disposed:  # just now: who disposed has perhaps not seen it
                    rest.cut()
                return rest.ask(self._steps())
            finally:
                asking.close()

        def run() -> None:
            try:
                answer = ask()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the subscriber's
                self._fail(error)
            else:
                self._give(answer)

        def dispose() -> None:
            self._disposed = True
            if self._rest is not None:
                self._rest.cut()

        threading.Thread(target=run, name="ctfy_rx question", daemon=True).start()
        return Disposable(dispose)

    def _on_loop(self, client: Any, loop: asyncio.AbstractEventLoop) -> abc.DisposableBase:
        asking: list[LoopRest] = []

        async def run() -> None:
            try:
                asking.append(LoopRest(client, self._root(client)))
                answer = await asking[0].ask(self._steps())
            except Exception as error:  # noqa: BLE001 - as above
                self._fail(error)
            else:
                self._give(answer)
            finally:
                await client.aclose()

        def left_behind() -> None:
            for rest in asking:
                rest.cut()

        consumer = who_subscribes()
        if consumer is not None:
            consumer.needs(lambda: loop)
        task = LoopTask(loop, run, on_lost=self._fail, left_behind=left_behind)

        def dispose() -> None:
            self._disposed = True
            task.dispose()

        return Disposable(dispose)

    def _give(self, answer: T) -> None:
        if not self._disposed:
            self._observer.on_next(answer)
            self._observer.on_completed()

    def _fail(self, error: Exception) -> None:
        if not self._disposed:
            self._observer.on_error(error)
