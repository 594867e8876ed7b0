"""Announces first bloods, in a chat if WEBHOOK is set, and goes on where it stopped when it is started again.

    CTFY_PLATFORM_URL=http://127.0.0.1:8100 CTFY_TOKEN=pt_... python first_blood_bot.py

The token is an administrator's. The file `first_blood.cursor` keeps the place: after each message the cursor
of its event, so that none is repeated, and none is lost while the bot is away.
"""

import os
from pathlib import Path

import httpx

import ctfy_rx

PLACE = Path("first_blood.cursor")


def say(event: ctfy_rx.Event) -> None:
    text = f"{event.team_name} drew first blood on {event.challenge_name}"
    print(text, flush=True)
    if webhook := os.environ.get("WEBHOOK"):
        message = {"content": text, "allowed_mentions": {"parse": []}}  # names are hostile: @everyone
        httpx.post(webhook, json=message, timeout=10).raise_for_status()


def keep(cursor: str) -> None:
    part = PLACE.with_suffix(".part")
    part.write_text(cursor)
    part.replace(PLACE)  # at once: whenever it is killed, one of the two is there, whole


def main() -> None:
    since = PLACE.read_text() if PLACE.exists() else None
    with ctfy_rx.events(since=since) as stream:
        stream.status.subscribe(lambda status: print(f"[{status}]", flush=True))
        for event in stream.first_bloods():
            say(event)
            if event.cursor:
                keep(event.cursor)


if __name__ == "__main__":
    main()
