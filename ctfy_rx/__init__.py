"""A CTF platform's event stream as an Observable.

::

     bytes ──► Frame ──► Event ──► derived streams ──► consumers
     connection  sse     event     operators, stream   callback · for · async for · notebook · shell
         ▲                             │
         └───────── reconnect ◄────────┘               the state of the connection: `stream.status`

>>> import ctfy_rx
>>> stream = ctfy_rx.events("http://127.0.0.1:8100", token="pt_secret")
>>> stream.status  # nothing is opened yet
<Status: idle: the first subscriber opens the connection>
>>> stream.close()
"""

import importlib
import typing

from ctfy_rx.version import __version__ as __version__

if typing.TYPE_CHECKING:
    from ctfy_rx import operators
    from ctfy_rx.catalogue import Payload
    from ctfy_rx.connection.frames import Frames, frames
    from ctfy_rx.contest.values import Instance, Scoreboard, Service, Standing
    from ctfy_rx.delivery.clock import Clock
    from ctfy_rx.delivery.iterators import to_async_iter, to_iter
    from ctfy_rx.errors import (
        BadRecording,
        BadRedirect,
        BrokerRefused,
        BufferOverflow,
        CertificateRejected,
        ConfigurationError,
        ConnectionFailed,
        ConnectionTimedOut,
        CtfyRxError,
        FrameTooLarge,
        HttpError,
        InstanceFailed,
        LogShifted,
        LogUnavailable,
        LoopClosed,
        MissingExtra,
        NeedsAdmin,
        NotAnEventStream,
        RecordingFailed,
        StreamClosed,
        TokenRefused,
        TooManyStreams,
    )
    from ctfy_rx.event import Event
    from ctfy_rx.operators.suspicion import Burst
    from ctfy_rx.reconnect import is_transient
    from ctfy_rx.recording.recording import Recording
    from ctfy_rx.recording.table import Events
    from ctfy_rx.relay import from_nats
    from ctfy_rx.sse import Frame, FrameDecoder
    from ctfy_rx.stats import Stats
    from ctfy_rx.status import (
        Closed,
        Connecting,
        Dropped,
        Gap,
        Idle,
        Lagging,
        Late,
        NoContest,
        Open,
        Status,
        SubscriberFailed,
        Waiting,
    )
    from ctfy_rx.stream.events import events
    from ctfy_rx.stream.history import history
    from ctfy_rx.stream.replay import replay
    from ctfy_rx.stream.stream import EventStream

__all__ = [
    "BadRecording",
    "BadRedirect",
    "BrokerRefused",
    "BufferOverflow",
    "Burst",
    "CertificateRejected",
    "Clock",
    "Closed",
    "ConfigurationError",
    "Connecting",
    "ConnectionFailed",
    "ConnectionTimedOut",
    "CtfyRxError",
    "Dropped",
    "Event",
    "EventStream",
    "Events",
    "Frame",
    "FrameDecoder",
    "FrameTooLarge",
    "Frames",
    "Gap",
    "HttpError",
    "Idle",
    "Instance",
    "InstanceFailed",
    "Lagging",
    "Late",
    "LogShifted",
    "LogUnavailable",
    "LoopClosed",
    "MissingExtra",
    "NeedsAdmin",
    "NoContest",
    "NotAnEventStream",
    "Open",
    "Payload",
    "Recording",
    "RecordingFailed",
    "Scoreboard",
    "Service",
    "Standing",
    "Stats",
    "Status",
    "StreamClosed",
    "SubscriberFailed",
    "TokenRefused",
    "TooManyStreams",
    "Waiting",
    "events",
    "frames",
    "from_nats",
    "history",
    "is_transient",
    "operators",
    "replay",
    "to_async_iter",
    "to_iter",
]


_HOMES = {
    "ctfy_rx.catalogue": "Payload",
    "ctfy_rx.connection.frames": "Frames frames",
    "ctfy_rx.contest.values": "Instance Scoreboard Service Standing",
    "ctfy_rx.delivery.clock": "Clock",
    "ctfy_rx.delivery.iterators": "to_async_iter to_iter",
    "ctfy_rx.errors": (
        "BadRecording BadRedirect BrokerRefused BufferOverflow CertificateRejected ConfigurationError "
        "ConnectionFailed ConnectionTimedOut CtfyRxError FrameTooLarge HttpError InstanceFailed "
        "LogShifted LogUnavailable LoopClosed MissingExtra NeedsAdmin NotAnEventStream RecordingFailed "
        "StreamClosed TokenRefused TooManyStreams"
    ),
    "ctfy_rx.event": "Event",
    "ctfy_rx.operators.suspicion": "Burst",
    "ctfy_rx.reconnect": "is_transient",
    "ctfy_rx.recording.recording": "Recording",
    "ctfy_rx.recording.table": "Events",
    "ctfy_rx.sse": "Frame FrameDecoder",
    "ctfy_rx.stats": "Stats",
    "ctfy_rx.status": (
        "Closed Connecting Dropped Gap Idle Lagging Late NoContest Open Status SubscriberFailed Waiting"
    ),
    "ctfy_rx.stream.events": "events",
    "ctfy_rx.stream.history": "history",
    "ctfy_rx.stream.replay": "replay",
    "ctfy_rx.stream.stream": "EventStream",
    "ctfy_rx.relay": "from_nats",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

if not typing.TYPE_CHECKING:  # checkers have the imports above, and would take any name for one of ours

    def __getattr__(name: str) -> typing.Any:
        # PEP 562: what is used is loaded, when it is. Whoever has installed the package for its decoder, its
        # pytest fixture or its command line does not wait for all the rest.
        if name in _HOME_OF:
            value = globals()[name] = getattr(importlib.import_module(_HOME_OF[name]), name)
            return value
        module = f"{__name__}.{name}"
        if not name.startswith("_"):
            try:
                return importlib.import_module(module)
            except ModuleNotFoundError as error:
                if error.name != module:
                    raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
