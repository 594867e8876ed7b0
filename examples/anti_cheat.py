"""Watches for answers that were made for another team, and for teams that guess; then shows the evidence.

    CTFY_PLATFORM_URL=http://127.0.0.1:8100 CTFY_TOKEN=pt_... python anti_cheat.py

The token is an administrator's. What it prints names people who may have done nothing: do not publish it.
"""

import os

import httpx

import ctfy_rx
from ctfy_rx import Burst

PLATFORM, TOKEN = os.environ["CTFY_PLATFORM_URL"], os.environ["CTFY_TOKEN"]


def claimed(instance_id: str) -> list[str]:
    """What was handed in to an instance, word for word."""
    path = f"/api/v1/admin/instance-records/{instance_id}/submissions"
    answer = httpx.get(f"{PLATFORM}{path}", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
    items = answer.raise_for_status().json()["items"]
    return [f"{item['submitted_at']} {item['claimed_flag']!r}" for item in items if not item["correct"]]


def report(what: str, instance_id: str | None) -> None:
    print(what, *(claimed(instance_id) if instance_id else ["(a quiz)"]), sep="\n    ", flush=True)


def main() -> None:
    with ctfy_rx.events(PLATFORM, token=TOKEN) as stream:
        teams = stream.names  # who is who, kept up to date while somebody listens to events with names

        def shared(event: ctfy_rx.Event) -> None:
            owners = ", ".join(teams.directory.teams.get(team, team) for team in event.data["team_ids"])
            what = f"{event.team_name} gave an answer to {event.challenge_name} that was made for {owners}"
            report(what, event.data.get("instance_id"))

        def guessed(burst: Burst) -> None:
            what = f"{burst.team_name} gave {len(burst.events)} wrong answers since {burst.began:%H:%M:%S}"
            report(what, burst.events[-1].data.get("instance_id"))

        stream.shared_flags().subscribe(shared)
        stream.burst(5, within=60).subscribe(guessed)
        stream.wait()


if __name__ == "__main__":
    main()
