"""The stream as most people get it: from a real platform, through a real nginx."""

from __future__ import annotations

import httpx
import pytest

import ctfy_rx
from ctfy_rx.cli.checks import Examination, Limits
from ctfy_rx.cli.findings import Check
from ctfy_rx.cli.settings import Logins, target

from ..support.servers import authority, trusting
from ..support.waiting import PATIENCE, until
from .hearing import heard, hears_at_once, logged

pytestmark = pytest.mark.slow

BUFFERS = "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;"
COMPRESSES = "gzip on; gzip_types text/event-stream; gzip_min_length 0; gzip_proxied any;"


def examined(url: str, token: str, limits: Limits) -> dict[str, Check]:
    found = target(url=url, token=token, env={}, logins=Logins())
    return {check.name: check for check in Examination(found, limits).checks()}


@pytest.mark.parametrize(
    "settings", ["", "proxy_buffering off; proxy_ignore_headers X-Accel-Buffering;"], ids=["default", "off"]
)
def test_events_come_at_once_where_nginx_does_not_buffer(platform, proxied, settings):
    """Nor does it by default: the platform's answer asks it not to."""
    nginx = proxied(settings)
    hears_at_once(platform, nginx.url)
    checks = examined(nginx.url, platform.admin_token, Limits(keepalive=None))
    assert {check.status for check in checks.values()} == {"ok", "skipped"}
    assert "through nginx/" in checks["platform"].detail


def test_where_nginx_buffers_the_doctor_says_so(platform, proxied):
    """As it does with what comes by HTTP 1.0, here from a second proxy; chunks it passes on at once."""
    nginx = proxied(BUFFERS, http="1.0", upstream=proxied().url)
    checks = examined(nginx.url, platform.admin_token, Limits(answer=3.0, keepalive=None))
    states = {name: check.status for name, check in checks.items()}
    assert [name for name, status in states.items() if status == "failed"] == ["stream"]
    assert states["token"] == states["log"] == "ok"
    assert "proxy_buffering off" in checks["stream"].advice


def test_events_come_at_once_through_tls(platform, proxied):
    hears_at_once(platform, proxied(tls=True).url, verify=trusting(), http2=False)


def test_the_doctor_knows_tls(platform, proxied, monkeypatch, tmp_path):
    url = proxied(tls=True).url
    limits = Limits(keepalive=None)
    plain = examined(url.replace("https:", "http:"), platform.admin_token, limits)["platform"]
    assert plain.advice.endswith(f"write {url}")
    assert "SSL_CERT_FILE" in examined(url, platform.admin_token, limits)["platform"].advice
    authority().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert {check.status for check in examined(url, platform.admin_token, limits).values()} == {
        "ok",
        "skipped",
    }


def test_events_come_at_once_where_nginx_compresses_them(platform, proxied):
    nginx = proxied(COMPRESSES)
    asked = {"Accept-Encoding": "gzip"}
    with httpx.stream("GET", f"{nginx.url}/api/v1/events", headers=asked, timeout=PATIENCE) as response:
        assert response.headers["content-encoding"] == "gzip"
        assert next(response.iter_bytes()) == b": connected\n\n"
    hears_at_once(platform, nginx.url)


def test_events_come_at_once_over_http_2(platform, proxied):
    nginx = proxied(tls=True)
    hears_at_once(platform, nginx.url, verify=trusting(), http2=True)
    until(lambda: any(line.startswith("HTTP/2.0 GET /api/v1/events ") for line in nginx.requests), PATIENCE)
    assert all(line.startswith("HTTP/2.0 GET ") for line in nginx.requests)


def test_an_nginx_that_dies_costs_an_admin_no_stored_event(platform, proxied):
    nginx = proxied()
    with heard(nginx.url, platform.admin_token) as admin:
        platform.wrong(0)
        admin.wait_for(lambda: admin.log_ids)
        start = admin.stream.cursor
        before = len(admin.log_ids)
        for round_ in range(3):
            platform.wrong(0)
            nginx.kill()
            platform.wrong(1, challenge=round_)
            platform.solve(round_, challenge=0)
            nginx.start()
            platform.wrong(2)
            admin.wait_for(lambda round_=round_: admin.opened >= round_ + 2)
            platform.wrong(3)
        expected = logged(platform, start)
        admin.wait_for(lambda: len(admin.log_ids) >= before + len(expected))
        assert admin.log_ids[before:] == expected
        assert len(expected) >= 15


def test_nginxs_page_while_the_platform_is_down_is_no_end(platform, proxied):
    nginx = proxied()
    with heard(nginx.url, platform.admin_token) as admin:
        platform.kill()
        try:
            admin.wait_for(lambda: any(_is_502(status) for status in admin.status))
            checks = examined(nginx.url, platform.admin_token, Limits(keepalive=None))
            assert "answered 502 through nginx/" in checks["platform"].detail
            assert "start the platform" in checks["platform"].advice
        finally:
            platform.start()
        admin.wait_for(lambda: admin.opened >= 2)
        platform.wrong(0)
        admin.wait_for(lambda: "flag_wrong" in admin.names)


def _is_502(status: ctfy_rx.Status) -> bool:
    cause = status.cause if isinstance(status, ctfy_rx.Waiting) else None
    return isinstance(cause, ctfy_rx.HttpError) and cause.status == 502


def test_a_timeout_of_nginx_that_is_too_short_costs_no_stored_event(platform, proxied):
    nginx = proxied("proxy_read_timeout 1s;")
    with heard(nginx.url, platform.admin_token) as admin:
        platform.wrong(0)
        admin.wait_for(lambda: admin.log_ids)
        start, before = admin.stream.cursor, len(admin.log_ids)
        for opened in range(2, 5):
            admin.wait_for(lambda opened=opened: any(map(_is_cut, admin.status)) and admin.opened >= opened)
            platform.wrong(1)
        expected = logged(platform, start)
        admin.wait_for(lambda: len(admin.log_ids) >= before + len(expected))
        assert admin.log_ids[before:] == expected
        assert len(expected) >= 3


def _is_cut(status: ctfy_rx.Status) -> bool:
    return isinstance(status, ctfy_rx.Waiting)


def test_the_doctor_names_that_timeout(platform, proxied):
    nginx = proxied("proxy_read_timeout 1s;")
    check = examined(nginx.url, platform.admin_token, Limits(keepalive=100 * PATIENCE))["keepalive"]
    assert check.status == "failed"
    assert "proxy_read_timeout" in check.advice
