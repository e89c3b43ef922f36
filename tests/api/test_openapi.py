import io
import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import jsonschema
import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from django.urls import URLResolver, reverse
from openapi_spec_validator import OpenAPIV30SpecValidator
from rest_framework.test import APIClient

from participants.api import docs
from participants.api.urls import v1
from participants.models import AccessRequest, Actor, Meeting, Participant, Presence
from participants.services import invitations, mirror, outbox, presence
from participants.services.mirror import PeerNews, SessionNews
from participants.services.outbox import Draft
from participants.states import KnownBy, MessageKind
from tests.api.conftest import sign_in
from tests.api.test_matrix import list_routes
from tests.factories import NOW, AdminFactory, EnrolledFactory, GuestFactory, MadeMeetingFactory, PersonFactory

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Document:
    """What ``manage.py spectacular`` writes; a warning of its is an error."""
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    loaded: Document = yaml.safe_load(out.getvalue())
    return loaded


def list_operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def find_operation(document: Document, operation_id: str) -> Document:
    (found,) = [item for _, _, item in list_operations(document) if item["operationId"] == operation_id]
    return found


def test_the_document_is_valid_openapi(document: Document) -> None:
    assert list(OpenAPIV30SpecValidator(document).iter_errors()) == []


@pytest.mark.parametrize(("form", "read"), [("", yaml.safe_load), ("+json", json.loads)], ids=["yaml", "json"])
def test_the_served_document_is_the_one_the_command_writes_whoever_asks_first(
    document: Document, monkeypatch: pytest.MonkeyPatch, form: str, read: Callable[[bytes], Document]
) -> None:
    monkeypatch.setattr(docs, "_made", {})
    for language in ("de", "en"):
        headers = {"Accept": f"application/vnd.oai.openapi{form}", "Accept-Language": language}
        answer = Client().get(reverse("schema"), headers=headers)
        assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (200, headers["Accept"])
        assert read(answer.content) == document


def test_every_route_and_method_is_documented(document: Document) -> None:
    served = sorted(method for method, _ in list_routes(v1))
    assert sorted(method for method, _, _ in list_operations(document)) == served
    assert len(document["paths"]) == sum(_count(item) for item in v1)


def _count(item: Any) -> int:
    return sum(map(_count, item.url_patterns)) if isinstance(item, URLResolver) else 1


def test_every_operation_has_a_summary_and_an_id_of_its_own(document: Document) -> None:
    operations = [operation for _, _, operation in list_operations(document)]
    assert all(operation.get("summary") for operation in operations)
    assert len({operation["operationId"] for operation in operations}) == len(operations)


def test_every_operation_may_answer_with_a_problem(document: Document) -> None:
    for _, _, operation in list_operations(document):
        for status in ("400", "401", "403", "404", "409", "429", "503"):
            content = operation["responses"][status]["content"]["application/problem+json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}


@pytest.mark.parametrize("operation_id", ["meetings_join", "manage_participants_enrol", "manage_meetings_create"])
def test_what_integrators_start_with_has_examples_that_fit_their_schema(
    document: Document, operation_id: str
) -> None:
    media = find_operation(document, operation_id)["requestBody"]["content"]["application/json"]
    assert media["examples"]
    for example in media["examples"].values():
        validate(document, example["value"], media["schema"])


def test_the_example_of_a_join_fits_its_schema(document: Document) -> None:
    media = find_operation(document, "meetings_join")["responses"]["200"]["content"]["application/json"]
    for example in media["examples"].values():
        validate(document, example["value"], media["schema"])


def test_calls_are_documented_as_signed_in_by_session_or_bearer_and_those_that_manage_by_key_too(
    document: Document,
) -> None:
    person: list[Document] = [{"identityProvider": []}, {"session": []}]
    for _, path, operation in list_operations(document):
        managing = path.startswith("/api/v1/manage/")
        # Opening an invitation is the one call for which nobody need be signed in.
        is_open = operation["operationId"] == "invitations_redeem"
        expected = [{}] if is_open else [{"apiKey": []}, *person] if managing else person
        assert operation["security"] == expected
    schemes = document["components"]["securitySchemes"]
    assert schemes["apiKey"]["scheme"] == schemes["identityProvider"]["scheme"] == "bearer"


def validate(document: Document, body: Any, schema: Document) -> None:
    """Against OpenAPI 3.0's dialect, in which ``nullable`` stands for a null type."""
    adapted = _adapt({**schema, "components": document["components"]})
    checker = jsonschema.FormatChecker()
    jsonschema.Draft202012Validator(adapted, format_checker=checker).validate(body)


def _adapt(value: Any) -> Any:
    if isinstance(value, list):
        return [_adapt(item) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {key: _adapt(item) for key, item in value.items() if key != "nullable"}
    return {"anyOf": [inner, {"type": "null"}]} if value.get("nullable") is True else inner


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("operation_id", "path"),
    [
        ("me", "me/"),
        ("meetings_list", "meetings/"),
        ("meetings_get", "meetings/{meeting}/"),
        ("meetings_admission", "meetings/{meeting}/admission/"),
        ("manage_meetings_list", "manage/meetings/"),
        ("manage_meetings_get", "manage/meetings/{meeting}/"),
        ("manage_participants_list", "manage/meetings/{meeting}/participants/"),
        ("manage_participants_get", "manage/participants/{participant}/"),
        ("manage_participants_admission", "manage/participants/{participant}/admission/"),
        ("manage_sessions_list", "manage/meetings/{meeting}/sessions/"),
        ("manage_meeting_attendance", "manage/meetings/{meeting}/attendance/"),
        ("manage_meeting_attendance", "manage/meetings/{meeting}/attendance/?known=false"),
        ("manage_attendance_list", "manage/attendance/"),
        ("me_attendance", "me/attendance/"),
        ("manage_invitations_list", "manage/meetings/{meeting}/invitations/"),
        ("manage_messages_list", "manage/meetings/{meeting}/messages/"),
        ("manage_access_list", "manage/meetings/{meeting}/access-requests/"),
    ],
)
def test_an_answer_fits_its_documented_schema(document: Document, operation_id: str, path: str) -> None:
    user = AdminFactory()
    row = EnrolledFactory(person__user=user, meeting=MadeMeetingFactory(opens_at="2999-01-01T00:00:00Z"))
    row.meeting.managers.add(user)
    _play(row)
    _write(row)
    body = _get(sign_in(user), path, row)
    schema = find_operation(document, operation_id)["responses"]["200"]["content"]["application/json"]["schema"]
    validate(document, body, schema)


def _play(row: Participant) -> None:
    """Somebody of ours in a session, and somebody else."""
    news = SessionNews("s1", str(row.meeting.realtimekit_id), started_at=NOW)
    for peer_id, custom_id in (("p1", row.custom_participant_id), ("p2", "a stranger")):
        mirror.merge_peer(news, PeerNews(peer_id, custom_id, joined_at=NOW), known_by=KnownBy.WEBHOOK)
    presence.correct(Presence.objects.get(), seconds=60, reason="A test", by=Actor(via="tests"))


def _write(row: Participant) -> None:
    """An invitation, a mail and a request of somebody else."""
    invitations.issue(row, by=Actor(via="tests"), mail=False)
    outbox.queue([Draft(MessageKind.ENROLLED, row)], by=Actor(via="tests"))
    AccessRequest.objects.create(meeting=row.meeting, person=PersonFactory())


@pytest.mark.django_db
def test_what_a_guest_reads_of_themselves_fits_its_schema(document: Document) -> None:
    row = EnrolledFactory(person=GuestFactory())
    client = APIClient()
    secret = invitations.issue(row, by=Actor(via="tests"), mail=False).secret
    opened = client.post("/api/v1/invitations/redeem/", {"secret": secret})
    for operation_id, body in (("invitations_redeem", opened.json()), ("me", _get(client, "me/", row))):
        schema = find_operation(document, operation_id)["responses"]["200"]["content"]["application/json"]["schema"]
        validate(document, body, schema)


def _get(client: APIClient, path: str, row: Participant) -> Any:
    answer = client.get("/api/v1/" + path.format(meeting=row.meeting_id, participant=row.pk))
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.django_db(transaction=True)
def test_the_answer_of_a_join_fits_its_schema(
    document: Document, as_ada: APIClient, meeting: Meeting, ada: Participant
) -> None:
    body = as_ada.post(f"/api/v1/meetings/{meeting.pk}/join/", {}, format="json").json()
    media = find_operation(document, "meetings_join")["responses"]["200"]["content"]["application/json"]
    validate(document, body, media["schema"])


@pytest.mark.django_db
def test_refusals_fit_the_schema_of_a_problem(document: Document) -> None:
    staff = sign_in(AdminFactory())
    meeting = MadeMeetingFactory(opens_at="2999-01-01T00:00:00Z")
    answers: list[Any] = [
        Client().get("/api/v1/me/"),
        staff.get("/api/v1/nowhere/"),
        staff.post("/api/v1/manage/meetings/", {"capacity": 0}, format="json"),
        staff.post(f"/api/v1/manage/meetings/{meeting.pk}/participants/", {"user": "nobody"}, format="json"),
        staff.post(f"/api/v1/meetings/{meeting.pk}/join/", {}, format="json"),
    ]
    assert [answer.status_code for answer in answers] == [401, 404, 400, 400, 403]
    for answer in answers:
        validate(document, answer.json(), {"$ref": "#/components/schemas/Problem"})


class _Page(HTMLParser):
    """Finds what a policy without ``unsafe-inline`` would not run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.inline: list[str] = []
        self._in_script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.inline += [name for name in given if name.startswith("on")]
        if tag == "script":
            self._in_script = True
            self.scripts += [str(given["src"])] if given.get("src") else []

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.inline.append(data)


def test_the_documentation_page_runs_under_the_content_security_policy() -> None:
    answer = Client().get(reverse("docs"))
    policy = answer["Content-Security-Policy"]
    page = _Page(answer.content.decode())
    assert "script-src 'self'" in policy
    assert not re.search(r"script-src[^;]*unsafe", policy)
    assert page.inline == []
    assert page.scripts
    for address in page.scripts:
        assert address.startswith("/")
    script = Client().get(page.scripts[-1])
    assert script["Content-Type"].startswith("application/javascript")
