"""What has become slower than it was in the last measurement that was kept.

Two runs are of two days, on a machine that is never the same, so clients are compared by what they take
beside the plain httpx loop of the same run; and only what lies beyond all rounds of the run before counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["regressions"]

_ROWS = ("chunks", "coalesced")
_REFERENCE = "floor_httpx"


def regressions(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """A sentence for each of our clients whose every round was slower than each round before.

    >>> def run(least, most):
    ...     ours = {"least_cpu_us": least, "cpu_us": (least + most) / 2, "most_cpu_us": most}
    ...     return {"chunks": {"floor_httpx": {"cpu_us": 10.0}, "ours": ours}}
    >>> list(regressions(run(2.0, 3.0), run(2.9, 4.0)))
    []
    >>> list(regressions(run(2.0, 3.0), run(3.5, 4.0)))
    ['chunks, ours: 0.25 -> 0.38 of a plain httpx loop (0.20 to 0.30 before)']
    """
    for row in _ROWS:
        for client in now.get(row, {}):
            if client.startswith("ours") and "most_cpu_us" in before.get(row, {}).get(client, {}):
                least, was, most = _beside_httpx(before[row], client)
                at_least, is_now, _ = _beside_httpx(now[row], client)
                if at_least > most:
                    change = f"{was:.2f} -> {is_now:.2f} of a plain httpx loop"
                    yield f"{row}, {client}: {change} ({least:.2f} to {most:.2f} before)"


def _beside_httpx(row: dict[str, Any], client: str) -> tuple[float, float, float]:
    """The least, the median and the most of a run."""
    reference = row[_REFERENCE]["cpu_us"]
    least, median, most = (row[client][f"{which}cpu_us"] / reference for which in ("least_", "", "most_"))
    return least, median, most
