"""What is heard through a proxy, and what the platform itself has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ctfy_rx

from ..support.platforms import RealPlatform
from ..support.waiting import PATIENCE, until


class Heard:
    """An admin's or a player's stream, and what it has heard and told so far."""

    def __init__(self, url: str, token: str, **options: Any) -> None:
        self.stream = ctfy_rx.events(url, token=token, initial=0.1, maximum=0.5, **options)
        self.status: list[ctfy_rx.Status] = []
        self.log_ids: list[int] = []
        self.names: list[str] = []
        self.errors: list[Exception] = []
        self.stream.status.subscribe(self.status.append)
        self.stream.subscribe(self._hear, self.errors.append)

    def _hear(self, event: ctfy_rx.Event[Any]) -> None:
        self.names.append(event.event)
        if event.log_id is not None:
            self.log_ids.append(event.log_id)

    @property
    def opened(self) -> int:
        return sum(isinstance(status, ctfy_rx.Open) for status in self.status)

    def wait_for(self, holds: Callable[[], object], seconds: float = PATIENCE) -> None:
        until(lambda: self.errors or holds(), seconds)


@contextmanager
def heard(url: str, token: str, **options: Any) -> Iterator[Heard]:
    listening = Heard(url, token, **options)
    with listening.stream:
        listening.wait_for(lambda: listening.opened)
        yield listening
        assert not listening.errors


def logged(platform: RealPlatform, since: str) -> list[int]:
    """The ids of the platform's log after the cursor `since`, read without any proxy."""
    return [event.log_id for event in ctfy_rx.history(platform.url, token=platform.admin_token, since=since)]


def hears_at_once(platform: RealPlatform, url: str, **options: Any) -> None:
    """A stored event and a live one."""
    with heard(url, platform.admin_token, **options) as admin:
        platform.wrong(0)
        admin.wait_for(lambda: "flag_wrong" in admin.names)
        platform.announce("hello")
        admin.wait_for(lambda: "announcement_created" in admin.names)
