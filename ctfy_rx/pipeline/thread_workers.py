"""The workers as threads."""

# ruff: noqa: BLE001  # what goes wrong while asking is the doorbell's to judge

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

from typing_extensions import override

from ctfy_rx.connection.attempt import Attempt
from ctfy_rx.connection.frames import Frames
from ctfy_rx.connection.rest import ThreadRest
from ctfy_rx.delivery.slow_subscriber import refused_exit
from ctfy_rx.errors import StreamClosed
from ctfy_rx.pipeline.backlog import Delivery
from ctfy_rx.pipeline.workers import DISPOSED, WhenNamed, Workers
from ctfy_rx.platform.doorbell import Doorbell
from ctfy_rx.platform.effects import Ask, Effect, Effects, Give, Wait
from ctfy_rx.reconnect import to_the_end
from ctfy_rx.threads.lead import Lead, Step
from ctfy_rx.threads.waiting import Alarm

__all__ = ["ThreadWorkers"]


class ThreadWorkers(Workers):
    """One thread delivers, one asks the platform.

    Where there is no log, the one that delivers also reads the connection, as long as subscribers are quick.
    Where there is one, events come from two sides, for which one thread cannot wait: the reader reads.
    """

    def __init__(self, source: Frames, doorbell: Doorbell, delivery: Delivery, when_named: WhenNamed) -> None:
        super().__init__(source, doorbell, delivery, when_named)
        self._rest: ThreadRest | None = None
        self._asked: ThreadRest | None = None  # by the log reader
        self._something_waits = Alarm()
        self._rung = Alarm()
        self._given = Alarm()
        self._named = Alarm()
        self._lead = Lead(self._something_waits)
        delivery.wake = self._something_waits.set
        doorbell.wake = self._rung.set
        _start(self._deliver, "ctfy_rx delivery")

    @override
    def before_open(self, attempt: Attempt) -> None:
        before, root = self._rest, self._root(attempt)
        if root is None:
            return
        self._rest = rest = ThreadRest(self._source.client(asynchronous=False), root)
        if before is not None:
            before.close()
        if self._stopped:
            rest.close()
            raise StreamClosed(DISPOSED)
        if not self._asks:
            self._asks = True
            _start(self._read, "ctfy_rx log reader")
        rest.ask(self._doorbell.before_open(root.token))

    @override
    def stop(self) -> None:
        super().stop()
        for rest in (self._rest, self._asked):  # which may be that of the connection before
            if rest is not None:
                rest.cut()
        for alarm in (self._something_waits, self._rung, self._given, self._named):
            alarm.set()
        self._lead.stop()

    def take_steps(self, step: Step) -> None:
        """Have a connection read by `step`, on whichever thread; on that of its reader."""
        take: Callable[[Step], None] = to_the_end if self._doorbell.has_read_log else self._lead.follow
        take(step)

    def _deliver(self) -> None:
        lead, drain = self._lead, self._delivery.drain
        try:
            while not self._stopped:
                if not lead.step():
                    self._something_waits.wait()
                lead.leave()
                while drain():
                    pass
                lead.back()
        except BaseException as error:  # it ends this thread, and nobody would hear anything any more
            self._delivery.fail(refused_exit(error, "delivery"))

    def _read(self) -> None:
        try:
            with closing(self._doorbell.read()) as effects:
                self._do(Effects(effects))
        except Exception as error:  # nobody would hear of it, and the stream would go on without its log
            self._delivery.end(error)
            self._doorbell.reopen()  # who delivers may be reading, and hears nothing else
        if self._rest is not None:
            self._rest.close()
        self._has_read()

    def _do(self, effects: Effects) -> None:
        while effects.next is not None and not self._stopped:
            try:
                result = self._done(effects.next)
            except Exception as error:
                effects.failed(error)
            else:
                effects.done(result)

    def _done(self, effect: Effect) -> Any:
        match effect:
            case Wait(seconds):
                self._rung.wait(seconds)
            case Ask(steps) if self._rest is not None:
                self._asked = self._rest
                return self._asked.ask(steps)
            case Give(events):
                if self._awaits_names:
                    self._awaits_names = False
                    self._when_named(self._named.set)
                    self._named.wait(self.names_within)
                self._delivery.give(events, self._given.set)
                self._given.wait()
            case _:
                pass
        return None


def _start(target: Any, name: str) -> None:
    threading.Thread(target=target, name=name, daemon=True).start()
