"""A relay in a process of its own, to be killed: ``python relay_program.py PLATFORM BROKERS``."""

from __future__ import annotations

import asyncio
import os
import sys

from ctfy_rx.relay import Limits, Relay

QUICK = {"initial": 0.05, "maximum": 0.3}


async def main(url: str, brokers: str) -> None:
    relay = Relay(
        url,
        to=brokers,
        token=os.environ["RELAY_TOKEN"],
        limits=Limits(replicas=3),
        nats={"connect_timeout": 2},
        **QUICK,
    )
    relay.status.subscribe(lambda status: sys.stderr.write(f"broker: {status}\n"))
    relay.upstream.subscribe(lambda status: sys.stderr.write(f"platform: {status}\n"))
    await relay.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
