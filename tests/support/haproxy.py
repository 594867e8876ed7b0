"""A real HAProxy before a platform."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from .daemons import Daemon, program
from .ports import own_port

CONFIG = """
global
    maxconn 256
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server {patience}
frontend all
    bind 127.0.0.1:{port}
    default_backend platform
backend platform
    {settings}
    server one {upstream}
"""


class Haproxy(Daemon):
    """Passes everything on to `upstream`, with `settings` for its backend; a server that is silent for
    `patience` is left."""

    def __init__(self, home: Path, upstream: str, settings: str = "", *, patience: str = "60s") -> None:
        config = home / "haproxy.cfg"
        super().__init__(home, own_port(), [program("haproxy", "haproxy"), "-db", "-f", str(config)])
        self.url = f"http://127.0.0.1:{self.port}"
        config.write_text(
            CONFIG.format(
                port=self.port, upstream=urlsplit(upstream).netloc, settings=settings, patience=patience
            )
        )
