"""uvicorn's HTTP/1.1 on an event loop of our own, in a background thread.

`uvicorn.Server` ends by waiting for its clients; a platform that is killed does not. So the loop and the
listening socket are ours, and only the protocol is uvicorn's.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, TypeVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

__all__ = ["Server"]

T = TypeVar("T")
_GRACE: Final = 5.0


class _Quiet(H11Protocol):
    """uvicorn's protocol without its access log, which would show the tokens in the URLs."""

    def __init__(self, config: uvicorn.Config, connections: ServerState) -> None:
        super().__init__(config=config, server_state=connections, app_state={})
        self.access_log = False


class Server:
    """Serves `app` at `host`. Starting, stopping and cutting work from any thread; nothing is logged."""

    def __init__(self, app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self._config = uvicorn.Config(
            app, http="h11", ws="none", lifespan="off", log_config=None, timeout_keep_alive=120
        )
        self._config.load()
        self._connections = ServerState()
        self._connections.default_headers = self._config.encoded_headers
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._run, name="ctfy-rx-demo", daemon=True)
        self._listening: asyncio.Server | None = None
        self._ending = asyncio.Event()
        self._changing = asyncio.Lock()

    def start(self) -> None:
        """Listen, on a free port if none was named; returns when connections are accepted."""
        self._loop = asyncio.SelectorEventLoop()
        self._thread.start()
        try:
            self.call(self._listen())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Cut everything, stop listening, end the thread."""
        if self._thread.is_alive():
            self.call(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_GRACE)

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` on the server's loop and wait for what it returns."""
        return self.post(work).result()

    def post(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run `work` on the server's loop, without waiting."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def restart(self, down: float) -> None:
        """Cut everything and listen again at the same port `down` seconds later, unless it ends before."""
        async with self._changing:
            await self._hang_up()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), down)
            if not self._ending.is_set():
                await self._listen()

    async def cut(self, peers: set[tuple[str, int]] | None) -> int:
        """Abort the connections of `peers` (all for None) in the middle of whatever they carry."""
        doomed = [c for c in self._connections.connections if isinstance(c, _Quiet)]
        doomed = [c for c in doomed if peers is None or c.client in peers]
        for connection in doomed:
            connection.transport.abort()
        while self._connections.tasks and peers is None:
            await asyncio.wait(self._connections.tasks)
        return len(doomed)

    async def _end(self) -> None:
        self._ending.set()
        async with self._changing:
            await self._hang_up()

    async def _listen(self) -> None:
        self._listening = await self._loop.create_server(self._protocol, sock=self._bind())

    async def _hang_up(self) -> None:
        """Stop listening and cut every connection, as a process that was killed does."""
        if self._listening is not None:
            await self._stop_accepting(self._listening)
            self._listening.close()
            self._listening = None
        await self.cut(None)

    async def _stop_accepting(self, listening: asyncio.Server) -> None:
        """Accept nobody from here on, and let who was accepted already become a connection that can be cut.

        asyncio makes the transport in the tick after the one that accepts, and introduces it to its protocol
        in the tick after that. A server that closes in between leaks the socket, and the client hangs.
        """
        for listener in listening.sockets:
            self._loop.remove_reader(listener)
        for _ in ("transport", "protocol"):
            await asyncio.sleep(0)

    def _protocol(self) -> asyncio.Protocol:
        return _Quiet(self._config, self._connections)

    def _bind(self) -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, self.port))
        except BaseException:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        return listener

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()
