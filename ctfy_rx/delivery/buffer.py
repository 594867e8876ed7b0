"""Bounded buffers: what waits for a slow consumer, and what becomes of what does not fit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, Literal, TypeVar, get_args

from ctfy_rx.delivery.culprit import is_for_the_program
from ctfy_rx.errors import BufferOverflow, ConfigurationError
from ctfy_rx.program_log import program_log as _log

__all__ = ["DEFAULT_BUFFER", "Buffer", "Drops", "OnDrop", "Policy", "check_buffer", "now_and_then"]

T = TypeVar("T")

DEFAULT_BUFFER = 65_536
"""How many items wait for a slow consumer."""

Policy = Literal["drop_oldest", "drop_newest", "error", "block"]
"""What becomes of an item for which there is no room: it takes the place of the oldest, it is dropped itself,
it ends the subscription with `BufferOverflow`, or its source waits for room, if it can."""

OnDrop = Callable[[int], None]


def check_buffer(size: int, policy: str = "drop_oldest", *, source_can_wait: bool = False) -> None:
    """Raise `ConfigurationError` for a buffer that cannot be."""
    if size < 1:
        raise ConfigurationError(f"buffer must be 1 or more items, not {size}")
    if policy not in get_args(Policy):
        raise ConfigurationError(f"policy must be one of {', '.join(get_args(Policy))}")
    if policy == "block" and not source_can_wait:
        raise ConfigurationError(
            'policy="block" would hold up the socket, and the platform drops what nobody reads: '
            "choose drop_oldest, drop_newest or error"
        )


def now_and_then(total: int) -> bool:
    """Whether it is worth a line that there are `total` by now: at powers of two.

    >>> [total for total in range(1, 100) if now_and_then(total)]
    [1, 2, 4, 8, 16, 32, 64]
    """
    return total & (total - 1) == 0


class Drops:
    """Counts what was dropped, and tells at powers of two: a flood of drops must not become a flood of news.
    What is left to tell is told when `tell` is called.

    `on_drop` is called with the running total; without it a warning is logged. `counted` is called for
    each.
    """

    def __init__(self, on_drop: OnDrop | None, counted: Callable[[], None] | None = None) -> None:
        self._on_drop = on_drop or _warn
        self._counted = counted
        self._told = 0
        self.total = 0

    def add(self) -> None:
        """One more."""
        self.total += 1
        if self._counted is not None:
            self._counted()

    def tell_now_and_then(self) -> None:
        """Tell, if their number is a power of two."""
        if now_and_then(self.total):
            self.tell()

    def tell(self) -> None:
        """Tell of those that were not told yet."""
        if self._told == self.total:
            return
        self._told = self.total
        try:
            self._on_drop(self.total)
        except BaseException as error:
            if is_for_the_program(error):
                raise
            _log.exception("on_drop raised on %d dropped items; the stream goes on", self.total)


def _warn(total: int) -> None:
    _log.warning("a consumer is too slow for its stream: %d items dropped so far", total)


class Buffer(Generic[T]):
    """At most `size` items, put in by one thread and taken out by another; neither ever waits, and who takes
    is woken by others. `dropped` is called with each item that is dropped.

    >>> buffer = Buffer(2, drops=Drops(print))
    >>> for item in "abc":
    ...     buffer.put(item)
    1
    >>> buffer.take(), buffer.take(), buffer.drops.total
    ('b', 'c', 1)
    """

    def __init__(
        self,
        size: int,
        policy: Policy = "drop_oldest",
        drops: Drops | None = None,
        dropped: Callable[[T], object] = lambda _: None,
    ) -> None:
        check_buffer(size, policy, source_can_wait=True)
        self._size = size
        self._policy = policy
        self._items: deque[T] = deque()
        self.take = self._items.popleft
        """Gives the oldest item. Raises IndexError where there is none."""
        self.drops = drops or Drops(None)
        self._dropped = dropped

    def __len__(self) -> int:
        return len(self._items)

    @property
    def is_full(self) -> bool:
        """Whether there is no room."""
        return len(self._items) >= self._size

    def put(self, item: T) -> None:
        """Take `item` in. Raises `BufferOverflow` where that is the policy and there is no room."""
        if len(self._items) < self._size:
            self._items.append(item)
            return
        if self._policy == "error":
            raise BufferOverflow(self._size)
        if self._policy == "drop_newest":
            self._drop(item)
        else:
            with suppress(IndexError):  # taken just now
                self._drop(self._items.popleft())
            self._items.append(item)
        self.drops.tell_now_and_then()

    def _drop(self, item: T) -> None:
        self.drops.add()
        self._dropped(item)

    def extend(self, items: list[T]) -> None:
        """Take `items` in, as `put` would, one after another."""
        if len(self._items) + len(items) <= self._size:
            self._items.extend(items)
            return
        for item in items:
            self.put(item)

    def take_several(self, at_most: int) -> list[T]:
        """Gives the oldest items, `at_most` of them; none where there are none."""
        taken: list[T] = []
        take = self.take
        try:  # `suppress` takes as long as all else here does for one item
            for _ in range(min(at_most, len(self._items))):
                taken.append(take())  # noqa: PERF401 - what is taken when one fails is kept
        except IndexError:  # another has taken them just now
            pass
        return taken

    def clear(self) -> None:
        """Forget what is in it."""
        self._items.clear()
