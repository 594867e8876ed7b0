"""One connection to the platform, any number of machines that hear it: a relay over NATS JetStream."""

from ctfy_rx.relay.consuming import from_nats
from ctfy_rx.relay.journal import Limits
from ctfy_rx.relay.public import PUBLIC
from ctfy_rx.relay.publishing import Relay, RelayStats, SignalsDropped
from ctfy_rx.relay.serving import Server
from ctfy_rx.relay.sources import NatsSource, PlatformSource

__all__ = [
    "PUBLIC",
    "Limits",
    "NatsSource",
    "PlatformSource",
    "Relay",
    "RelayStats",
    "Server",
    "SignalsDropped",
    "from_nats",
]
