"""What waits between the reader and the subscribers comes to them once, whatever a callback raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from reactivex import Observer

from ctfy_rx import Event
from ctfy_rx.delivery.buffer import Buffer
from ctfy_rx.delivery.hub import Hub
from ctfy_rx.delivery.receipts import Progress, Receipts
from ctfy_rx.pipeline.backlog import Delivery
from ctfy_rx.stats import Counters


def through_a_hub(on_next: Callable[[Any], None]) -> Callable[[Iterable[Any]], None]:
    hub: Hub[Any] = Hub()
    hub.add(Observer(on_next))
    return hub.on_batch


def one_by_one(on_next: Callable[[Any], None]) -> Callable[[Iterator[Any]], None]:
    """As a stream has it that keeps its last events."""
    to_hub = through_a_hub(on_next)

    def batch(events: Iterator[Any]) -> None:
        for event in events:
            to_hub((event,))

    return batch


class Interrupted:
    """A delivery whose subscriber interrupts the program, in the events of some names."""

    def __init__(self, *names: str, give: Any = through_a_hub) -> None:
        self.heard: list[str] = []
        self._interrupts = names
        receipts = Receipts()
        observer: Any = Observer(give(self._on_next))
        self.delivery = Delivery(
            observer, Buffer(9), Counters(), lambda _: None, Progress(receipts, lambda: False)
        )

    def _on_next(self, event: Event) -> None:
        self.heard.append(event.event)
        if event.event in self._interrupts:
            raise KeyboardInterrupt

    def drain(self) -> None:
        while self.delivery.drain():
            pass


def events(names: str) -> list[Any]:
    return [Event(name, "{}", cursor=name) for name in names]


def test_an_event_of_the_log_that_a_callback_was_interrupted_in_does_not_come_again():
    case, given = Interrupted("a", "c"), list[bool]()
    case.delivery.give(events("abc"), lambda: given.append(True))
    with pytest.raises(KeyboardInterrupt):
        case.drain()
    with pytest.raises(KeyboardInterrupt):
        case.drain()
    case.drain()
    assert case.heard == ["a", "b", "c"]
    assert given == [True]


@pytest.mark.parametrize("give", [through_a_hub, one_by_one])
def test_what_an_interrupt_has_left_of_live_events_comes_first_and_once(give: Any):
    case = Interrupted("a", give=give)
    case.delivery.put(events("ab"))
    with pytest.raises(KeyboardInterrupt):
        case.drain()
    case.delivery.give(events("c"), lambda: None)
    case.drain()
    assert case.heard == ["a", "b", "c"]
