"""A bell for the organiser: rings the terminal when something breaks, and keeps the leader in sight.

    CTFY_PLATFORM_URL=http://127.0.0.1:8100 CTFY_TOKEN=pt_... python bell.py

The token is an administrator's. An ssh session, a tmux window or a phone with a terminal is enough.
"""

import sys

import ctfy_rx

RINGS = {"node_unhealthy", "instance_error", "task_failed", "ops_failed", "stream_gap"}


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")  # in one piece: callbacks run on several threads, and print() writes two
    sys.stdout.flush()


def alert(event: ctfy_rx.Event) -> None:
    bell = "\a" if event.event in RINGS else ""
    fields = {name: value for name, value in event.data.items() if value and not name.startswith("actor_")}
    say(f"{bell}{event.at.astimezone():%H:%M:%S} {event.event} {fields!r}")


def leader(board: ctfy_rx.Scoreboard) -> None:
    if board.standings:
        first = board.standings[0]
        say(f"{board.fetched_at.astimezone():%H:%M:%S} leads: {first.team_name!r}, {first.score}")


def main() -> None:
    with ctfy_rx.events() as stream:
        stream.status.subscribe(lambda status: say(f"[{status}]"))
        stream.alerts().subscribe(alert)
        # With what to do on an error: a board that cannot be had ends no bell.
        stream.scoreboard().subscribe(leader, lambda error: say(str(error)))
        stream.rate(60, every=60).subscribe(lambda rate: say(f"{rate:.1f} events/s"))
        stream.wait()


if __name__ == "__main__":
    main()
