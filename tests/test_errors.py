"""The errors: one tree, complete, each with what a program needs to act on it."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest

import ctfy_rx
from ctfy_rx import errors
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
from ctfy_rx.reconnect import is_transient

HTTP: dict[str, Any] = {"headers": {"x": "1"}, "body": "because", "retry_after": 2.0}

ERRORS: list[tuple[CtfyRxError, bool]] = [
    (CtfyRxError("x"), False),
    (ConfigurationError("x"), False),
    (MissingExtra("demo", "The demo platform"), False),
    (ConnectionFailed("x"), True),
    (ConnectionTimedOut("x"), True),
    (CertificateRejected("x"), False),
    (BrokerRefused("x"), False),
    (HttpError("x", status=400, **HTTP), False),
    (HttpError("x", status=404, **HTTP), False),
    (HttpError("x", status=408, **HTTP), True),
    (HttpError("x", status=410, **HTTP), False),
    (HttpError("x", status=418, **HTTP), False),
    (HttpError("x", status=425, **HTTP), True),
    (HttpError("x", status=429, **HTTP), True),
    (HttpError("x", status=500, **HTTP), True),
    (HttpError("x", status=503, **HTTP), True),
    (TokenRefused("x", status=401, **HTTP), False),
    (TokenRefused("x", status=403, **HTTP), False),
    (TooManyStreams("x", status=429, **HTTP), True),
    (BadRedirect("x", status=302, **HTTP), False),
    (NotAnEventStream("x", status=200, **HTTP), False),
    (NotAnEventStream("x", status=204, **HTTP), False),
    (LogUnavailable("x", status=403, **HTTP), False),
    (FrameTooLarge(10, ["frame"]), False),
    (BufferOverflow(10), False),
    (NeedsAdmin("x"), False),
    (InstanceFailed("7", "stopped"), False),
    (LogShifted("x"), True),
    (LoopClosed("x"), False),
    (BadRecording("x"), False),
    (RecordingFailed("x"), False),
    (StreamClosed("x"), False),
]


def pickled(error: CtfyRxError) -> Any:
    return pickle.loads(pickle.dumps(error))


def name(value: object) -> str | None:
    return f"{type(value).__name__}-{getattr(value, 'status', '')}" if isinstance(value, Exception) else None


@pytest.mark.parametrize(("error", "transient"), ERRORS, ids=name)
def test_only_what_may_be_gone_at_the_next_attempt_is_transient(error: Exception, transient: bool) -> None:
    assert is_transient(error) is transient


@pytest.mark.parametrize("error", [OSError("x"), ConnectionResetError("x"), TimeoutError("x")])
def test_the_operating_systems_errors_are_transient(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), RuntimeError("x"), StopIteration()])
def test_an_error_of_a_program_is_not(error: Exception) -> None:
    assert not is_transient(error)


def test_each_error_of_the_tree_is_in_the_table_above() -> None:
    assert {type(error).__name__ for error, _ in ERRORS} == set(errors.__all__)


def test_the_tree_drawn_at_the_top_is_the_tree() -> None:
    drawn: list[tuple[str, str]] = []
    parents = ["Exception"]
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"( {4}(?:[│ ] {3})*)(├── |└── )?([A-Z]\w+)(?: {2,}|$)", line):
            depth = (len(found[1]) - 4) // 4 + (1 if found[2] else 0)
            drawn.append((found[3], parents[depth]))
            parents[depth + 1 :] = [found[3]]
    actual = [(kind, getattr(errors, kind).__bases__[0].__name__) for kind in errors.__all__]
    assert sorted(drawn) == sorted(actual)


def test_all_names_every_error_and_the_package_exports_it() -> None:
    kinds = {kind: value for kind, value in vars(errors).items() if isinstance(value, type)}
    own = {kind for kind, value in kinds.items() if issubclass(value, CtfyRxError)}
    assert own == set(errors.__all__)
    assert own <= set(dir(ctfy_rx))


@pytest.mark.parametrize(("error", "_"), ERRORS, ids=name)
@pytest.mark.parametrize("way", [copy.copy, pickled], ids=["copy", "pickle"])
def test_an_error_survives_copying_and_pickling(error: CtfyRxError, _: bool, way: Any) -> None:
    other = way(error)
    assert type(other) is type(error)
    assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))


def test_an_http_error_holds_what_the_server_said() -> None:
    error = HttpError("x", status=503, **HTTP)
    assert (error.status, error.headers, error.body, error.retry_after) == (503, {"x": "1"}, "because", 2.0)


def test_a_configuration_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="x"):
        raise ConfigurationError("x")


def test_a_missing_extra_is_an_import_error_that_says_what_to_install() -> None:
    with pytest.raises(ImportError, match=re.escape('pip install "ctfy-rx[cli]"')):
        raise MissingExtra("cli", "The command line")
