"""A handler of events that is awaited, and what becomes of what it raises."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Literal, get_args

from ctfy_rx.delivery.repeats import Repeats
from ctfy_rx.errors import ConfigurationError

__all__ = ["OnHandlerError", "check_on_error", "handled"]

OnHandlerError = Literal["raise", "log"]
"""What becomes of what a handler raises: it is raised, or logged, and the next event has its turn."""


def check_on_error(on_error: str) -> None:
    """Raise `ConfigurationError` for what cannot be."""
    if on_error not in get_args(OnHandlerError):
        raise ConfigurationError(f"on_error must be one of {', '.join(get_args(OnHandlerError))}")


async def handled(
    handler: Callable[[Any], Awaitable[object]], event: object, *, on_error: OnHandlerError, repeats: Repeats
) -> bool:
    """Await `handler(event)`; False where it raised and that was left to its `repeats` to log."""
    try:
        work = handler(event)
        if inspect.isawaitable(work):
            await work
            return True
    except BaseException as error:
        if on_error == "raise" or _is_meant_for_the_task(error):
            raise
        repeats.log(error, f"on {event!r:.200}; it goes on with the next")
        return False
    raise TypeError("each() awaits a coroutine function: for a plain one write subscribe()")


def _is_meant_for_the_task(error: BaseException) -> bool:
    """Whether it ends the task that handles, or the program. A cancellation may also be that of something
    else, which the handler awaited."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0
    return isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit))
