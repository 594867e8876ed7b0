"""How a stream was derived from another one: for its `repr`, and for nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

__all__ = ["remembering"]

C = TypeVar("C", bound=type)

_LONGEST = 40  # characters of an argument


def remembering(class_: C) -> C:
    """Have the methods of `class_` that return a stream note in its `derived_by` how they were called."""
    for name, method in vars(class_).copy().items():
        is_public = not name.startswith("_") or name in _AS_METHODS
        if inspect.isfunction(method) and is_public and name != "derived":
            setattr(class_, name, _noted(name, method))
    return class_


_AS_METHODS = frozenset({"__add__", "__iadd__", "__getitem__"})


def _noted(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def called(self: Any, *arguments: Any, **named: Any) -> Any:
        made = method(self, *arguments, **named)
        if _is_beside(self, made) and made is not self:
            shown = [_shown(each, self) for each in arguments]
            shown += [f"{key}={_shown(each, self)}" for key, each in named.items()]
            made.derived_by = f"{self.derived_by}.{name}({', '.join(shown)})"
        return made

    return called


def _is_beside(stream: Any, other: Any) -> bool:
    """Whether both are streams on one connection."""
    return hasattr(other, "derived_by") and other.closed_with is stream.closed_with


def _shown(argument: Any, beside: Any) -> str:
    if hasattr(argument, "derived_by"):
        return (argument.derived_by or "…") if _is_beside(beside, argument) else repr(argument)
    if argument is None or isinstance(argument, (str, int, float, bytes)):
        text = repr(argument)
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return getattr(argument, "__name__", None) or type(argument).__name__
