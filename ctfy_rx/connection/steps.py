"""Questions to the platform's other routes, without I/O.

What is asked is a generator: it yields a `Get` and is sent its `Answer`, or has thrown into it that there was
none. So what is asked, in which order, and what the answers mean is written once, and tested without a
network.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from ctfy_rx.connection.answers import AN_ANSWER, Sought, refusal
from ctfy_rx.connection.redaction import Secrets
from ctfy_rx.connection.route import DIRECT, Way
from ctfy_rx.decoding import from_json
from ctfy_rx.errors import HttpError

__all__ = ["Answer", "Drive", "Get", "Steps"]

T = TypeVar("T")


class Get(NamedTuple):
    """A question: a path below the root of the API, with its parameters."""

    path: str
    params: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `address` is its URL as it may be shown, `status_code` and `headers` are HTTP's."""

    status_code: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)  # a server may repeat the token in it
    address: str
    secrets: Secrets = field(repr=False)
    way: Way = DIRECT

    @property
    def is_success(self) -> bool:
        """2xx."""
        return self.status_code // 100 == 2  # noqa: PLR2004 - it is what the digit means

    @property
    def is_server_error(self) -> bool:
        """5xx."""
        return self.status_code // 100 == 5  # noqa: PLR2004 - it is what the digit means

    def refusal(self, now: float, sought: Sought = AN_ANSWER) -> HttpError:
        """The error for it, where it is no success; `now` is a unix time (seconds)."""
        return refusal(
            self,
            self.body,
            address=self.address,
            secrets=self.secrets,
            now=now,
            way=self.way,
            sought=sought,
        )

    def json(self) -> Any:
        """The decoded body, None where it is no JSON."""
        try:
            return from_json(self.body)
        except ValueError:
            return None


Steps = Generator[Get, Answer, T]
"""What is asked, and what comes of it."""


class Drive:
    """Turns a generator: `get` is what it asks next, None once `result` is there."""

    def __init__(self, steps: Steps[Any]) -> None:
        self._steps = steps
        self.get: Get | None = None
        self.result: Any = None
        self._turn(lambda: next(steps))

    def answered(self, answer: Answer) -> None:
        """What it asked has this answer."""
        self._turn(lambda: self._steps.send(answer))

    def failed(self, error: Exception) -> None:
        """What it asked has none."""
        self._turn(lambda: self._steps.throw(error))

    def _turn(self, step: Callable[[], Get]) -> None:
        try:
            self.get = step()
        except StopIteration as done:
            self.get, self.result = None, done.value
