"""What is done with events beside showing them: each action has a thread and a bounded queue of its own, so
that none holds up another, or the screen."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from ctfy_rx import CtfyRxError, Event, EventStream
from ctfy_rx.cli.public import public
from ctfy_rx.cli.render import as_json
from ctfy_rx.cli.template import Template, fields_of
from ctfy_rx.cli.webhook import Kind, Webhook

__all__ = ["Act", "Action", "Maker", "PublicTeams", "Running", "Sending"]

_WAITING = 1000  # events
_LAST_SECONDS = 10.0  # for what still waits at the end
_SECONDS_A_COMMAND = 60.0
_TEAMS_KEPT = 30.0  # seconds

Act = Callable[[Event[Any]], str | None]
"""Does something with an event; says why it could not, None where it could. Raises what is final."""


class Maker(Protocol):
    """Makes an act for a stream; `wait` waits for seconds, and says whether to give up."""

    def __call__(self, stream: EventStream, wait: Callable[[float], bool]) -> Act:
        """The act."""
        ...


class Action:
    """Does `act` for one event after another; `tell` hears of what went wrong, `end` is called when it can do
    nothing more."""

    def __init__(self, what: str, tell: Callable[[str], None], end: Callable[[], None]) -> None:
        self.failure: CtfyRxError | None = None
        self._what = what
        self._tell = tell
        self._end = end
        self._queue: queue.Queue[Event[Any] | None] = queue.Queue(_WAITING)
        self._leaving = threading.Event()
        self._thread: threading.Thread | None = None
        self._taken = self._dropped = self._done = 0

    def begin(self, make: Maker, stream: EventStream) -> None:
        """Start its thread."""
        act = make(stream, self._leaving.wait)
        self._thread = threading.Thread(
            target=self._run, args=(act,), name=f"ctfy-rx {self._what}", daemon=True
        )
        self._thread.start()

    def put(self, event: Event[Any]) -> None:
        """Do it for `event`, when its turn comes; dropped and told where too many wait."""
        try:
            self._queue.put_nowait(event)
            self._taken += 1
        except queue.Full:
            self._dropped += 1
            self._tell(f"{self._what} is too slow: {self._dropped} events dropped")

    def finish(self) -> None:
        """Wait until it has done what waits, for 10 s at most; what it has not is its `failure`."""
        if self._thread is None:
            return
        try:
            self._queue.put(None, timeout=_LAST_SECONDS)
            self._thread.join(_LAST_SECONDS)
        except queue.Full:
            pass
        finally:
            self._leaving.set()
        left = self._taken - self._done
        if left and self.failure is None:
            self.failure = CtfyRxError(f"{self._what} had {left} events left to do when the program ended")

    def _run(self, act: Act) -> None:
        while (event := self._queue.get()) is not None:
            try:
                problem = act(event)
            except CtfyRxError as error:
                self.failure = error
                self._end()
                return
            except Exception as error:  # noqa: BLE001 - the next event has its turn, whatever this one did
                # Its text may hold the URL of the webhook, which is a secret.
                problem = f"an error that was not foreseen ({type(error).__name__})"
            if problem is not None:
                self._tell(f"{self._what} missed {event.event}: {problem}")
            self._done += 1


class Running:
    """Runs a command for each event, with the event as JSON on its standard input; what it prints goes to
    standard error."""

    def __init__(self, template: Template) -> None:
        self._template = template

    def __call__(self, stream: EventStream, wait: Callable[[float], bool]) -> Act:  # noqa: ARG002 - as `Maker`
        """The act."""
        return self._run

    def _run(self, event: Event[Any]) -> str | None:
        arguments = self._template.filled(fields_of(event))
        try:
            done = subprocess.run(  # noqa: S603 - arguments, no shell
                arguments,
                input=as_json(event).encode(),
                stdout=sys.stderr,
                timeout=_SECONDS_A_COMMAND,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"the command took longer than {_SECONDS_A_COMMAND:.0f} s"
        except OSError as error:
            return f"the command cannot be run: {error.strerror}"
        return f"the command ended with {done.returncode}" if done.returncode else None


class Sending:
    """Sends each event to a webhook, without what is private unless that is asked for."""

    def __init__(self, url: str, kind: Kind, *, private: bool) -> None:
        self._url = url
        self._kind: Kind = kind
        self._private = private

    def __call__(self, stream: EventStream, wait: Callable[[float], bool]) -> Act:
        """The act."""
        webhook = Webhook(self._url, self._kind, wait=wait)
        teams = PublicTeams(stream)

        def send(event: Event[Any]) -> str | None:
            return webhook.send(event if self._private else public(event, teams.around(event)))

        return send


class PublicTeams:
    """The teams whose names everybody may know, looked up again when an event is of none of them."""

    def __init__(self, stream: EventStream, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._known: frozenset[str] = frozenset()
        self._again_at = 0.0

    def around(self, event: Event[Any]) -> frozenset[str]:
        """The teams that are known to be public, when `event` is told."""
        unknown = event.team_id is not None and event.team_id not in self._known
        if unknown and self._clock() >= self._again_at:
            self._again_at = self._clock() + _TEAMS_KEPT
            with suppress(CtfyRxError):  # then it has no name
                self._known = self._stream.public_teams().wait()
        return self._known
