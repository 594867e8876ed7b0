"""`Eventual`: one item that is to come, to be waited for, awaited or subscribed to."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

from typing_extensions import override

from ctfy_rx.delivery.guarded import Composed
from ctfy_rx.delivery.iterators import AsyncItems, Items
from ctfy_rx.errors import StreamClosed

__all__ = ["Eventual"]

T = TypeVar("T", covariant=True)  # noqa: PLC0105 - as reactivex names it


class Eventual(Composed[T]):
    """The first item of `source`: ``await it``, ``it.wait()``, or subscribe to it. Nothing happens before.

    >>> import reactivex
    >>> Eventual(reactivex.of(7, 8)).wait()
    7
    """

    def wait(self) -> T:
        """Block until it comes.

        Raises what the source fails with, `StreamClosed` if it ends before, `ConfigurationError` on the event
        loop that would have to bring it.
        """
        with Items(self) as items:
            items.refuse_to_block()  # whether or not it has come already
            for item in items:
                return item
        raise StreamClosed(_ENDED)

    @override
    def __await__(self) -> Generator[Any, None, T]:
        return self._come().__await__()

    async def _come(self) -> T:
        async with AsyncItems(self) as items:
            async for item in items:
                return item
        raise StreamClosed(_ENDED)


_ENDED = "the stream ended before it came"
