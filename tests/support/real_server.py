"""A real ctfy server that can be killed and started again: ``python real_server.py CONFIG.json``.

`ctfy.loadtest.serve_main` seeds a new database each time; this does so once, and reopens it after that.
Running instances live in the server's memory, so they are started anew, under new ids.

What no player can bring about at once (a node that breaks, a flag that was made for another team) is emitted
by the platform's own code, for each line of JSON on standard input.
"""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ctfy.core.config import CtfyConfig
from ctfy.core.state import create_backend
from ctfy.loadtest.seed import SeededPlayer, SeedResult, SeedSpec, seed_instances
from ctfy.loadtest.server import SeededServer, build_seeded_app, quiet_logging, serve
from ctfy.server.app import create_platform_app
from ctfy.server.event_payloads import EventPayload
from ctfy.server.events import emit_event
from pydantic import SecretStr


def reopen(spec: SeedSpec, home: Path, known: dict[str, Any]) -> SeededServer:
    """The server over the database that an earlier one left in `home`."""
    quiet_logging()
    config = CtfyConfig(
        project_root=home,
        challenges_dir=home / "challenges",
        instance_archive_dir=home / "archive",
        db_path=str(home / "platform.sqlite3"),
        rate_limiting_enabled=False,
        secret_key=SecretStr("loadtest-secret-key-not-for-production"),
    )
    backend = create_backend(config.db_path)
    players = tuple(SeededPlayer.from_dict(player) for player in known["players"])
    result = SeedResult(
        competition_id=known["competition_id"],
        challenge_ids=tuple(known["challenge_ids"]),
        players=players,
        admin_token=known["admin_token"],
    )
    result = seed_instances(backend, result, spec)
    app = create_platform_app(config, backend=backend)
    quiet_logging()
    return SeededServer(app=app, seed=result, config=config, backend=backend, work_dir=home)


def emit_what_is_asked_for(app_state: Any) -> None:
    """Emit an event for each line of standard input, until it ends."""
    kinds = {kind.EVENT.value: kind for kind in EventPayload.__subclasses__()}
    for line in sys.stdin:
        asked = json.loads(line)
        emit_event(
            app_state,
            kinds[asked["event"]](**asked["fields"]),
            actor_id=asked["actor_id"],
            actor_name=asked["actor_id"],
            actor_type="system",
            admin_only=asked["admin_only"],
        )


def main(config: dict[str, Any]) -> None:
    """Serve until killed; `manifest` is complete once it is there."""
    spec, home, manifest = SeedSpec(**config["spec"]), Path(config["home"]), Path(config["manifest"])
    before = home / "seeded.json"
    if before.exists():
        server = reopen(spec, home, json.loads(before.read_text()))
    else:
        server = build_seeded_app(spec, work_dir=home)
    seed = asdict(server.seed)
    seed["players"] = [player.as_dict() for player in server.seed.players]
    before.write_text(json.dumps(seed))
    manifest.with_suffix(".part").write_text(json.dumps(seed))
    manifest.with_suffix(".part").replace(manifest)
    threading.Thread(target=emit_what_is_asked_for, args=(server.app.state.ctfy,), daemon=True).start()
    serve(server, port=config["port"])


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
