"""Coroutine functions where plain ones are called: one that nobody awaits never runs, and the coroutine that
it makes is true, whatever it would come to."""

from __future__ import annotations

import inspect

from ctfy_rx.text.printable import short

__all__ = ["AWAIT_INSTEAD", "check_callbacks", "is_coroutine_function", "refuse_coroutine_functions"]

AWAIT_INSTEAD = "write `await stream.each(handler)`, or `async for item in to_async_iter(observable)`"
"""What there is for coroutines."""


def is_coroutine_function(function: object) -> bool:
    """Whether calling it gives a coroutine, as of an object whose ``__call__`` is one."""
    called = getattr(type(function), "__call__", None)  # noqa: B004 - not whether, but what is called
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)


def refuse_coroutine_functions(name: str, *arguments: object) -> None:
    """Raise TypeError if one of the `arguments` of the method `name` is a coroutine function."""
    if any(map(is_coroutine_function, arguments)):
        raise TypeError(f"{name}() calls plain functions: for a coroutine {AWAIT_INSTEAD}")


def check_callbacks(*callbacks: object) -> None:
    """Raise TypeError if one of what `subscribe` is given is no function, no observer, or a coroutine
    function."""
    for each in callbacks:
        if not (each is None or callable(each) or hasattr(each, "on_next")):
            raise TypeError(f"subscribe() takes functions, as subscribe(print), not {short(repr(each), 80)}")
    refuse_coroutine_functions("subscribe", *callbacks)
