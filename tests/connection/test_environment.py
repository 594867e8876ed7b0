"""What an environment sets, or a call, that httpx cannot work with: and whom it concerns."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization

import ctfy_rx
from ctfy_rx.connection.frames import frames
from ctfy_rx.errors import ConfigurationError

from ..support.servers import CLOSE_DELIMITED, Server, authority, frame, redirect, sends, trusting
from .conftest import Watch

OPENS = sends(CLOSE_DELIMITED, frame("a"))
PROXIES = [f"{scheme}_proxy" for scheme in ("http", "https", "all", "no")]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, *map(str.upper, PROXIES), "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


def refusal(make: Any, *args: Any, **options: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        make(*args, **options)
    return str(caught.value)


MAKERS = pytest.mark.parametrize("make", [frames, ctfy_rx.events])


@MAKERS
@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("NO_PROXY", "127.0.0.1,fd07:b51a:cc66:f0::/64", "holds 'fd07:b51a:cc66:f0::/64'"),
        ("no_proxy", "localhost, [::1]", "holds '[::1]'"),
        ("NO_PROXY", "http://[::1", "holds 'http://[::1'"),
        ("ALL_PROXY", "socks://127.0.0.1:1080/", "is 'socks://127.0.0.1:1080/', no proxy"),
        (
            "all_proxy",
            "socks5://127.0.0.1:1080",
            "is 'socks5://127.0.0.1:1080', which needs the package socksio",
        ),
        ("HTTP_PROXY", "ftp://proxy:21", "is 'ftp://proxy:21', no proxy: write it like http://host:3128"),
        ("https_proxy", "http://proxy:port", "is 'http://proxy:port', no proxy"),
        ("HTTPS_PROXY", "http://me:pa#ss@proxy:1", "is 'http://***@proxy:1', no proxy"),
    ],
)
def test_a_variable_that_httpx_cannot_work_with_is_named(
    monkeypatch: pytest.MonkeyPatch, make: Any, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    said = refusal(make, "http://127.0.0.1:8100")
    assert said.startswith(f"{name} of the environment {says}")


@pytest.mark.parametrize(
    "value", ["::1", "fd07::1", "10.0.0.0/8", "localhost", ".example.com", "*", "h:80", ","]
)
def test_what_httpx_reads_is_no_fault(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("NO_PROXY", value)
    assert frames("http://127.0.0.1:8100")
    monkeypatch.setenv("ALL_PROXY", "socks://h:1")
    if value != "*":
        assert refusal(frames, "http://127.0.0.1:8100").startswith("ALL_PROXY")


def test_it_concerns_nobody_who_does_not_trust_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "[::1]")
    assert frames("http://127.0.0.1:8100", trust_env=False)
    assert frames("http://127.0.0.1:8100", client_factory=httpx.Client)


@MAKERS
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"proxy": "127.0.0.1:3128"}, "proxy= is '127.0.0.1:3128', no proxy: write it like http://"),
        (
            {"proxy": "socks5://me:secret@h:1"},
            "proxy= is 'socks5://***@h:1', which needs the package socksio",
        ),
        ({"proxy": 3128}, "proxy= is '3128', no proxy"),
        ({"mounts": {"http": httpx.HTTPTransport()}}, "mounts= cannot be used"),
        ({"mounts": {"http://": "http://proxy:3128"}}, "must be a transport of httpx, not str"),
        ({"transport": "http://proxy:3128"}, "must be a transport of httpx, not str"),
        ({"limits": 5}, "limits= cannot be used"),
    ],
)
def test_an_option_that_httpx_cannot_work_with_is_named(
    make: Any, options: dict[str, Any], says: str
) -> None:
    assert says in refusal(make, "http://127.0.0.1:8100", **options)


def test_an_environment_that_goes_wrong_later_fails_the_connection(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = frames("http://127.0.0.1:8100")
    monkeypatch.setenv("NO_PROXY", "[::1]")
    error = watch(source).failure()
    assert isinstance(error, ConfigurationError)
    assert "NO_PROXY" in str(error)


@pytest.mark.parametrize("given", ["transport", "mounts", "factory"])
def test_a_transport_of_the_other_kind_is_told_apart(watch: Watch, driver: str, given: str) -> None:
    asynchronous = driver == "asyncio"
    transport: Any = httpx.HTTPTransport() if asynchronous else httpx.AsyncHTTPTransport()
    client: Any = httpx.AsyncClient if asynchronous else httpx.Client
    options: dict[str, Any] = {
        "transport": {"transport": transport},
        "mounts": {"mounts": {"http://": transport}},
        "factory": {"client_factory": lambda: client(transport=transport)},
    }[given]
    error = watch(frames("http://127.0.0.1:8100", **options)).failure()
    assert isinstance(error, ConfigurationError)
    kind = "asynchronous" if asynchronous else "blocking"
    assert f"needs {kind} transports: {type(transport).__name__} is none" in str(error)


# TLS


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The authority's certificate, and a client's certificate with its key."""
    client = authority().issue_cert("client.example")
    written = {"ca": authority().cert_pem, "cert": client.cert_chain_pems[0], "key": client.private_key_pem}
    for name, blob in written.items():
        blob.write_to_path(tmp_path / f"{name}.pem")
    return {name: tmp_path / f"{name}.pem" for name in written}


@pytest.fixture
def wants_certificate() -> Iterator[Server]:
    with Server(OPENS, tls=True) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority().issue_cert("127.0.0.1").configure_cert(context)
        authority().configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        server.secure_by(context)
        yield server


@pytest.mark.parametrize("verify", ["text", "path", "context"])
def test_the_client_certificate_is_shown(
    watch: Watch, wants_certificate: Server, files: dict[str, Path], verify: str
) -> None:
    context = ssl.create_default_context(cafile=files["ca"])
    trusted = {"text": str(files["ca"]), "path": files["ca"], "context": context}[verify]
    source = frames(wants_certificate.url, verify=trusted, cert=(str(files["cert"]), files["key"]))
    watched = watch(source).end()
    assert watched.names == ["a"], watched.error


def test_verify_takes_a_path(watch: Watch, files: dict[str, Path]) -> None:
    with Server(OPENS, tls=True) as server:
        assert watch(frames(server.url, verify=files["ca"])).end().names == ["a"]


def test_the_authority_of_the_environment_is_trusted(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, files: dict[str, Path]
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(files["ca"]))
    with Server(OPENS, tls=True) as server:
        assert watch(frames(server.url)).end().names == ["a"]


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_a_stale_authority_of_the_environment_is_named_with_its_path_for_https_alone(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "/gone/ca.pem")
    said = refusal(ctfy_rx.events, "https://localhost")
    assert said.startswith(f"{name}=/gone/ca.pem of the environment cannot be used: No such file")
    with Server(OPENS) as server:
        assert watch(frames(server.url)).end().names == ["a"]


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_it_is_named_as_well_where_a_redirect_leads_to_https(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "/gone/ca.pem")
    with Server(OPENS, tls=True) as secure, Server(sends(redirect(secure.url))) as server:
        error = watch(frames(server.url)).failure()
    assert isinstance(error, ConfigurationError)
    assert f"{name}=/gone/ca.pem" in str(error)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"verify": "missing.pem"}, "verify='missing.pem' cannot be used: No such file or directory"),
        ({"verify": Path("missing.pem")}, "verify='missing.pem' cannot be used"),
        ({"verify": __file__}, "cannot be used: it holds no certificate"),
        ({"verify": 1}, "verify must be True, False, a path, or an ssl.SSLContext"),
        ({"cert": "missing.pem"}, "cert= (missing.pem) cannot be used: No such file"),
        ({"cert": ("missing.pem", "key.pem", "secret")}, "cert= (missing.pem, key.pem) cannot be used"),
        ({"cert": 5}, "cert must be a path, or a tuple"),
        ({"cert": (1, 2)}, "cert= (1, 2) cannot be used"),
    ],
)
def test_certificates_that_cannot_be_loaded_are_named(options: dict[str, Any], says: str) -> None:
    said = refusal(frames, "https://127.0.0.1:1", **options)
    assert says in said
    assert "secret" not in said


def test_an_encrypted_key_without_its_password_does_not_ask_the_terminal(
    files: dict[str, Path], tmp_path: Path
) -> None:
    key = serialization.load_pem_private_key(files["key"].read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    cert = (files["cert"], locked)
    assert "cannot be used" in refusal(frames, "https://127.0.0.1:1", cert=cert)
    assert frames("https://127.0.0.1:1", cert=(*cert, "secret"))


def test_each_connection_uses_the_context_of_the_caller(watch: Watch) -> None:
    with Server(OPENS, tls=True) as server:
        source = frames(server.url, verify=trusting())
        for _ in range(2):
            assert watch(source).end().names == ["a"]
