"""Questions for the platform whose events a stream gives."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any, TypeVar

from reactivex import Observable, abc
from reactivex import operators as ops

from ctfy_rx.connection.frames import Frames
from ctfy_rx.connection.steps import Steps
from ctfy_rx.errors import ConfigurationError
from ctfy_rx.operators.retry import retry_with_backoff
from ctfy_rx.platform.asking import asked
from ctfy_rx.threads.loops import LoopScheduler

__all__ = ["Asking"]

T = TypeVar("T")

_NO_PLATFORM = "this stream is not that of a platform, so there is nobody to ask: make it with events(url)"

Attach = Callable[
    [Observable[Any], abc.ObserverBase[Any], abc.SchedulerBase | None],
    abc.DisposableBase,
]


class Asking:
    """Asks `platform`, on the `loop` that reads the stream if there is one; `attach` subscribes until the
    stream is closed."""

    def __init__(
        self, platform: Frames | None, loop: Callable[[], AbstractEventLoop | None], attach: Attach
    ) -> None:
        self._platform = platform
        self._loop = loop
        self._attach = attach

    def __call__(
        self, steps: Callable[[], Steps[T]], *, public: bool = False, attempts: int | None = None
    ) -> Observable[T]:
        """What the platform answers, as `asked`: asked again while it is in trouble, at most `attempts`
        times in a row, and no longer than the stream is open."""

        def subscribe(
            observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            if self._platform is None:
                raise ConfigurationError(_NO_PLATFORM)
            loop = self._loop()
            if scheduler is None and loop is not None:
                scheduler = LoopScheduler(loop)
            answer = asked(self._platform, steps, public=public)
            patient = answer.pipe(retry_with_backoff(max_attempts=attempts), ops.take(1))
            return self._attach(patient, observer, scheduler)

        return Observable(subscribe)
