"""What makes sense for administrators alone."""

from __future__ import annotations

from collections.abc import Callable

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, SerialDisposable
from typing_extensions import TypeVar

from ctfy_rx.catalogue import Payload
from ctfy_rx.connection.steps import Steps
from ctfy_rx.delivery.guarded import Composed
from ctfy_rx.errors import NeedsAdmin, TokenRefused
from ctfy_rx.event import Event
from ctfy_rx.pipeline.pipeline import Pipeline
from ctfy_rx.platform.questions import Identity, identify
from ctfy_rx.status import Open, Status

__all__ = ["for_admins"]

P = TypeVar("P", bound=Payload)


def for_admins(
    pipeline: Pipeline, what: str, otherwise: str = ""
) -> Callable[[Observable[Event[P]]], Observable[Event[P]]]:
    """The same events, for whom `what` makes sense; for others it fails with `NeedsAdmin`, when it is known
    who they are. `otherwise` is what they may write instead.

    ::

        status    --connecting--open(a player)--
        events    ------------------
                  for_admins(pipeline, "shared_flags()")
                  ------------------X
    """
    if pipeline.platform is None:
        return _as_it_is

    def apply(source: Observable[Event[P]]) -> Observable[Event[P]]:
        def subscribe(
            observer: abc.ObserverBase[Event[P]], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            def judge(me: Identity | None) -> None:
                if me is None or not me.is_admin:
                    observer.on_error(_refusal(me, what, otherwise))

            asking = _each_time_it_opens(pipeline, judge, observer.on_error)
            return CompositeDisposable(asking, source.subscribe(observer, scheduler=scheduler))

        return Composed(Observable(subscribe), pipeline)

    return apply


def _each_time_it_opens(
    pipeline: Pipeline, judge: Callable[[Identity | None], None], on_error: Callable[[Exception], None]
) -> abc.DisposableBase:
    """Has `judge` told whose the token is, None for nobody's."""
    asking = SerialDisposable()

    def on_status(status: Status) -> None:
        if not isinstance(status, Open):
            return
        me = pipeline.identity()
        if me is not None:
            judge(me)
        else:  # nobody has said so; perhaps the platform could not, just then
            asking.disposable = pipeline.ask(_me).subscribe(judge, on_error)

    return CompositeDisposable(pipeline.status.subscribe(on_status), asking)


def _refusal(me: Identity | None, what: str, otherwise: str) -> NeedsAdmin:
    whose = f"that of {me.name}" if me is not None else "none"
    instead = f", or write {otherwise}" if otherwise else ""
    return NeedsAdmin(
        f"{what} needs an administrator's token, and this is {whose}, "
        f"which hears nothing of other teams: take an administrator's{instead}"
    )


def _as_it_is(source: Observable[Event[P]]) -> Observable[Event[P]]:
    return source


def _me() -> Steps[Identity | None]:
    try:
        return (yield from identify())
    except TokenRefused:
        return None
