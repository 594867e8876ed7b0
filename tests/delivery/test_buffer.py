"""Bounded buffers: what is dropped, what is told."""

from __future__ import annotations

import logging
import threading
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctfy_rx.delivery.buffer import Buffer, Drops, check_buffer
from ctfy_rx.errors import BufferOverflow, ConfigurationError
from ctfy_rx.threads.waiting import Alarm

from ..support.waiting import PATIENCE


def emptied(buffer: Buffer[int]) -> list[int]:
    return [buffer.take() for _ in range(len(buffer))]


def test_the_oldest_makes_room():
    buffer = Buffer[int](3)
    for item in range(5):
        buffer.put(item)
    assert (emptied(buffer), buffer.drops.total) == ([2, 3, 4], 2)


def test_the_newest_is_dropped_where_that_is_the_policy():
    buffer = Buffer[int](3, "drop_newest")
    for item in range(5):
        buffer.put(item)
    assert (emptied(buffer), buffer.drops.total) == ([0, 1, 2], 2)


def test_overflow_is_an_error_where_nothing_may_be_dropped():
    buffer = Buffer[int](1, "error")
    buffer.put(1)
    with pytest.raises(BufferOverflow, match="1 items wait for a consumer that is too slow") as caught:
        buffer.put(2)
    assert (caught.value.size, emptied(buffer)) == (1, [1])


def test_an_empty_buffer_has_nothing_to_take():
    with pytest.raises(IndexError):
        Buffer[int](1).take()


@given(
    st.integers(1, 5), st.lists(st.none() | st.integers()), st.sampled_from(["drop_oldest", "drop_newest"])
)
def test_whatever_comes_and_goes_each_item_is_taken_waits_or_was_dropped(size, steps, policy):
    """None takes, a number is put; the model is a list without a bound."""
    buffer: Buffer[int] = Buffer(size, policy, Drops(lambda _: None))
    model: deque[int] = deque()
    dropped = 0
    for step in steps:
        if step is None:
            if model:
                assert buffer.take() == model.popleft()
            continue
        buffer.put(step)
        model.append(step)
        if len(model) > size:
            del model[0 if policy == "drop_oldest" else -1]
            dropped += 1
        assert len(buffer) == len(model) <= size
        assert buffer.is_full is (len(model) == size)
    assert (emptied(buffer), buffer.drops.total) == (list(model), dropped)


@given(
    st.integers(1, 5),
    st.lists(st.lists(st.integers(), max_size=8)),
    st.sampled_from(["drop_oldest", "drop_newest"]),
)
def test_many_at_once_are_as_many_one_by_one(size, batches, policy):
    together: Buffer[int] = Buffer(size, policy, Drops(lambda _: None))
    one_by_one: Buffer[int] = Buffer(size, policy, Drops(lambda _: None))
    for batch in batches:
        together.extend(batch)
        for item in batch:
            one_by_one.put(item)
        assert together.drops.total == one_by_one.drops.total
    assert emptied(together) == emptied(one_by_one)


def test_drops_are_told_at_powers_of_two_and_at_the_end_and_counted_each():
    told: list[int] = []
    counted: list[None] = []
    drops = Drops(told.append, lambda: counted.append(None))
    for _ in range(11):
        drops.add()
        drops.tell_now_and_then()
    assert told == [1, 2, 4, 8]
    drops.tell()
    drops.tell()
    assert told == [1, 2, 4, 8, 11]
    assert len(counted) == 11


def test_who_raises_when_told_of_drops_is_reported(caplog: pytest.LogCaptureFixture):
    drops = Drops(lambda _: 1 // 0)
    drops.add()
    drops.tell()
    assert "on_drop raised on 1 dropped items" in caplog.text


def test_without_anybody_to_tell_a_warning_is_logged(caplog: pytest.LogCaptureFixture):
    drops = Drops(None)
    drops.add()
    with caplog.at_level(logging.WARNING, "ctfy_rx"):
        drops.tell()
    assert "1 items dropped so far" in caplog.text


@pytest.mark.parametrize(
    ("size", "policy", "says"),
    [
        (0, "drop_oldest", "buffer must be 1 or more items, not 0"),
        (1, "drop_all", "policy must be one of drop_oldest, drop_newest, error, block"),
        (1, "block", "would hold up the socket"),
    ],
)
def test_what_cannot_be_a_buffer_is_refused(size, policy, says):
    with pytest.raises(ConfigurationError, match=says):
        check_buffer(size, policy)


def test_an_alarm_that_was_set_before_ends_the_next_wait():
    alarm = Alarm()
    alarm.set()
    assert alarm.wait(0)


def test_an_alarm_wakes_a_thread_each_time():
    alarm, woken = Alarm(), threading.Semaphore(0)

    def sleep() -> None:
        for _ in range(1000):
            assert alarm.wait(PATIENCE)
            woken.release()

    sleeper = threading.Thread(target=sleep)
    sleeper.start()
    for _ in range(1000):
        alarm.set()
        assert woken.acquire(timeout=PATIENCE)
    sleeper.join()
