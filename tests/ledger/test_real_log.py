"""Rows of the real platform: what its frames held, and what a ledger makes of them."""

from __future__ import annotations

from collections import Counter

import httpx

from ctfy_rx.catalogue import STORED
from ctfy_rx.event import Event
from ctfy_rx.ledger import Cursor, Ledger
from ctfy_rx.sse import FrameDecoder

from ..support.contests import Contest
from ..support.platforms import RealPlatform

ANSWERS = 6


def test_rows_of_the_real_platform_are_the_events_of_its_frames(real: RealPlatform, real_contest: Contest):
    with httpx.Client(base_url=f"{real.url}/api/v1") as client:
        before = Cursor.after(rows(client, real))
        live = frames_of_some_answers(client, real, real_contest.fresh_challenge())
        logged = Ledger(before).accept(rows(client, real))
    assert len(logged) >= ANSWERS
    assert Counter(map(content, live)) == Counter(map(content, logged))
    assert {event.team_name for event in logged} == {player.team_name for player in real.players[:2]}
    assert [event.log_id for event in logged] == sorted({event.log_id or 0 for event in logged})


def rows(client: httpx.Client, platform: RealPlatform) -> list[Event]:
    page = client.get(
        "/admin/activities",
        params={"limit": 1000},
        headers={"Authorization": f"Bearer {platform.admin_token}"},
    )
    return [Event.from_row(item, received=0.0) for item in page.json()["items"]]


def frames_of_some_answers(client: httpx.Client, platform: RealPlatform, challenge: int) -> list[Event]:
    """The frames of stored events that the answers of two players cause."""
    decoder, events = FrameDecoder(), []
    with client.stream("GET", "/events", params={"token": platform.admin_token}) as stream:
        for chunk in stream.iter_bytes():
            if chunk.startswith(b": connected"):
                answer(platform, challenge)
            events += [Event(frame.event, frame.data) for frame in decoder.feed(chunk)]
            if any(event.event == "announcement_created" for event in events):
                break
    return [event for event in events if event.event in STORED]


def answer(platform: RealPlatform, challenge: int) -> None:
    for player in (0, 1):
        platform.wrong(player, challenge)
        platform.wrong(player, challenge)
        platform.solve(player, challenge)
    platform.announce("the last frame")


def content(event: Event) -> str:
    """An event without `localized`, which only frames have."""
    data = {name: value for name, value in event.data.items() if name != "localized"}
    return f"{event.event} {sorted(data.items(), key=str)}"
