"""Every error of ctfy_rx, so that one ``except CtfyRxError`` catches them all.

::

    CtfyRxError
    ├── ConfigurationError          the call cannot work as it was written (also a ValueError)
    ├── MissingExtra                an optional package is not installed (also an ImportError)
    ├── ConnectionFailed            no connection, or it broke          (transient)
    │   ├── ConnectionTimedOut      nothing was heard for too long      (transient)
    │   └── CertificateRejected     the server's certificate is not trusted
    ├── BrokerRefused               the message broker does not allow what was asked of it
    ├── HttpError                   the server answered, but not with an event stream
    │   ├── TokenRefused            401, 403
    │   ├── TooManyStreams          429 of a caller with too many open streams
    │   ├── LogUnavailable          the activity log cannot be read, which ``since=`` or ``log=True`` needs
    │   ├── BadRedirect             a redirect that leads nowhere, or round in circles
    │   └── NotAnEventStream        2xx without ``text/event-stream``
    ├── FrameTooLarge               one frame exceeds ``max_frame_bytes``
    ├── BufferOverflow              a consumer is too slow, and its buffer is not to drop anything
    ├── NeedsAdmin                  only an administrator's token hears what was asked for
    ├── InstanceFailed              an instance that was waited for failed or was stopped
    ├── LogShifted                  the activity log changed while it was read  (transient)
    ├── LoopClosed                  the event loop that drove the stream has ended
    ├── BadRecording                a file is no recording, or is damaged
    ├── RecordingFailed             a recording cannot be written, or not any further
    └── StreamClosed                the stream was closed

*Transient* errors are worth another attempt, see `ctfy_rx.is_transient`. No error ever holds a token: URLs
are cut down to scheme, host, port and path before they get here, what a server said is searched for it, and
httpx's own errors, which hold the request, are not chained.
"""

# ruff: noqa: N818  # they are named after what happened

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "BadRecording",
    "BadRedirect",
    "BrokerRefused",
    "BufferOverflow",
    "CertificateRejected",
    "ConfigurationError",
    "ConnectionFailed",
    "ConnectionTimedOut",
    "CtfyRxError",
    "FrameTooLarge",
    "HttpError",
    "InstanceFailed",
    "LogShifted",
    "LogUnavailable",
    "LoopClosed",
    "MissingExtra",
    "NeedsAdmin",
    "NotAnEventStream",
    "RecordingFailed",
    "StreamClosed",
    "TokenRefused",
    "TooManyStreams",
]


class CtfyRxError(Exception):
    """Base of all errors of ctfy_rx. They can be pickled, and so cross from one process to another."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args), self.__dict__


def _restored(kind: type[CtfyRxError], args: tuple[Any, ...]) -> CtfyRxError:
    return kind.__new__(kind, *args)  # as it was: without __init__, whose parameters are others


class ConfigurationError(CtfyRxError, ValueError):
    """The call cannot work as it was written; the text says what to write."""


class MissingExtra(CtfyRxError, ImportError):
    """An optional package is not installed.

    >>> print(MissingExtra("demo", "The demo platform"))
    The demo platform needs an extra: pip install "ctfy-rx[demo]"
    """

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f'{purpose} needs an extra: pip install "ctfy-rx[{extra}]"')
        self.extra = extra


class ConnectionFailed(CtfyRxError):
    """There is no connection, or it broke off."""


class ConnectionTimedOut(ConnectionFailed):
    """The peer did not answer, or too slowly, or no byte came for `idle_timeout` seconds."""


class CertificateRejected(ConnectionFailed):
    """The server's TLS certificate is not trusted."""


class BrokerRefused(CtfyRxError):
    """The message broker lets this user not in, or not do what was asked."""


class HttpError(CtfyRxError):
    """The server answered, but not with an event stream.

    Holds the `status`, the response's `headers` (names in lower case), the beginning of its `body` as text,
    and `retry_after` in seconds where the server named one.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.body = body
        self.retry_after = retry_after


class TokenRefused(HttpError):
    """The server does not accept the token (401, 403)."""


class TooManyStreams(HttpError):
    """This caller holds as many open streams as the server allows (429 ``too_many_streams``)."""


class LogUnavailable(HttpError):
    """The platform's activity log cannot be read with this token, and ``since=`` or ``log=True`` needs it.

    `status` is 0 where nothing was asked, for want of a token or of a platform.
    """


class BadRedirect(HttpError):
    """A redirect without a usable target, or more redirects than a server in order needs."""


class NotAnEventStream(HttpError):
    """The server answered with success, but with something else than ``text/event-stream``."""


class FrameTooLarge(CtfyRxError):
    """One frame exceeds `max_frame_bytes`; `frames` holds those that were complete before it."""

    def __init__(self, max_frame_bytes: int, frames: Sequence[Any] = ()) -> None:
        super().__init__(
            f"a frame exceeds {max_frame_bytes} bytes: "
            "raise max_frame_bytes if the server really sends such frames"
        )
        self.max_frame_bytes = max_frame_bytes
        self.frames = list(frames)


class BufferOverflow(CtfyRxError):
    """More than `size` items wait for a slow consumer, and its buffer is not to drop any."""

    def __init__(self, size: int) -> None:
        super().__init__(
            f"{size} items wait for a consumer that is too slow: make it faster, raise buffer=, "
            "or let it drop some with policy='drop_oldest'"
        )
        self.size = size


class NeedsAdmin(CtfyRxError):
    """Only an administrator's token hears what was asked for; the text says what to do without one."""


class InstanceFailed(CtfyRxError):
    """An instance that was waited for will not become ready: it failed, or it was stopped."""

    def __init__(self, instance_id: str, status: str) -> None:
        super().__init__(f"the instance {instance_id} will not become ready: its status is {status}")
        self.instance_id = instance_id
        self.status = status


class LogShifted(CtfyRxError):
    """The activity log changed while it was read, time and again; it is read once more."""


class LoopClosed(CtfyRxError):
    """The event loop that drove the stream has ended, and the connection with it."""


class BadRecording(CtfyRxError):
    """A file is no recording, or is damaged in its middle. A torn end is no error."""


class RecordingFailed(CtfyRxError):
    """A recording cannot be written, or not any further; what was written is whole lines, and can be read."""


class StreamClosed(CtfyRxError):
    """The stream was closed, or ended before what was awaited came."""
