"""The TLS context of our clients: what `verify` and `cert` say, made when the first TLS connection is."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Self, cast

import httpx
from typing_extensions import override

from ctfy_rx.errors import ConfigurationError

__all__ = ["LazyContext", "tls_context"]


def tls_context(verify: object = True, cert: object = None, *, trust_env: bool = True) -> ssl.SSLContext:
    """The context for httpx's `verify` (True, False, a context, the path of a file or folder of authorities)
    and `cert` (a path, or a tuple of those of certificate and key, and the password).

    Raises `ConfigurationError`, which names what cannot be used, and where it was set.

    >>> tls_context("missing.pem")
    Traceback (most recent call last):
    ctfy_rx.errors.ConfigurationError: verify='missing.pem' cannot be used: No such file or directory
    """
    context = _trusting(verify, trust_env=trust_env)
    if cert:
        _prove_by(context, cert)
    return context


def _trusting(verify: object, *, trust_env: bool) -> ssl.SSLContext:
    if isinstance(verify, ssl.SSLContext):
        return verify
    if verify is True or verify is None:
        return _trusting_by_default(trust_env=trust_env)
    if verify is False:
        return httpx.create_ssl_context(verify=False)
    if not isinstance(verify, (str, os.PathLike)):
        raise ConfigurationError("verify must be True, False, a path, or an ssl.SSLContext")
    path = os.fspath(cast("str | os.PathLike[str]", verify))
    return _loaded(path, f"verify={path!r}")


def _trusting_by_default(*, trust_env: bool) -> ssl.SSLContext:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if trust_env else ():
        path = os.environ.get(name)
        if path:
            return _loaded(path, f"{name}={path} of the environment")
    return httpx.create_ssl_context(trust_env=False)


def _loaded(path: str, named: str) -> ssl.SSLContext:
    # httpx calls a path deprecated, and then leaves `cert` out.
    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:  # as an OSError it would pass for a lost connection
        raise ConfigurationError(f"{named} cannot be used: {_reason(error)}") from None


def _prove_by(context: ssl.SSLContext, cert: object) -> None:
    if not isinstance(cert, (str, os.PathLike, tuple, list)):
        raise ConfigurationError("cert must be a path, or a tuple of those of certificate and key")
    parts: list[Any] = [*cast("list[Any]", cert)] if isinstance(cert, (tuple, list)) else [cert]
    parts += [None, None]
    chain, key, password = parts[:3]
    try:
        # Without a password OpenSSL would ask the terminal for that of an encrypted key.
        context.load_cert_chain(chain, key, password or (lambda: ""))
    except (OSError, TypeError, ValueError) as error:
        shown = chain if key is None else f"{chain}, {key}"
        raise ConfigurationError(f"cert= ({shown}) cannot be used: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "it holds no certificate, or key, that can be read"
    return getattr(error, "strerror", None) or str(error)


class LazyContext(ssl.SSLContext):
    """Makes its context when it is needed: it takes 20 ms, and what is wrong with it concerns nobody who
    speaks plain HTTP."""

    def __new__(cls, make: Callable[[], ssl.SSLContext]) -> Self:
        """An empty one, which nobody asks."""
        del make
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, make: Callable[[], ssl.SSLContext]) -> None:
        self._make = make
        self._protocols: Any = ()

    @cached_property
    def made(self) -> ssl.SSLContext:
        """The real one. Raises what `make` raises."""
        return self._make()

    @override
    def set_alpn_protocols(self, alpn_protocols: Any) -> None:
        self._protocols = alpn_protocols

    @override
    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        return self._ready().wrap_socket(*args, **options)

    @override
    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        return self._ready().wrap_bio(*args, **options)

    def _ready(self) -> ssl.SSLContext:
        if self._protocols:
            self.made.set_alpn_protocols(self._protocols)
        return self.made
