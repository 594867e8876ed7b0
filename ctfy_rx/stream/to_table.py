"""A stream's events, gathered into a table when it has ended."""

from __future__ import annotations

from typing import Any

from reactivex import Observable

from ctfy_rx.event import Event
from ctfy_rx.recording.player import AtOnce
from ctfy_rx.recording.progress import Progress
from ctfy_rx.recording.table import Columns
from ctfy_rx.threads.consumers import Consumer
from ctfy_rx.threads.waiting import Alarm

__all__ = ["gathered"]


def gathered(source: Observable[Event[Any]], *, progress: bool | None = None) -> Any:
    """The events of `source` as a `pyarrow.Table`, when it completes; a recording gives them at once.

    Raises what it fails with.
    """
    columns = Columns()
    ended = Alarm()
    failures: list[Exception] = []

    def on_error(error: Exception) -> None:
        failures.append(error)
        ended.set()

    consumer = Consumer()
    with Progress("reading events", shown=progress) as bar:
        with consumer.subscribing(source):
            subscription = source.subscribe(
                columns.append, on_error, ended.set, scheduler=AtOnce(on_read=bar.at)
            )
        try:
            consumer.refuse_to_block()
            ended.wait()
        finally:
            subscription.dispose()
    if failures:
        raise failures[0]
    return columns.table()
