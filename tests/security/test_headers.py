"""The complete set of security headers on every page, file and answer, whoever asks."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import get_resolver

from tests.factories import AdminFactory, EnrolledFactory, MadeMeetingFactory

pytestmark = pytest.mark.django_db
OURS = "https://app.example.org"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
    "Permissions-Policy": (
        "camera=(self), display-capture=(self), geolocation=(), microphone=(self), payment=(), usb=()"
    ),
}
POLICY = {
    "default-src 'self'",
    "script-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
}
ABSENT = ("Server", "X-Powered-By", "Access-Control-Allow-Origin")


def list_paths() -> list[str]:
    """Every address without arguments, whatever its name: a new page is in at once."""

    def walk(patterns: Any, before: str) -> list[str]:
        found: list[str] = []
        for item in patterns:
            place = before + str(item.pattern)
            found += walk(item.url_patterns, place) if hasattr(item, "url_patterns") else [place]
        return found

    return sorted({f"/{place}" for place in walk(get_resolver().url_patterns, "") if not set(place) & set("<(^$?")})


def check(answer: Any, path: str) -> None:
    shown = {name: answer.headers.get(name) for name in HEADERS}
    shown["Permissions-Policy"] = ", ".join(sorted((shown["Permissions-Policy"] or "").split(", ")))
    assert shown == HEADERS, path
    directives = {part.strip() for part in answer.headers["Content-Security-Policy"].split(";")}
    assert directives >= POLICY, path
    assert not any("unsafe-eval" in part or "*" in part.split() for part in directives), path
    assert [name for name in ABSENT if name in answer.headers] == [], path
    assert answer.headers["X-Request-ID"], path


@pytest.fixture(autouse=True)
def _over_https(settings: LazySettings) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000


def test_every_page_and_answer_has_them_for_strangers() -> None:
    paths = list_paths()
    assert len(paths) > 30
    for path in [*paths, "/nowhere/", "/api/nowhere/", "/m/0b0b0b0b-0000-4000-8000-000000000001/"]:
        for method in ("get", "options"):
            check(getattr(Client(), method)(path, secure=True), f"{method} {path}")


def test_every_page_and_answer_has_them_for_staff() -> None:
    client = Client(raise_request_exception=False)
    client.force_login(AdminFactory())
    row = EnrolledFactory(meeting=MadeMeetingFactory())
    pages = [
        f"/admin/participants/meeting/{row.meeting_id}/change/",
        f"/admin/participants/meeting/{row.meeting_id}/enrol/",
        f"/admin/participants/participant/{row.pk}/change/",
        f"/admin/participants/person/{row.person_id}/change/",
        "/admin/auth/user/1/change/",
        "/admin/auth/user/add/",
    ]
    for path in [*list_paths(), *pages]:
        check(client.get(path, secure=True), path)


@pytest.mark.parametrize("status", [403, 404, 405, 400])
def test_errors_have_them_too(status: int) -> None:
    client = Client(enforce_csrf_checks=True)
    answers = {
        403: client.post("/accounts/login/", secure=True),
        404: client.get("/nowhere/", secure=True),
        405: client.get("/accounts/logout/", secure=True),
    }
    if status == 400:  # the host is not ours, which is found out before most of the middleware runs
        assert Client(headers={"host": "evil.example"}).get("/", secure=True).status_code == 400
        return
    assert answers[status].status_code == status
    check(answers[status], str(status))


def test_plain_http_is_told_nothing_of_https() -> None:
    assert "Strict-Transport-Security" not in Client().get("/accounts/login/").headers


@pytest.mark.parametrize(
    "origin", [OURS, "https://evil.example", "null", "http://testserver", "https://testserver.evil"]
)
def test_no_other_origin_reads_anything_by_default(origin: str) -> None:
    client = Client(headers={"Origin": origin})
    client.force_login(AdminFactory())
    for path in ("/api/v1/me/", "/api/v1/manage/meetings/", "/admin/", "/accounts/login/", "/healthz/", "/readyz/"):
        for method in ("get", "options"):
            answer = getattr(client, method)(path, headers={"Access-Control-Request-Method": "POST"})
            assert [name for name in answer.headers if name.startswith("Access-Control")] == [], (method, path)


def test_a_listed_origin_reads_the_api_with_credentials_and_nothing_else(settings: LazySettings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [OURS]
    ours = Client(headers={"Origin": OURS})
    answer = ours.get("/api/v1/me/")
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "origin" in answer.headers["Vary"].lower()
    for path in ("/admin/login/", "/accounts/login/", "/", "/webhooks/realtimekit/", "/healthz/", "/readyz/"):
        assert "Access-Control-Allow-Origin" not in ours.get(path).headers, path
    for strange in ("null", f"{OURS}.evil.example", "http://app.example.org", f"{OURS}:444", OURS.upper() + "X"):
        assert "Access-Control-Allow-Origin" not in Client(headers={"Origin": strange}).get("/api/v1/me/").headers


def test_a_listed_origin_still_needs_the_csrf_token(settings: LazySettings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [OURS]
    client = Client(enforce_csrf_checks=True, headers={"Origin": OURS})
    client.force_login(AdminFactory())
    path = "/api/v1/meetings/0b0b0b0b-0000-4000-8000-000000000001/join/"
    answer = client.post(path, {}, content_type="application/json", secure=True)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")


def test_a_form_has_a_limit_of_fields_and_of_files() -> None:
    client = Client()
    client.force_login(AdminFactory())
    fields = {f"field{number}": "x" for number in range(1100)}
    assert client.post("/admin/participants/meeting/add/", fields).status_code == 400
    files = {f"file{number}": SimpleUploadedFile("a.csv", b"a") for number in range(6)}
    assert client.post("/admin/participants/meeting/add/", files).status_code == 400
