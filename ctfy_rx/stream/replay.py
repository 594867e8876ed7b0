"""`replay`: a recording, as a stream."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from reactivex import abc

from ctfy_rx.errors import ConfigurationError
from ctfy_rx.recording.player import Player
from ctfy_rx.recording.reader import Reader
from ctfy_rx.stream.stream import EventStream

__all__ = ["replay"]


def replay(
    path: str | Path,
    *,
    speed: float | None = 1.0,
    since: datetime | None = None,
    until: datetime | None = None,
    scheduler: abc.SchedulerBase | None = None,
) -> EventStream:
    """The events of a recording, as a stream that ends. Nothing is read until somebody subscribes.

    ::

        recorded   a----b--c----d
                   replay(speed=2)
                   a--b-c--d|

    Each subscriber gets all of it, and a loop loses nothing of it: the recording waits. Events come as they
    happened (`Event.at`), the first one at once, `speed` times as fast; None: as fast as they can be read.
    `since` and `until`, both inclusive, are the times of the first and the last event to play, a naive one in
    local time. `scheduler`, or else that of a subscription, gives the time: under one of virtual time an
    hour takes none, exactly. The events are what they were, but for their origin, which is ``"replay"``;
    `Event.recorded` is what it was.

    Where the file ends in the middle of an event, as after a crash, the log says so and the stream completes.
    Raises `ConfigurationError` for a speed of 0 or less. The stream fails with `BadRecording` where the file
    is no recording, is damaged, or cannot be read.

    >>> import ctfy_rx, tempfile
    >>> from ctfy_rx import demo
    >>> with tempfile.TemporaryDirectory() as folder, demo.platform(teams=2) as platform:
    ...     _ = platform.solve(team=0, challenge=0)
    ...     path = f"{folder}/day1.jsonl"
    ...     with ctfy_rx.history(platform.url, token=platform.admin_token).record(path) as recording:
    ...         recording.wait()
    ...     [event.event for event in replay(path, speed=10)]
    True
    ['flag_correct']
    """
    if speed is not None and not speed > 0:
        raise ConfigurationError("speed must be more than 0, or None for as fast as possible")
    path = Path(path)
    reader = Reader(path, since=since, until=until)
    player = Player(reader, speed=speed, scheduler=scheduler)
    return EventStream.over(player, name=f"replay of {path.name}", cold=True, header=reader.header)
