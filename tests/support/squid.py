"""A real Squid, by which a client reaches a platform."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import mkdtemp

from typing_extensions import override

from .daemons import Daemon, program
from .ports import own_port

CONFIG = """
http_port 127.0.0.1:{port}
pid_filename {home}/squid.pid
cache deny all
cache_log {home}/cache.log
access_log stdio:{home}/access.log
coredump_dir {home}
shutdown_lifetime 0 seconds
http_access {access} all
{user}
"""


class Squid(Daemon):
    """Lets everybody through to everywhere, or, with `allows` False, nobody to anywhere.

    Root's it does not like to be, and whoever it becomes instead must reach its folder.
    """

    def __init__(self, *, allows: bool = True) -> None:
        home = Path(mkdtemp(prefix="squid-"))
        home.chmod(0o777)
        config = home / "squid.conf"
        port = own_port()
        # Its name is that of its shared memory, which is one for the whole machine.
        command = [program("squid", "squid"), "-N", "-n", f"ctfy{port}", "-f", str(config)]
        super().__init__(home, port, command)
        self.url = f"http://127.0.0.1:{self.port}"
        config.write_text(
            CONFIG.format(
                port=self.port,
                home=home,
                access="allow" if allows else "deny",
                user="" if os.getuid() else "cache_effective_user nobody\ncache_effective_group nogroup",
            )
        )

    @override
    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        shutil.rmtree(self.home, ignore_errors=True)
        for segment in Path("/dev/shm").glob(f"ctfy{self.port}-*"):
            segment.unlink()

    @property
    def requests(self) -> str:
        """What it has let through, or not."""
        return (self.home / "access.log").read_text()
