"""A recording, read: its header, and its events some at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from ctfy_rx.errors import BadRecording
from ctfy_rx.event import Event
from ctfy_rx.program_log import program_log as _log
from ctfy_rx.recording.compression import Lines, packing_of
from ctfy_rx.recording.lines import Header, from_line, header_in, no_recording

__all__ = ["Reader", "happened"]

OnRead = Callable[[int, int], None]


class Reader:
    """The recording at `path`; of its events those that happened from `since` to `until`, both inclusive."""

    def __init__(self, path: Path, *, since: datetime | None = None, until: datetime | None = None) -> None:
        self.path = path
        self._packing = packing_of(path)
        self._since = None if since is None else since.timestamp()
        self._until = None if until is None else until.timestamp()

    def header(self) -> Header:
        """What its first line says. Raises `BadRecording`."""
        return next(self._headed(lambda _read, _total: None))[0]

    def blocks(self, on_read: OnRead = lambda _read, _total: None) -> Iterator[list[Event]]:
        """Its events; `on_read` is told how many bytes of how many were read. A torn end, which a crash of
        the recorder leaves, is told in the log and left out.

        Raises `BadRecording`.
        """
        number = 2  # people count lines from 1, and the first is the header
        for _, lines in self._headed(on_read):
            events: list[Event] = []
            for line in lines:
                try:
                    events.append(from_line(line))
                except ValueError as error:
                    yield self._chosen(events)
                    raise BadRecording(
                        f"line {number + len(events)} of {self.path.name} is damaged: {error}"
                    ) from None
            number += len(lines)
            yield self._chosen(events)

    def _headed(self, on_read: OnRead) -> Iterator[tuple[Header, list[bytes]]]:
        """The header, with each block of the lines below it."""
        header: Header | None = None
        try:
            with self.path.open("rb", buffering=0) as file:
                total = self.path.stat().st_size
                lines = Lines(file, self._packing, self.path.name)
                for block in lines.blocks():
                    if header is None:
                        header = header_in(block.pop(0), self.path.name)
                    on_read(lines.read, total)
                    yield header, block
        except OSError as error:
            raise BadRecording(f"{self.path} cannot be read: {error.strerror or error}") from None
        if header is None:
            raise no_recording(self.path.name)
        if lines.torn:
            _log.warning(
                "%s ends in the middle of an event: it is still being recorded, or its recorder broke off",
                self.path.name,
            )

    def _chosen(self, events: list[Event]) -> list[Event]:
        since, until = self._since, self._until
        if since is None and until is None:
            return events
        return [
            event
            for event in events
            if (since is None or happened(event) >= since) and (until is None or happened(event) <= until)
        ]


def happened(event: Event) -> float:
    """When it happened (unix time, seconds): by the log, else when it was received."""
    return event.received if event.logged is None else event.logged
