"""Whatever goes wrong under ``/api/`` is told as RFC 9457 with a stable code."""

import logging
import pkgutil
from importlib import import_module
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

import participants
from participants.api import errors
from participants.errors import RollcallError
from participants.services.admission import CODES
from tests.api.conftest import sign_in
from tests.factories import AdminFactory, MadeMeetingFactory, UserFactory

pytestmark = pytest.mark.django_db
MISSING = "00000000-0000-4000-8000-000000000000"
JOIN = f"/api/v1/meetings/{MISSING}/join/"


def read(answer: Any) -> dict[str, Any]:
    """The body, once it is a problem as it should be."""
    body: dict[str, Any] = answer.json()
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["X-Request-ID"]
    assert body["status"] == answer.status_code
    assert body["type"] == f"urn:rollcall:problem:{body['code']}"
    assert body["title"]
    assert body["detail"]
    return body


@pytest.fixture
def pupil() -> APIClient:
    return sign_in(UserFactory())


@pytest.fixture
def _all_loaded() -> None:
    """Whatever ran before: a class is known to its base once its module is loaded."""
    for module in pkgutil.walk_packages(participants.__path__, "participants."):
        if not module.name.endswith("__main__"):
            import_module(module.name)


def list_errors(kind: type[RollcallError]) -> list[type[RollcallError]]:
    return [kind, *(found for inner in kind.__subclasses__() for found in list_errors(inner))]


@pytest.mark.usefixtures("_all_loaded")
def test_every_code_has_a_status() -> None:
    fixed = {kind.code for kind in list_errors(RollcallError) if "code" in vars(kind)} - {"error"}
    assert fixed | set(CODES) | {"not_authenticated"} == set(errors.STATUS)


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_a_wrong_method_is_405_with_those_allowed(pupil: APIClient, method: str) -> None:
    answer = getattr(pupil, method)(JOIN)
    assert answer.status_code == 405
    assert read(answer)["code"] == "method_not_allowed"
    assert "POST" in answer["Allow"]


@pytest.mark.parametrize(
    "path",
    ["/api/", "/api/v1/", "/api/v2/me/", "/api/v1/me", "/api/v1/meetings/7/", "/api/v1/meetings//", "/api/x%00/"],
)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_address_is_404(pupil: APIClient, path: str, method: str) -> None:
    answer = getattr(pupil, method)(path)
    assert answer.status_code == 404
    assert read(answer)["code"] == "not_found"


def test_an_unknown_address_is_404_even_without_csrf() -> None:
    answer = Client(enforce_csrf_checks=True).post("/api/v1/nowhere/", {}, content_type="application/json")
    assert answer.status_code == 404
    assert read(answer)["code"] == "not_found"


@pytest.mark.parametrize("path", ["/api/v1/meetings/a%0Ab/", "/api/%0A", "/api/v1/manage/hooks/x%0D%0Ay/rotate/"])
def test_an_address_with_a_line_break_is_unknown_as_any_other(pupil: APIClient, path: str) -> None:
    answer = pupil.get(path)
    assert (answer.status_code, read(answer)["code"]) == (404, "not_found")


@pytest.mark.parametrize("content", [b"{", b"[1", b"{'refresh': true}", b'{"refresh": NaN}', b"\xff", b"{}{}"])
def test_malformed_json_is_400(pupil: APIClient, content: bytes) -> None:
    answer = pupil.post(JOIN, content, content_type="application/json")
    assert answer.status_code == 400
    assert read(answer)["code"] == "parse_error"


def test_no_body_is_an_empty_one(pupil: APIClient) -> None:
    assert read(pupil.post(JOIN))["code"] == "not_found"


@pytest.mark.parametrize("content", ["[]", '"join"', "7", "null"])
def test_json_that_is_no_object_is_400(pupil: APIClient, content: str) -> None:
    answer = pupil.post(JOIN, content, content_type="application/json")
    body = read(answer)
    assert (answer.status_code, body["code"]) == (400, "invalid")
    assert body["errors"][0]["field"] == "non_field_errors"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "nonsense"])
def test_another_content_type_is_415(pupil: APIClient, kind: str) -> None:
    answer = pupil.post(JOIN, "refresh=true", content_type=kind)
    assert answer.status_code == 415
    assert read(answer)["code"] == "unsupported_media_type"


def test_an_answer_in_another_format_is_406(pupil: APIClient) -> None:
    answer = pupil.get("/api/v1/me/", headers={"Accept": "text/html"})
    assert answer.status_code == 406
    assert read(answer)["code"] == "not_acceptable"


def test_nobody_signed_in_is_401_and_told_how() -> None:
    answer = Client().get("/api/v1/me/")
    assert answer.status_code == 401
    assert read(answer)["code"] == "not_authenticated"
    assert answer["WWW-Authenticate"] == 'Bearer realm="rollcall", Session'


def test_a_session_of_a_user_deactivated_since_is_401() -> None:
    user = UserFactory()
    client = sign_in(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert read(client.get("/api/v1/me/"))["code"] == "not_authenticated"


def test_a_changing_call_without_csrf_is_403() -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(AdminFactory())
    for method, path in (("post", JOIN), ("post", "/api/v1/manage/meetings/"), ("patch", "/api/v1/manage/meetings/")):
        answer = getattr(client, method)(path, {}, format="json")
        assert answer.status_code == 403
        assert read(answer)["code"] == "csrf_failed"
    assert client.get("/api/v1/me/").status_code == 200


def test_a_changing_call_with_cookie_and_header_passes_csrf() -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(UserFactory())
    secret = "a" * 32
    client.cookies["csrftoken"] = secret
    answer = client.post(JOIN, {}, format="json", headers={"X-CSRFToken": secret})
    assert read(answer)["code"] == "not_found"


def test_too_many_calls_are_429_with_the_wait(pupil: APIClient, settings: LazySettings) -> None:
    settings.JOIN_RATE = (1, 86_400)
    pupil.post(JOIN, {}, format="json")
    answer = pupil.post(JOIN, {}, format="json")
    body = read(answer)
    assert (answer.status_code, body["code"]) == (429, "rate_limited")
    assert answer["Retry-After"] == str(body["retry_after"])
    assert body["retry_after"] >= 1


def test_a_failure_of_ours_is_500_that_shows_nothing_and_is_logged(
    settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.JOIN_RATE = ("a lot", 60)
    client = APIClient(raise_request_exception=False)
    client.force_login(UserFactory())
    with caplog.at_level(logging.ERROR, logger="django.request"):
        answer = client.post(JOIN, {}, format="json")
    body = read(answer)
    assert (answer.status_code, body["code"]) == (500, "server_error")
    assert "a lot" not in answer.content.decode()
    assert any(record.exc_info for record in caplog.records)


def test_a_failure_outside_the_api_is_a_page(settings: LazySettings) -> None:
    settings.REALTIMEKIT_BASE_URL = 7
    client = Client(raise_request_exception=False)
    client.force_login(UserFactory())
    answer = client.get("/")
    assert answer.status_code == 500
    assert answer["Content-Type"].startswith("text/html")


def test_the_reason_of_a_misconfiguration_is_for_staff_alone(settings: LazySettings) -> None:
    settings.REALTIMEKIT_API_TOKEN = ""
    meeting = MadeMeetingFactory(admission="signed_in")
    path = f"/api/v1/meetings/{meeting.pk}/join/"
    plain = read(sign_in(UserFactory()).post(path, {}, format="json"))
    staff = read(sign_in(AdminFactory()).post(path, {}, format="json"))
    assert (plain["status"], plain["code"]) == (503, "provider_misconfigured")
    assert "reason" not in plain
    assert "REALTIMEKIT_API_TOKEN" in staff["reason"]


def test_unknown_and_invalid_fields_are_told_in_one_answer(transactional_db: None) -> None:
    client = sign_in(AdminFactory())
    body = client.post("/api/v1/manage/meetings/", {"title": "", "status": "OPEN", "colour": "red"}, format="json")
    assert {(item["field"], item["code"]) for item in body.json()["errors"]} == {
        ("title", "blank"),
        ("status", "invalid_choice"),
        ("colour", "unknown_field"),
    }
