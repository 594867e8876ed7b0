"""One at a time, in order, and nobody waits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from ctfy_rx.threads.turns import InTurn, Turns


def test_what_comes_out_of_an_action_is_acted_on_after_it():
    done: list[str] = []
    turns = Turns()

    def outer() -> None:
        turns.take(lambda: done.append("inner"))
        done.append("outer")

    turns.take(outer)
    assert done == ["outer", "inner"]


def test_what_an_action_raises_leaves_the_rest_to_the_next_who_comes():
    done: list[int] = []

    def act(number: int) -> None:
        if number == 1:
            in_turn.take(2)
            raise KeyboardInterrupt
        done.append(number)

    in_turn = InTurn(act)
    with pytest.raises(KeyboardInterrupt):
        in_turn.take(1)
    assert done == []
    in_turn.take(3)
    assert done == [2, 3]


class TakenAfter:
    """A lock that is free when it is asked for, after `something` has happened."""

    def __init__(self, something: Callable[[], None]) -> None:
        self._something = something

    def acquire(self, _: bool) -> bool:
        self._something()
        return True

    def release(self) -> None:
        pass


def test_what_is_put_back_comes_before_who_has_looked_just_before():
    done: list[int] = []
    in_turn: Any = InTurn(done.append)
    before = iter([1])

    def put_back() -> None:
        with suppress(StopIteration):
            in_turn.put_back(next(before))

    in_turn._taken = TakenAfter(put_back)
    in_turn.take(2)
    assert done == [1, 2]
