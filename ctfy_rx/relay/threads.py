"""Who reads from the broker, and who delivers: a task on the subscriber's event loop, or two threads."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from weakref import WeakSet

from reactivex import abc
from reactivex.disposable import Disposable

from ctfy_rx.catalogue import Payload
from ctfy_rx.delivery.receipts import Receipt, Receipts
from ctfy_rx.errors import CtfyRxError
from ctfy_rx.event import Event
from ctfy_rx.pipeline.pipeline import Tell
from ctfy_rx.reconnect import Backoff
from ctfy_rx.relay.broker import Broker
from ctfy_rx.relay.reading import Deliver, Reading, Wish
from ctfy_rx.threads.loops import LoopTask, on_loop

__all__ = ["Observer", "OnLoop", "OnThreads", "Work"]

End = Callable[[Exception], None]
Observer = abc.ObserverBase[Event[Payload]]


@dataclass(frozen=True, slots=True)
class Work:
    """What one subscription does on an event loop; `end` hears how it ended."""

    broker: Broker
    backoff: Backoff
    wish: Wish
    tell: Tell

    async def run(self, began: Callable[[Reading], None], deliver: Deliver, end: End) -> None:
        """Read, and `deliver` what comes; `began` is given what reads, `end` why it ended."""
        reading = Reading(self.wish, self.tell, deliver)
        began(reading)
        try:
            await self.broker.work(reading.session, tell=self.tell, backoff=self.backoff)
        except CtfyRxError as error:
            end(error)


class OnLoop:
    """One subscription on an event loop: its callbacks run there."""

    def __init__(self, work: Work, observer: Observer, receipts: Receipts) -> None:
        self._work = work
        self._observer = observer
        self._receipts = receipts
        self._reading: Reading
        self._disposed = False

    def start(self, loop: asyncio.AbstractEventLoop) -> abc.DisposableBase:
        """Begin; what this returns ends it."""
        self._loop = loop
        task = LoopTask(loop, self._run, on_lost=self._end)

        def dispose() -> None:
            self._disposed = True
            task.dispose()

        return Disposable(dispose)

    async def _run(self) -> None:
        await self._work.run(self._began, self._deliver, self._end)

    def _began(self, reading: Reading) -> None:
        self._reading = reading

    def _deliver(self, sequence: int, event: Event[Payload]) -> None:
        receipt = Receipt(lambda well: self._settle(sequence, well))
        if self._disposed:
            receipt.take().done(failed=True)  # it had come already; who is left would wait for it
        else:
            self._receipts.deliver(receipt, lambda: self._observer.on_next(event))

    def _settle(self, sequence: int, well: bool) -> None:
        with suppress(RuntimeError):  # the loop is closed: the message comes again
            on_loop(self._loop, lambda: self._reading.in_flight.settle(sequence, well))

    def _end(self, error: Exception) -> None:
        if not self._disposed:
            self._observer.on_error(error)


class OnThreads:
    """One subscription on two threads: one reads, on an event loop of its own, one delivers. So the broker
    hears from us, however long a subscriber takes."""

    def __init__(self, work: Work, observer: Observer, receipts: Receipts) -> None:
        self._work = work
        self._observer = observer
        self._receipts = receipts
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._disposed = False

    def start(self) -> abc.DisposableBase:
        """Begin; what this returns ends it."""
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._stop = asyncio.Event()
        self._reader = threading.Thread(target=self._read, name="ctfy_rx NATS", daemon=True)
        self._reader.start()
        threading.Thread(target=self._give, name="ctfy_rx NATS delivery", daemon=True).start()
        return Disposable(self._dispose)

    def _dispose(self) -> None:
        self._disposed = True
        with suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._stop.set)
        _leaving.add(self._reader)

    def _read(self) -> None:
        try:
            with self._runner:
                self._runner.run(self._until_stopped())
        finally:
            self._waiting.put(None)  # not before: what still comes when all have gone is given back

    async def _until_stopped(self) -> None:
        work = asyncio.ensure_future(self._work.run(self._began, self._deliver, self._end))
        stop = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait([work, stop], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        work.cancel()
        try:
            await work
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 - nobody else would hear of it
            self._end(error)

    def _began(self, reading: Reading) -> None:
        self._reading = reading

    def _deliver(self, sequence: int, event: Event[Payload]) -> None:
        receipt = Receipt(lambda well: self._settle(sequence, well))

        def give() -> None:
            if self._disposed:
                receipt.take().done(failed=True)
            else:
                self._receipts.deliver(receipt, lambda: self._observer.on_next(event))

        self._waiting.put(give)

    def _settle(self, sequence: int, well: bool) -> None:
        with suppress(RuntimeError):  # the loop is closed: the message comes again
            self._loop.call_soon_threadsafe(self._reading.in_flight.settle, sequence, well)

    def _end(self, error: Exception) -> None:
        def fail() -> None:
            if not self._disposed:
                self._observer.on_error(error)

        self._waiting.put(fail)

    def _give(self) -> None:
        while (give := self._waiting.get()) is not None:
            give()


_leaving: WeakSet[threading.Thread] = WeakSet()  # readers that still send their last acknowledgements


@atexit.register
def _wait_for_the_leaving() -> None:
    for reader in list(_leaving):
        reader.join(1.0)
