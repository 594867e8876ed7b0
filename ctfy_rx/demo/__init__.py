"""A CTF platform in a thread: a simulated contest on the real wire format, for demos and for tests.

::

    teams.py      who plays, for what            contest.py     what happens in a contest, when
    state.py      what the platform remembers    happenings.py  each thing that can happen
    telling.py    its row, its frame, its signals
    listeners.py  who is connected, hears what   pace.py        a contest, played at any speed
    app.py        the stream and the routes      server.py      uvicorn in a thread
    verbs.py      what a test can make happen    running.py     all of it as one running platform

Needs the extra ``demo``: ``pip install "ctfy-rx[demo]"``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ctfy_rx.errors import MissingExtra
from ctfy_rx.threads.waiting import Alarm

if TYPE_CHECKING:
    from ctfy_rx.demo.running import Platform

__all__ = ["platform", "serve"]


def platform(
    *,
    seed: int = 7,
    contest: bool = False,
    speed: float = 60.0,
    duration: float = 10_800.0,
    teams: int = 8,
    challenges: int = 14,
    keepalive: float = 30.0,
    cache: float = 20.0,
    streams_per_caller: int = 512,
    host: str = "127.0.0.1",
    port: int = 0,
    endless: bool = False,
    on_over: Callable[[], None] = lambda: None,
) -> Platform:
    """A platform that runs while the ``with`` block does.

    It behaves as ctfy 0.7 does at ``GET /api/v1/events`` and the routes beside it, and does what the
    methods of `Platform` say. With `contest` it also plays a contest.

    Args:
        seed: The same seed gives the same teams, tokens, challenges and contest.
        contest: Play a contest, from the first stream that is opened; without it only the script happens.
        speed: Contest seconds in one second; 60 plays a minute a second.
        duration: Seconds that the contest takes on its own clock.
        teams: How many teams of two or three players.
        challenges: How many challenges, the easy ones first.
        keepalive: Seconds without a frame after which a stream gets a comment.
        cache: Seconds that the scoreboard and the breakdown are kept, however old they become.
        streams_per_caller: Live streams that one account may hold before it gets a 429; 0 is no limit.
        host: The address to listen at.
        port: The port to listen at; 0 takes a free one.
        endless: Contests follow one another, five minutes of their own time apart, each with the next seed.
        on_over: Called whenever a contest is over, on a thread of the platform's.

    Raises:
        MissingExtra: starlette or uvicorn are not installed.

    >>> with platform() as p:
    ...     answer = p.solve(team=0, challenge="Cookie Monster")
    >>> answer.rank, answer.row.event
    (1, 'flag_correct')
    """
    if not all(map(find_spec, ("starlette", "uvicorn"))):
        raise MissingExtra("demo", "The demo platform")
    from ctfy_rx.demo.running import Platform, Settings  # noqa: PLC0415 - needs the extra

    return Platform(
        Settings(
            seed=seed,
            contest=contest,
            speed=speed,
            duration=duration,
            teams=teams,
            challenges=challenges,
            keepalive=keepalive,
            cache=cache,
            streams_per_caller=streams_per_caller,
            host=host,
            port=port,
            endless=endless,
            on_over=on_over,
        )
    )


def serve(
    *,
    seed: int = 7,
    speed: float = 60.0,
    teams: int = 8,
    host: str = "127.0.0.1",
    port: int = 8100,
    ready: Callable[[Platform], None] | None = None,
) -> None:
    """Serve one contest after another in the foreground until Ctrl-C, which passes through as
    KeyboardInterrupt.

    `ready` is called once with the running platform, for example to print its `url` and `admin_token`.
    """
    contests = platform(seed=seed, contest=True, endless=True, speed=speed, teams=teams, host=host, port=port)
    with contests as running:
        if ready is not None:
            ready(running)
        Alarm().wait()
