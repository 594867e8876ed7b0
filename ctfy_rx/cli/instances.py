"""An instance on the screen, as soon as it is ready."""

from __future__ import annotations

import msgspec

from ctfy_rx import events
from ctfy_rx.cli.screen import Screen
from ctfy_rx.cli.settings import Target
from ctfy_rx.text.printable import json_safe, plain

__all__ = ["show_when_ready"]


def show_when_ready(
    target: Target, instance_id: str, screen: Screen, *, seconds: float, as_json: bool
) -> None:
    """Wait for it, for `seconds` at most, and show where it listens.

    Raises what `Box.ready` fails with.
    """
    # An API token hears no events, but may look: then it looks now and then.
    with events(target.url, token=target.token or "", anonymous_ok=True) as stream:
        found = stream.instance(instance_id).ready(timeout=seconds).wait()
    if as_json:
        screen.show(json_safe(msgspec.json.encode(found).decode()))
        return
    for service in found.services:
        screen.show(plain(str(service)))
    if not found.services:
        screen.say("it is ready, and listens nowhere")
