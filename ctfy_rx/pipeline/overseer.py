"""Who keeps an eye on a stream: on its status and its counts, and on the subscribers that fail."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from typing import Any

from reactivex import Observable
from typing_extensions import override

from ctfy_rx.delivery.buffer import Drops
from ctfy_rx.delivery.guard import Keeper
from ctfy_rx.delivery.receipts import Receipts
from ctfy_rx.delivery.repeats import Repeats
from ctfy_rx.delivery.slow_subscriber import Failure, report_unheard_end
from ctfy_rx.delivery.status_feed import StatusFeed, StatusSubject, failed
from ctfy_rx.delivery.subscribers import Subscribers
from ctfy_rx.errors import StreamClosed
from ctfy_rx.pipeline.logbook import logbook
from ctfy_rx.stats import Counters
from ctfy_rx.status import Closed, Dropped, News
from ctfy_rx.threads.process import OPENED_BEFORE_FORK

__all__ = ["Overseer"]


class Overseer(Keeper):
    """Tells the status and the log of a stream what happens to it and to its subscribers."""

    def __init__(self, name: str, receipts: Receipts | None) -> None:
        self.name = name
        self.receipts = receipts
        self.closed = False
        self.counters = Counters()
        self.subscribers = Subscribers(self._is_at_the_root)
        self._failures: deque[Exception] = deque(maxlen=8)  # of the source itself
        self._status = StatusSubject()
        self._status.feed.subscribe(logbook(name))
        self._left: StatusSubject | None = None  # in a forked child, instead

    @property
    @abstractmethod
    def is_of_the_parent(self) -> bool:
        """Whether this process is a child, forked from the one that holds the connection: it has none of that
        one's threads, and must not touch the socket that they share."""

    @abstractmethod
    def _is_at_the_root(self, source: Observable[Any]) -> bool:
        """Whether it is all events, or a choice of them by name."""

    def refuse_in_a_forked_child(self) -> None:
        """Raise `StreamClosed` in a child of the process that holds the connection."""
        if self.is_of_the_parent:
            raise StreamClosed(OPENED_BEFORE_FORK)

    @property
    def status(self) -> StatusFeed:
        """What the connection is doing; for a forked child, what has become of its parent's."""
        return self._told.feed

    @property
    def _told(self) -> StatusSubject:
        if self._left is None and self.is_of_the_parent:
            self._left = StatusSubject()
            self._left.end(Closed(StreamClosed(OPENED_BEFORE_FORK)))
        return self._left or self._status

    def drops(self) -> Drops:
        """What counts the drops of a slow consumer, and tells the status of them."""
        return Drops(lambda total: self._told.emit(Dropped(total)), self.counters.count_drop)

    def tell(self, news: News) -> None:
        """Tell whoever follows the status."""
        self._told.emit(news)

    def nobody_is_left(self) -> bool:
        """Whether the stream is closed, or nobody is subscribed to it."""
        return self.closed or not self.subscribers.subscribed

    def failed_with(self, error: Exception) -> None:
        """The stream itself has failed, for all subscribers."""
        self._failures.append(error)

    @override
    def raised(
        self, error: BaseException, item: object, *, goes_on: bool, repeats: Repeats | None = None
    ) -> None:
        """A callback raised: it is reported, and its event is not acknowledged."""
        self._fail_receipt()
        super().raised(error, item, goes_on=goes_on, repeats=repeats)

    @override
    def ended(self, failure: Failure) -> None:
        """A subscriber has ended that had no `on_error`: the log and the status tell, and whoever waits if
        nobody is left."""
        self._fail_receipt()
        if not self.refuses(failure.error):  # not it alone: the stream has failed
            report_unheard_end(failure.error)
            return
        super().ended(failure)
        self._told.emit(failed(failure))
        self.subscribers.has_ended_unheard(failure.error)

    @override
    def refuses(self, error: Exception) -> bool:
        """A subscriber, yes; the stream's own failure is everybody's."""
        return all(failure is not error for failure in self._failures)

    @property
    def abandoned(self) -> Exception | None:
        """The error with which the last subscriber has ended, if nobody heard of it and nobody is left; None
        where the stream was closed."""
        return None if self.closed else self.subscribers.abandoned

    def _fail_receipt(self) -> None:
        receipt = self.receipts.current if self.receipts is not None else None
        if receipt is not None:
            receipt.fail()
