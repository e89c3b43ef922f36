"""Who is believed about the client, the scheme and the request's id; and what every answer carries."""

import re
from ipaddress import ip_network
from typing import Any

import pytest
from django.conf import LazySettings
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from config.logs import request_id
from config.middleware import RequestIdMiddleware, TrustedProxyMiddleware

PROXY, CLIENT = "10.0.0.7", "203.0.113.9"


@pytest.fixture(autouse=True)
def _proxies(settings: LazySettings) -> None:
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/24"), ip_network("fd00::/8")]


def send(peer: str, **headers: str) -> HttpRequest:
    """The request as it leaves the middleware."""
    seen: list[HttpRequest] = []

    def answer(request: HttpRequest) -> HttpResponse:
        seen.append(request)
        return HttpResponse()

    given: dict[str, Any] = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    TrustedProxyMiddleware(answer)(RequestFactory().get("/", REMOTE_ADDR=peer, **given))
    return seen[0]


@pytest.mark.parametrize("peer", [CLIENT, "10.0.1.7", "", "unix:", "::1"])
def test_forwarded_headers_of_a_stranger_are_dropped(peer: str) -> None:
    request = send(
        peer,
        x_forwarded_for="198.51.100.1",
        x_forwarded_proto="https",
        x_forwarded_host="evil",
        x_request_id="x" * 20,
    )
    assert request.META["REMOTE_ADDR"] == peer
    assert not [name for name in request.META if name.startswith(("HTTP_X_FORWARDED", "HTTP_X_REQUEST"))]
    assert not request.is_secure()


@pytest.mark.parametrize("peer", [PROXY, "fd00::1"])
def test_a_trusted_proxy_is_believed_about_client_and_scheme(peer: str) -> None:
    request = send(peer, x_forwarded_for=CLIENT, x_forwarded_proto="https")
    assert request.META["REMOTE_ADDR"] == CLIENT
    assert request.is_secure()


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (f"198.51.100.1, {CLIENT}", CLIENT),
        (f"198.51.100.1, {CLIENT}, 10.0.0.8", CLIENT),
        ("10.0.0.8, 10.0.0.9", PROXY),
        ("", PROXY),
        (" , ", PROXY),
    ],
)
def test_the_client_is_the_last_hop_that_is_no_proxy_of_ours(forwarded: str, client: str) -> None:
    assert send(PROXY, x_forwarded_for=forwarded).META["REMOTE_ADDR"] == client


def ask(given: str | None) -> tuple[str, str]:
    """The id in the answer, and the one that log lines got."""
    during: list[str] = []

    def answer(request: HttpRequest) -> HttpResponse:
        during.append(request_id.get())
        return HttpResponse()

    headers: Any = {} if given is None else {"headers": {"X-Request-ID": given}}
    response = RequestIdMiddleware(answer)(RequestFactory().get("/", **headers))
    return response["X-Request-ID"], during[0]


def test_every_request_gets_an_id_of_its_own() -> None:
    first, second = ask(None), ask(None)
    assert re.fullmatch(r"[0-9a-f]{32}", first[0])
    assert first[0] == first[1] != second[0]


def test_a_well_formed_id_of_the_proxy_is_kept() -> None:
    assert ask("proxy-1.2_abc") == ("proxy-1.2_abc", "proxy-1.2_abc")


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with space", "new\nline12", "<script>", "ünïcode-id"])
def test_a_malformed_id_is_replaced(given: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", ask(given)[0])


def test_a_stranger_cannot_choose_the_id_and_a_proxy_can() -> None:
    client = Client(headers={"X-Request-ID": "chosen-by-caller"})
    assert client.get("/healthz/", REMOTE_ADDR=CLIENT)["X-Request-ID"] != "chosen-by-caller"
    assert client.get("/healthz/", REMOTE_ADDR=PROXY)["X-Request-ID"] == "chosen-by-caller"


@pytest.mark.django_db
def test_plain_http_is_redirected_but_for_the_health_probes(settings: LazySettings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get("/api/v1/me/").status_code == 301
    for path in ("/healthz/", "/readyz/"):
        assert Client().get(path).status_code in (200, 503)
    behind = Client(headers={"X-Forwarded-Proto": "https"})
    assert behind.get("/api/v1/me/", REMOTE_ADDR=PROXY).status_code == 401
    assert behind.get("/api/v1/me/", REMOTE_ADDR=CLIENT).status_code == 301


@pytest.mark.django_db
def test_a_changed_policy_holds_from_the_next_answer_on_and_so_does_one_that_only_reports(
    settings: LazySettings,
) -> None:
    client = Client()
    assert "sandbox" not in client.get("/api/v1/me/")["Content-Security-Policy"]
    stricter = {"DIRECTIVES": {**settings.CONTENT_SECURITY_POLICY["DIRECTIVES"], "sandbox": ["allow-forms"]}}
    settings.CONTENT_SECURITY_POLICY = stricter
    assert "sandbox allow-forms" in client.get("/api/v1/me/")["Content-Security-Policy"]
    settings.CONTENT_SECURITY_POLICY_REPORT_ONLY = stricter
    answer = client.get("/api/v1/me/")
    assert "sandbox allow-forms" in answer["Content-Security-Policy-Report-Only"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/admin/login/", "/api/v1/me/", "/api/docs/", "/nowhere/"])
def test_every_answer_carries_the_security_headers(path: str) -> None:
    answer = Client().get(path)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"script-src[^;]*unsafe", policy)
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert "geolocation=()" in answer["Permissions-Policy"]
    assert answer["X-Request-ID"]


def test_over_https_the_browser_is_told_to_stay_there(settings: LazySettings) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000
    assert "max-age=31536000" in Client().get("/healthz/", secure=True)["Strict-Transport-Security"]


def test_another_origin_is_answered_only_when_it_is_listed(settings: LazySettings) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.org"]
    ours = Client(headers={"Origin": "https://app.example.org"}).get("/api/v1/me/")
    strange = Client(headers={"Origin": "https://evil.example.org"}).get("/api/v1/me/")
    assert ours["Access-Control-Allow-Origin"] == "https://app.example.org"
    assert "Access-Control-Allow-Origin" not in strange
    page = Client(headers={"Origin": "https://app.example.org"}).get("/healthz/")
    assert "Access-Control-Allow-Origin" not in page


@pytest.mark.django_db
def test_a_load_balancer_may_ask_for_our_health_by_any_name(client: Client) -> None:
    assert client.get("/healthz/", headers={"host": "10.0.0.7:8000"}).status_code == 200
    assert client.get("/readyz/", headers={"host": "10.0.0.7:8000"}).status_code in (200, 503)
    assert client.get("/accounts/login/", headers={"host": "10.0.0.7:8000"}).status_code == 400
