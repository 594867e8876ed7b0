"""How httpx's clients are made, and who is to blame where they cannot be: an option of the call, or a
variable of the environment that somebody else has set."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypedDict, cast, overload
from urllib.request import getproxies

import httpx

from ctfy_rx.connection.tls import LazyContext, tls_context
from ctfy_rx.errors import ConfigurationError

__all__ = ["ClientFactory", "ClientMaker", "ClientOptions"]

ClientFactory = Callable[[], Any]
"""Returns an `httpx.Client` or `httpx.AsyncClient` (or httpx2's), a new one at each call; it is closed for
you."""


class ClientOptions(TypedDict, total=False):
    """What `httpx.Client` takes and is passed on to it: TLS, proxies, HTTP versions."""

    verify: Any
    cert: Any
    proxy: Any
    mounts: Any
    trust_env: bool
    http1: bool
    http2: bool
    limits: Any
    transport: Any


class ClientMaker:
    """Makes a client for each connection, and the TLS context once for all of them, when one is needed.

    >>> ClientMaker({"proxy": "127.0.0.1:3128"}).check(httpx.URL("http://127.0.0.1:8100"))
    Traceback (most recent call last):
    ctfy_rx.errors.ConfigurationError: proxy= is '127.0.0.1:3128', no proxy: write it like http://host:3128
    """

    def __init__(self, options: ClientOptions) -> None:
        self._options: dict[str, Any] = {**options}
        verify, cert = self._options.pop("verify", True), self._options.pop("cert", None)
        trust_env = self._options.get("trust_env", True)
        self._tls = LazyContext(lambda: tls_context(verify, cert, trust_env=trust_env))

    def check(self, url: httpx.URL) -> None:
        """Raise `ConfigurationError` for what cannot work with `url`."""
        for transport in (self._options.get("transport"), *self._mounted()):
            if transport is not None and not _is_transport(transport):
                raise ConfigurationError(
                    "transport=, and each of mounts=, must be a transport of httpx, "
                    f"not {type(transport).__name__}"
                )
        self.client(asynchronous=False)
        if url.scheme == "https":
            _ = self._tls.made

    @overload
    def client(self, *, asynchronous: Literal[False]) -> httpx.Client: ...

    @overload
    def client(self, *, asynchronous: bool) -> httpx.Client | httpx.AsyncClient: ...

    def client(self, *, asynchronous: bool) -> httpx.Client | httpx.AsyncClient:
        """A new client. Raises `ConfigurationError` where httpx refuses to make one."""
        make = httpx.AsyncClient if asynchronous else httpx.Client
        try:
            return make(**self._options, verify=self._tls)
        except Exception as error:  # noqa: BLE001 - InvalidURL, ValueError, ImportError, AttributeError …
            reason = next(self._faults(), f"httpx cannot make a client: {type(error).__name__}")
        raise ConfigurationError(reason)  # not chained: httpx repeats what may be a password

    def _mounted(self) -> list[Any]:
        mounts = self._options.get("mounts")
        return list(cast("dict[str, Any]", mounts).values()) if isinstance(mounts, dict) else []

    def _faults(self) -> Iterator[str]:
        """What is to blame, tried one by one."""
        for name, value in self._options.items():
            if name == "proxy":
                if fault := _fault_of_proxy(value, self._tls):
                    yield f"proxy= {fault}"
            elif name != "trust_env":
                try:
                    httpx.Client(**{name: value}, verify=self._tls, trust_env=False)
                except ImportError as error:
                    yield f"{name}= cannot be used: {error}"
                except Exception:  # noqa: BLE001 - as above
                    yield f"{name}= cannot be used: it must be what httpx.Client takes"
        yield from _faults_of_environment(self._tls)


def _faults_of_environment(tls: ssl.SSLContext) -> Iterator[str]:
    proxies = getproxies()
    for scheme in ("http", "https", "all"):
        value = proxies.get(scheme)
        if fault := _fault_of_proxy(value if not value or "://" in value else f"http://{value}", tls):
            yield f"{_variable(scheme)} of the environment {fault}"
    for entry in map(str.strip, proxies.get("no", "").split(",")):
        if _is_unreadable(entry, tls):
            yield (
                f"{_variable('no')} of the environment holds {entry!r}, which httpx cannot read: "
                "leave it out, or write a host name or a plain address"
            )


def _fault_of_proxy(proxy: Any, tls: ssl.SSLContext) -> str:
    if not proxy:
        return ""
    shown = _without_password(str(getattr(proxy, "url", proxy)))
    try:
        httpx.HTTPTransport(proxy=proxy, verify=tls)
    except ImportError:
        return f"is {shown!r}, which needs the package socksio: pip install 'httpx[socks]'"
    except Exception:  # noqa: BLE001 - as above
        example = "socks5://host:1080" if shown.startswith("socks") else "http://host:3128"
        return f"is {shown!r}, no proxy: write it like {example}"
    return ""


def _is_transport(value: object) -> bool:
    return hasattr(value, "handle_request") or hasattr(value, "handle_async_request")


def _variable(scheme: str) -> str:
    """The name of the variable that holds the proxy of `scheme`, as it is written."""
    wanted = f"{scheme}_proxy"
    names = [name for name, value in os.environ.items() if name.lower() == wanted and value]
    return min(names, key=str.isupper, default=wanted.upper())  # the one in lower case counts


def _is_unreadable(no_proxy: str, tls: ssl.SSLContext) -> bool:
    """Whether httpx makes no usable pattern of an entry of ``NO_PROXY``."""
    is_address = no_proxy.count(":") > 1 and not no_proxy.startswith("[")
    pattern = no_proxy if "://" in no_proxy else f"all://[{no_proxy}]" if is_address else f"all://*{no_proxy}"
    try:
        httpx.Client(mounts={pattern: None}, verify=tls, trust_env=False)
    except Exception:  # noqa: BLE001 - InvalidURL, ValueError, UnicodeError
        return bool(no_proxy)
    return False


def _without_password(url: str) -> str:
    return re.sub(r"\A(.*//)?.*@", r"\1***@", url)
