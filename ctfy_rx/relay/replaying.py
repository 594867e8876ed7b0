"""What listeners missed, read from the log for them: a page at a time, a few pages at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from ctfy_rx.errors import CtfyRxError
from ctfy_rx.relay.public import Pseudonyms
from ctfy_rx.relay.ring import Ring, Served
from ctfy_rx.relay.sources import Source

__all__ = ["Replay"]

_PLACES = 16  # pages that are read at a time
_PAGE = 1_000_000  # bytes, and one event more
_PATIENCE = 30.0  # seconds that one page may take
_SOON = 5.0  # seconds that the answer waits to know whether it is whole
_GLANCE = 1.0  # seconds between two looks whether the memory has what the log does not give


class Replay:
    """Reads what `source` has and `ring` has not any more; belongs to one event loop."""

    def __init__(self, source: Source, ring: Ring, names: Pseudonyms | None) -> None:
        self._source = source
        self._ring = ring
        self._names = names
        self._places = asyncio.Semaphore(_PLACES)

    async def is_whole(self, last_id: str) -> bool:
        """Whether nothing is missing of what came after `last_id`."""
        if self._ring.place_after(last_id) is not None:
            return True
        try:
            async with self._places, asyncio.timeout(_SOON):
                return await self._source.holds(last_id)
        except (TimeoutError, CtfyRxError):
            return False

    async def pages(self, last_id: str, keepalive: float) -> AsyncGenerator[list[Served]]:
        """What came after `last_id`, up to where `ring` goes on; nothing every `keepalive` seconds, while the
        log is waited for. Raises `TimeoutError` where it does not answer."""
        while last_id and self._ring.place_after(last_id) is None:
            reading = asyncio.ensure_future(self._page(last_id))
            try:
                while not (await asyncio.wait([reading], timeout=keepalive))[0]:
                    yield []
                page = await reading
            finally:
                reading.cancel()
            if not page:
                return
            yield page
            last_id = page[-1].id

    async def _page(self, last_id: str) -> list[Served]:
        """Some of what came after `last_id`, read at once: no slow client keeps others from the log."""
        page: list[Served] = []
        async with self._places:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._read(last_id, page)
            except TimeoutError:
                if not page:
                    raise
            except CtfyRxError:
                pass  # the client hears what comes from now on, and asks again when it comes back
        return page

    async def _read(self, last_id: str, page: list[Served]) -> None:
        stream = await self._source.after(last_id)
        if stream is None:
            return
        size = 0
        try:
            async with aiter(stream) as events:
                while size < _PAGE and self._ring.place_after(last_id) is None:
                    try:
                        async with asyncio.timeout(_GLANCE):
                            page.append(Served.of(await anext(events), self._names))
                    except StopAsyncIteration:
                        return
                    except TimeoutError:
                        if page:
                            return
                    else:
                        last_id = page[-1].id
                        size += len(page[-1].private)
        finally:
            stream.close()
