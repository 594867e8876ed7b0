"""What no event of the platform will ever hold: told in the log, for it would be waited for in silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from reactivex import Observable

from ctfy_rx.catalogue import PAYLOADS
from ctfy_rx.program_log import program_log as _log
from ctfy_rx.text.printable import short
from ctfy_rx.text.suggestion import did_you_mean

__all__ = ["known_fields", "told_of_slips"]


S = TypeVar("S", bound=Observable[Any])
T = TypeVar("T")


def told_of_slips(
    operator: str, fields: Mapping[str, Any], apply: Callable[[S], T], *, by_position: bool = False
) -> Callable[[S], T]:
    """`apply`, which has the log tell of `fields` that no event of the platform has, and of ids that are no
    texts, where its source is a platform's stream. `operator` is the name that is called, `by_position` that
    the value stands alone."""

    def telling(source: S) -> T:
        if getattr(source, "of_platform", None):
            for name, value in fields.items():
                given = short(repr(value), 80)
                shown = given if by_position else f"{name}={given}"
                if slip := _slip(name, value):
                    _log.warning("%s(%s): %s", operator, shown, slip)
        return apply(source)

    return telling


def _slip(name: str, value: Any) -> str:
    if name not in known_fields():
        meant = did_you_mean(name, sorted(known_fields()))
        return f"no event of the platform has the field {name!r}{meant and '; '}{meant}"
    if name.endswith("_id") and not isinstance(value, (str, type(None))):
        return f"ids are texts; did you mean {str(value)!r}?"
    return ""


@cache
def known_fields() -> frozenset[str]:
    """The names of all fields that events of the platform have."""
    declared = {name for payload in PAYLOADS.values() for name in payload.__struct_encode_fields__}
    return frozenset(declared | _UNDECLARED)


_UNDECLARED = frozenset({"changelog_id", "competition_id", "competition_title", "localized", "tick"})
"""Those that frames hold and the platform does not declare."""
