"""A real nginx before a platform: a child process on a port of its own, with all its files in one folder."""

from __future__ import annotations

from pathlib import Path

from .daemons import Daemon, program
from .ports import own_port
from .servers import authority

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


class Nginx(Daemon):
    """Passes everything on to `upstream` by HTTP version `http`, with `settings` for its location; with TLS,
    and then HTTP/2 too."""

    def __init__(
        self, home: Path, upstream: str, settings: str = "", *, http: str = "1.1", tls: bool = False
    ) -> None:
        config = home / "nginx.conf"
        command = [program("nginx", "nginx-light"), "-p", str(home), "-c", str(config), "-e", "stderr"]
        super().__init__(home, own_port(), command)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        if tls:
            authority().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
                str(home / "server.pem")
            )
        config.write_text(
            CONFIG.format(
                home=home,
                port=self.port,
                upstream=upstream,
                settings=settings,
                http=http,
                tls=TLS.format(home=home) if tls else "",
            )
        )

    @property
    def requests(self) -> list[str]:
        """Protocol, method, path and status of each request that is over."""
        return (self.home / "access.log").read_text().splitlines()
