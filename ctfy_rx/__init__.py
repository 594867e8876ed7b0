"""A CTF platform's event stream as an Observable.

::

     bytes ──► Frame ──► Event ──► derived streams ──► consumers
     connection  sse     event     operators, stream   callback · for · async for · notebook · shell
         ▲                             │
         └───────── reconnect ◄────────┘               the state of the connection: `stream.status`

>>> import ctfy_rx
>>> stream = ctfy_rx.events("http://localhost:8100", token="pt_secret")
>>> stream.status  # nothing is opened yet
<Status: idle: the first subscriber opens the connection>
>>> stream.close()
"""

from ctfy_rx import operators
from ctfy_rx.catalogue import Payload
from ctfy_rx.connection import Frames, frames
from ctfy_rx.errors import (
    BadRedirect,
    CertificateRejected,
    ConfigurationError,
    ConnectionFailed,
    ConnectionTimedOut,
    CtfyRxError,
    FrameTooLarge,
    HttpError,
    LoopClosed,
    MissingExtra,
    NotAnEventStream,
    StreamClosed,
    TokenRefused,
    TooManyStreams,
)
from ctfy_rx.event import Event
from ctfy_rx.iterators import to_async_iter, to_iter
from ctfy_rx.reconnect import is_transient
from ctfy_rx.sse import Frame, FrameDecoder
from ctfy_rx.status import Closed, Connecting, Dropped, Gap, Idle, Open, Status, Waiting
from ctfy_rx.stream import EventStream, events

__version__ = "0.1.0"

__all__ = [
    "BadRedirect",
    "CertificateRejected",
    "Closed",
    "ConfigurationError",
    "Connecting",
    "ConnectionFailed",
    "ConnectionTimedOut",
    "CtfyRxError",
    "Dropped",
    "Event",
    "EventStream",
    "Frame",
    "FrameDecoder",
    "FrameTooLarge",
    "Frames",
    "Gap",
    "HttpError",
    "Idle",
    "LoopClosed",
    "MissingExtra",
    "NotAnEventStream",
    "Open",
    "Payload",
    "Status",
    "StreamClosed",
    "TokenRefused",
    "TooManyStreams",
    "Waiting",
    "events",
    "frames",
    "is_transient",
    "operators",
    "to_async_iter",
    "to_iter",
]
