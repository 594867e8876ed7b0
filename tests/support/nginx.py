"""A real nginx before a platform: a child process on a port of its own, with all its files in one folder."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from .ports import own_port
from .servers import authority
from .waiting import PATIENCE

CONFIG = """
daemon off;
master_process off;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 256; }}
http {{
    log_format protocol "$server_protocol $request_method $uri $status";
    access_log {home}/access.log protocol;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    server {{
        listen 127.0.0.1:{port}{tls};
        location / {{
            proxy_pass {upstream};
            proxy_http_version {http};
            proxy_set_header Connection "";
            {settings}
        }}
    }}
}}
"""

TLS = """ ssl http2;
        ssl_certificate {home}/server.pem;
        ssl_certificate_key {home}/server.pem"""


class Nginx:
    """Passes everything on to `upstream` by HTTP version `http`, with `settings` for its location; with TLS,
    and then HTTP/2 too."""

    def __init__(
        self, home: Path, upstream: str, settings: str = "", *, http: str = "1.1", tls: bool = False
    ) -> None:
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        port = own_port()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        self._address = ("127.0.0.1", port)
        if tls:
            authority().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
                str(home / "server.pem")
            )
        (home / "nginx.conf").write_text(
            CONFIG.format(
                home=home,
                port=port,
                upstream=upstream,
                settings=settings,
                http=http,
                tls=TLS.format(home=home) if tls else "",
            )
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def requests(self) -> list[str]:
        """Protocol, method, path and status of each request that is over."""
        return (self._home / "access.log").read_text().splitlines()

    def start(self) -> None:
        """Start it; returns when it accepts connections."""
        command = [_program(), "-p", str(self._home), "-c", str(self._home / "nginx.conf"), "-e", "stderr"]
        with (self._home / "output.log").open("ab") as output:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(self._address).close()
            except OSError:
                time.sleep(0.01)
            else:
                return
        raise RuntimeError(f"nginx did not start: {(self._home / 'output.log').read_text()[-2000:]}")

    def kill(self) -> None:
        """End it at once; what it had open breaks off."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _program() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/local/bin")
    if found is None:
        raise RuntimeError("these tests need nginx: apt-get install nginx-light (or brew install nginx)")
    return found
