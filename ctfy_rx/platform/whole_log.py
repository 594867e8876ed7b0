"""The log of a platform, read once, and the version of the platform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reactivex import Observable, abc
from reactivex.disposable import BooleanDisposable, CompositeDisposable

from ctfy_rx.catalogue import Payload
from ctfy_rx.connection.either_httpx import is_asynchronous
from ctfy_rx.connection.frames import Frames
from ctfy_rx.connection.rest import ThreadRest
from ctfy_rx.connection.steps import Steps
from ctfy_rx.errors import CtfyRxError, LogUnavailable
from ctfy_rx.event import Event
from ctfy_rx.platform.asking import asked
from ctfy_rx.platform.questions import Identity, Log, identify, version
from ctfy_rx.platform.since import Moment, Place, beginning, moment
from ctfy_rx.reconnect import Session

__all__ = ["logged", "logged_now", "version_of"]

_PATIENCE = 2.0  # seconds

_REFUSED = "to read the activity log, history() needs the URL of a platform and a token"

Observer = abc.ObserverBase[Event[Payload]]

AskOf = Callable[[list[Event[Payload]], Identity], Steps[None]]
"""What is asked of the rows of somebody's log, before they are given."""


def logged(source: Frames, since: Place, until: Moment | None, then: AskOf) -> Observable[Event[Payload]]:
    """The rows of the log that the token of `source` may read, for each subscription anew; what `then` asks
    of them is asked before they are given."""
    answers = asked(source, lambda: _rows(since, until, then), refused_without_token=_REFUSED)

    def subscribe(observer: Observer, scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        left = BooleanDisposable()

        def give(rows: list[Event[Payload]]) -> None:
            for row in rows:
                if left.is_disposed:
                    return
                observer.on_next(row)

        reading = answers.subscribe(give, observer.on_error, observer.on_completed, scheduler=scheduler)
        return CompositeDisposable(left, reading)

    return Observable(subscribe)


def logged_now(source: Frames, then: AskOf, since: Place) -> list[Event[Payload]]:
    """The same, read on this thread. Raises what the log cannot be read for."""
    rest = _blocking(source)
    try:
        return rest.ask(_rows(since, None, then))
    finally:
        rest.close()


def version_of(source: Frames) -> str | None:
    """The version of the platform, None where it is not told within moments; asked on this thread."""
    try:
        rest = _blocking(source, patience=_PATIENCE)
    except CtfyRxError:
        return None
    try:
        return rest.ask(version())
    except CtfyRxError:
        return None
    finally:
        rest.close()


def _blocking(source: Frames, *, patience: float | None = None) -> ThreadRest:
    client = source.client(asynchronous=False)
    root = None if is_asynchronous(client) else source.attempt(client, Session()).root()
    if root is None:
        raise LogUnavailable(
            "to read the activity log on a thread needs the URL of a platform, a token, and a client that is "
            "not asynchronous",
            status=0,
        )
    if patience is not None:
        root = replace(root, connect_timeout=patience, read_timeout=patience, answer_timeout=patience)
    return ThreadRest(client, root)


def _rows(since: Place, until: Moment | None, then: AskOf) -> Steps[list[Event[Payload]]]:
    identity = yield from identify()
    if identity is None:
        raise LogUnavailable("this server is no platform with an activity log: check the URL", status=0)
    log = Log(identity)
    ledger = yield from beginning(since, log)
    end = None if until is None else (yield from moment(until, log))
    rows = yield from log.catch_up(ledger, until=end)
    yield from then(rows, identity)
    return rows
