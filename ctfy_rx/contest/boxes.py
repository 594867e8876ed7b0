"""One instance: its events, and the moment when it is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

import reactivex
from reactivex import Observable, abc
from reactivex import operators as ops

from ctfy_rx.catalogue import Payload
from ctfy_rx.contest.eventual import Eventual
from ctfy_rx.contest.merge_alongside import merge_alongside
from ctfy_rx.contest.questions import instance
from ctfy_rx.contest.refreshing import refreshed
from ctfy_rx.contest.values import Instance
from ctfy_rx.delivery.guarded import Composed
from ctfy_rx.errors import InstanceFailed
from ctfy_rx.pipeline.pipeline import Pipeline
from ctfy_rx.status import Open

if TYPE_CHECKING:
    from ctfy_rx.stream.stream import EventStream

__all__ = ["Box"]

_FLOOR = 0.1  # seconds between two looks
_LOOK = 15.0  # seconds: a frame may be lost on the way, and the platform itself does not repeat it


class Box:
    """An instance of a challenge, by its id: what `EventStream.instance` returns."""

    def __init__(self, instance_id: str, stream: EventStream, pipeline: Pipeline) -> None:
        self.id = instance_id
        self._stream = stream
        self._pipeline = pipeline

    def __repr__(self) -> str:
        return f"<Box {self.id}>"

    def events(self) -> EventStream[Payload]:
        """Everything that happens to it, and the answers that are given to it."""
        return self._stream.where(instance_id=self.id)

    def ready(self, timeout: float | None = None) -> Eventual[Instance]:
        """It, with host and port, as soon as it is ready, which it may be already: ``await box.ready()``, or
        ``box.ready().wait()``.

        ::

            looks   l(starting)-------l(ready)
            events  ------------ready--|
                    ready()
                    ------------------i|

        It looks at once, when an event says that something has changed, after each reconnect, and every 15 s.
        Fails with `InstanceFailed` where it has failed or was stopped, TimeoutError after `timeout` seconds,
        and `HttpError` where this token may not look at it.
        """
        found = Composed(Observable(self._watch), self._pipeline).pipe(ops.take(1))
        if timeout is None:
            return Eventual(found)
        late = TimeoutError(f"the instance {self.id} is not ready after {timeout:g} s")
        in_time = found.pipe(ops.timeout(timeout, reactivex.throw(late)))
        return Eventual(in_time)

    def _watch(
        self, observer: abc.ObserverBase[Instance], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        timer = self._pipeline.timer(scheduler)
        opened = self._stream.status.pipe(ops.filter(lambda status: isinstance(status, Open)))
        now_and_then = reactivex.interval(_LOOK, scheduler=timer)
        looks = self.events().pipe(
            merge_alongside(opened, now_and_then),
            refreshed(
                lambda: self._pipeline.ask(lambda: instance(self.id)),
                timer_of=self._pipeline.timer,
                floor=_FLOOR,
            ),
            ops.filter(_is_ready),
        )
        return looks.subscribe(observer, scheduler=scheduler)


def _is_ready(found: Instance) -> bool:
    if found.status in {"error", "stopped"}:
        raise InstanceFailed(found.id, found.status)
    return found.status == "ready"
