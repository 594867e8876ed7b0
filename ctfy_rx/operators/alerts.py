"""`alerts`: something breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from reactivex import Observable, abc

from ctfy_rx.catalogue import InstanceError, MetaStats, NodeRecovered, NodeUnhealthy, Payload, TaskFailed
from ctfy_rx.event import Event
from ctfy_rx.operators.of_event import named

__all__ = ["alerts"]

_BREAKS = named(NodeUnhealthy, NodeRecovered, InstanceError, TaskFailed)
_COUNTERS = ("outbox_failed", "tasks_failed")


def alerts() -> Callable[[Observable[Event[Any]]], Observable[Event[Payload]]]:
    """What an organiser must hear of: `node_unhealthy`, `node_recovered`, `instance_error`, `task_failed`,
    and ``ops_failed`` when the platform counts more failures than it told of.

    ::

        --wrong--node_unhealthy--stats(outbox_failed 0)--stats(outbox_failed 2)--|
          alerts()
        ---------node_unhealthy--------------------------ops_failed(rise 2)------|

    ``ops_failed {counter, rise, total}`` is ours: a rise of ``outbox_failed`` or ``tasks_failed`` in the
    counters of `meta_stats`, which an admin hears; the first counters that come are only remembered. A failed
    task tells of itself, sooner or later: one that has not by the next counters is a rise. Completes and
    fails with its source.

    See also: `of_event`, `EventStream.alerts`, which adds gaps and drops of the stream's own.

    >>> import reactivex
    >>> stats = [Event("meta_stats", f'{{"ops": {{"outbox_failed": {count}}}}}') for count in (1, 1, 3)]
    >>> reactivex.of(*stats).pipe(alerts()).subscribe(lambda event: print(event.event, event.data)).dispose()
    ops_failed {'counter': 'outbox_failed', 'rise': 2, 'total': 3}
    """

    def apply(source: Observable[Event[Any]]) -> Observable[Event[Payload]]:
        def subscribe(
            observer: abc.ObserverBase[Event[Payload]], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            rises = _Rises()

            def on_next(event: Event[Any]) -> None:
                if _BREAKS(event.event):
                    rises.told(event)
                    observer.on_next(event)
                elif event.event == MetaStats.event_name:
                    for rise in rises.of(event):
                        observer.on_next(rise)

            return source.subscribe(on_next, observer.on_error, observer.on_completed, scheduler=scheduler)

        return Observable(subscribe)

    return apply


class _Rises:
    """How the counters of failures rise. A failed task has an event of its own, which may come before the
    counters or after them: what was counted and not told is carried from one to the next."""

    def __init__(self) -> None:
        self._counted: dict[str, int] = {}
        self._untold = 0  # failed tasks that were counted; below 0: that were told of first
        self._overdue = 0  # of those that were counted by the counters before these

    def told(self, event: Event[Any]) -> None:
        """An alert of the platform's own."""
        if event.event == TaskFailed.event_name and self._counted:
            self._untold -= 1

    def of(self, event: Event[MetaStats]) -> Iterator[Event[Payload]]:
        """An event for each counter that is higher than before."""
        for counter in _COUNTERS:
            total = getattr(event.payload.ops, counter, None)
            if not isinstance(total, int):
                continue
            before, self._counted[counter] = self._counted.get(counter, total), total
            rise = total - before
            if counter == "tasks_failed":
                rise = self._overdue_after(rise)
            if rise > 0:
                data = {"counter": counter, "rise": rise, "total": total}
                yield Event("ops_failed", msgspec.json.encode(data).decode(), received=event.received)

    def _overdue_after(self, rise: int) -> int:
        """How many failed tasks had the time from the counters before these to tell of themselves."""
        overdue = max(min(self._overdue, self._untold), 0)
        self._untold += max(rise, 0) - overdue
        self._overdue = max(self._untold, 0)
        return overdue
