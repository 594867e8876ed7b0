"""What somebody meant who wrote a name that there is not."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["did_you_mean"]

_LIKENESS = 0.6


def did_you_mean(name: str, known: Iterable[str], *, likeness: float = _LIKENESS) -> str:
    """A question after the `known` name that is most like `name`, "" where none is; `likeness` is 1 for equal
    names (`difflib.SequenceMatcher.ratio`).

    >>> did_you_mean("flag_corect", ["flag_correct", "flag_wrong"]), did_you_mean("box", ["flag_wrong"])
    ("did you mean 'flag_correct'?", '')
    """
    from difflib import get_close_matches  # noqa: PLC0415 - for slips alone

    return "".join(
        f"did you mean {close!r}?" for close in get_close_matches(name, list(known), n=1, cutoff=likeness)
    )
