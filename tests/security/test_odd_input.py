"""Odd input is refused in words, never met with a server error."""

import base64
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from participants.models import Meeting, Participant
from tests.factories import (
    AdminFactory,
    EnrolledFactory,
    MadeMeetingFactory,
    PersonFactory,
    PresetFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

EDGES_OF_TIME = ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-01-01", "x", "1e9", "")
BODIES = (
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"0",
    b"{",
    b"\xff\xfe",
    b'{"\\ud800": 1}',
    b'{"\\u0000": 1}',
    b'{"title": "\\ud800"}',
    b'{"status": "\\ud800"}',
    b'{"state": {}, "status": [], "refresh": {}, "user": {}, "guest": [], "managers": {}}',
    b'{"title": {}, "capacity": "x", "opens_at": 1, "closes_at": [], "enforce_window": {}}',
    b'{"capacity": 1e400, "title": "t"}',
    b'{"capacity": ' + b"9" * 5000 + b"}",
    b'{"user": ' + b"9" * 400 + b"}",
    b'{"user": -1}',
    b'{"user": 1.5}',
    b'{"opens_at": "9999-12-31T23:59:59-23:59", "title": "t"}',
    b'{"opens_at": "0001-01-01T00:00:00+23:59", "title": "t"}',
    b'{"guest": {"name": "n", "email": "' + b"a" * 280 + b'@example.org"}}',
    b'{"guest": {"name": "\\u0000", "email": "a@example.org"}}',
    b'{"preset": "' + b"x" * 100_000 + b'"}',
    b'{"name": "' + b"x" * 100_000 + b'"}',
    b'{"refresh": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"managers": [' + b"1," * 300 + b"1]}",
    b'{"managers": [null, true, {}]}',
)


@pytest.fixture
def boss() -> User:
    user: User = AdminFactory()
    return user


@pytest.fixture
def staff(boss: User) -> Client:
    client = Client()
    client.force_login(boss)
    return client


@pytest.fixture
def row() -> Participant:
    made: Participant = EnrolledFactory(meeting=MadeMeetingFactory(default_preset=PresetFactory()))
    return made


def list_paths(row: Participant) -> list[tuple[str, str]]:
    meeting, pk = [row.meeting_id], [row.pk]
    return [
        ("post", reverse("api:join", args=meeting)),
        ("post", reverse("api:manage-meetings")),
        ("patch", reverse("api:manage-meeting", args=meeting)),
        ("post", reverse("api:manage-participants", args=meeting)),
        ("patch", reverse("api:manage-participant", args=pk)),
        ("post", reverse("api:manage-participant-restore", args=pk)),
        ("post", reverse("api:manage-participant-token", args=pk)),
    ]


def is_answered(answer: Any) -> bool:
    """503 is the provider, which these tests do without."""
    return bool(answer.status_code < 500 or answer.status_code == 503)


@pytest.mark.usefixtures("without_collecting")
@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:50]))
def test_no_body_breaks_an_endpoint_of_the_api(body: bytes, staff: Client, row: Participant) -> None:
    staff.raise_request_exception = False
    broken = []
    for method, path in list_paths(row):
        answer = getattr(staff, method)(path, data=body, content_type="application/json")
        if not is_answered(answer):
            broken.append((method, path, answer.status_code))
    assert broken == []


@pytest.mark.parametrize("charset", ["zlib", "hex", "rot13", "undefined", "utf-16", "nonsense"])
def test_no_charset_breaks_an_endpoint_of_the_api(charset: str, staff: Client, row: Participant) -> None:
    staff.raise_request_exception = False
    content = f"application/json; charset={charset}"
    for method, address in list_paths(row):
        assert is_answered(staff.generic(method.upper(), address, data=b'{"a": 1}', content_type=content))


def test_a_body_larger_than_a_form_may_be_is_not_read(staff: Client, row: Participant) -> None:
    body = b'{"refresh": "' + b"x" * 9_000_000 + b'"}'
    answer = staff.post(reverse("api:join", args=[row.meeting_id]), data=body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("place", EDGES_OF_TIME)
def test_no_cursor_breaks_a_list(place: str, staff: Client, row: Participant) -> None:
    staff.raise_request_exception = False
    cursor = base64.b64encode(urlencode({"p": place}).encode()).decode()
    for name, args in (("my-meetings", []), ("manage-meetings", []), ("manage-participants", [row.meeting_id])):
        for query in ({"cursor": cursor}, {"cursor": place}, {"cursor": "é"}, {"cursor": "a" * 9000}):
            answer = staff.get(reverse(f"api:{name}", args=args), query)
            assert is_answered(answer), (name, query, answer.status_code)


@pytest.mark.parametrize(
    "query",
    [
        "page_size=-1",
        "page_size=0",
        "page_size=99999999999999999999",
        "page_size=x&page_size=2",
        "search=%00",
        "search=%ED%A0%80",
        "search=" + "x" * 5000,
        "state=%00&status=%00",
        "state=enrolled&state=x",
        "preset=%00",
    ],
)
def test_no_query_breaks_a_list(query: str, staff: Client, row: Participant) -> None:
    staff.raise_request_exception = False
    for name, args in (("my-meetings", []), ("manage-meetings", []), ("manage-participants", [row.meeting_id])):
        assert is_answered(staff.get(f"{reverse(f'api:{name}', args=args)}?{query}")), name


LISTS = ("meeting", "participant", "presence", "session", "person", "preset", "event")
QUERIES = (
    "q=%00",
    "q=" + "x" * 5000,
    "p=-1",
    "p=99999999999999999999",
    "p=x",
    "o=x",
    "o=-99.99",
    "all=",
    "e=1",
    "nothing=1",
    "meeting=%00",
    "meeting=x&meeting=y",
    "token=x",
    "token__startswith=gAAAA",
    "token__isnull=x",
    "person__user__password__startswith=pbkdf2",
    "enrolled_by__password__startswith=pbkdf2",
    "actor__password__startswith=pbkdf2",
    "enrolled_by__id__exact=99999999999999999999",
    "enrolled_by__id__exact=x",
    "preset__id__exact=x",
    "person__id__exact=%00",
    "state__exact=%00",
    "kind__exact=%00",
    "created_at__gte=x",
    "created_at__year=99999",
    "created_at__year=0",
    "created_at__year=x",
    "created_at__year=2026&created_at__month=13",
    "created_at__year=2026&created_at__month=2&created_at__day=31",
    "now=%00",
    "on=%00",
    "on=9999-12-31",
    "joined_after=9999-12-31T23:59:59-23:59",
    "joined_after=0001-01-01",
    "started_before=x&came=x&live=%00",
    "late_more_than_minutes=1e309",
    "present_less_than_percent=nan",
    "group=%00&manager=99999999999999999999&batch=x",
    "enrolled_after=2026-02-31",
    "totals=%00",
    "now=open&now=over",
    "_popup=1&_to_field=token",
    "_to_field=password",
)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:45])
def test_no_query_breaks_a_list_of_the_admin(query: str, staff: Client, row: Participant) -> None:
    staff.raise_request_exception = False
    for name in LISTS:
        answer = staff.get(f"{reverse(f'admin:participants_{name}_changelist')}?{query}")
        assert answer.status_code < 500, (name, query)


@pytest.mark.django_db(transaction=True)
def test_no_moment_out_of_range_breaks_a_list_of_the_admin(staff: Client, row: Participant) -> None:
    url = reverse("admin:participants_participant_changelist")
    assert staff.get(f"{url}?created_at__gte=9999-12-31T23:59:59-23:59").status_code in (200, 302)


@pytest.mark.parametrize("keys", [["x"], ["\0"], ["99999999999999999999"], [""], ["x"] * 300, []])
@pytest.mark.parametrize("name", ["meeting", "participant", "person"])
@pytest.mark.parametrize("action", ["remove", "retry_chosen", "delete_selected", "nothing", "\0"])
def test_no_choice_of_rows_breaks_an_action(
    keys: list[str], name: str, action: str, staff: Client, row: Participant
) -> None:
    staff.raise_request_exception = False
    form = {"action": action, "_selected_action": keys, "post": "yes", "index": "x"}
    assert staff.post(reverse(f"admin:participants_{name}_changelist"), form).status_code < 500


NUMBERS = ("99999999999999999999", "-1", "x", "\0", "1.5", "")


@pytest.mark.parametrize("value", NUMBERS)
def test_no_user_or_preset_breaks_the_enrol_form(value: str, staff: Client, row: Participant) -> None:
    staff.raise_request_exception = False
    url = reverse("admin:participants_meeting_enrol", args=[row.meeting_id])
    for form in ({"users": [value, value], "preset": value}, {"users": [value], "name": value * 3}):
        answer = staff.post(url, form)
        assert answer.status_code == 200
        assert "What happened" not in answer.content.decode()


@pytest.mark.parametrize("value", NUMBERS)
def test_no_value_breaks_the_meeting_form(value: str, staff: Client, row: Participant) -> None:
    staff.raise_request_exception = False
    form = {
        "title": value,
        "status": value,
        "admission": value,
        "opens_at_0": value,
        "opens_at_1": value,
        "managers": [value],
        "default_preset": value,
        "capacity": value,
    }
    for url in (
        reverse("admin:participants_meeting_add"),
        reverse("admin:participants_meeting_change", args=[row.meeting_id]),
    ):
        assert staff.post(url, form).status_code == 200
    assert Meeting.objects.count() == 1


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_meeting_at_the_edge_of_time_can_be_shown(day: str, staff: Client, row: Participant) -> None:
    moment = f"{day}T00:00:00Z"
    Meeting.objects.filter(pk=row.meeting_id).update(opens_at=moment, closes_at=None)
    staff.raise_request_exception = False
    for path in (
        reverse("admin:participants_meeting_changelist"),
        reverse("admin:participants_meeting_change", args=[row.meeting_id]),
        reverse("admin:participants_participant_change", args=[row.pk]),
        reverse("api:manage-meeting", args=[row.meeting_id]),
        reverse("api:admission", args=[row.meeting_id]),
    ):
        assert staff.get(path).status_code == 200, path


@pytest.mark.parametrize("term", ["%00", "x" * 3000, "%F0%9F%92%A9", "'\"<script>"])
def test_no_term_breaks_the_autocompletion(term: str, staff: Client, row: Participant) -> None:
    staff.raise_request_exception = False
    for model, field in (("person", "user"), ("meeting", "managers"), ("participant", "meeting"), ("x", "y")):
        query = f"app_label=participants&model_name={model}&field_name={field}&term={term}&page=x"
        answer = staff.get(f"{reverse('admin:autocomplete')}?{query}")
        assert answer.status_code < 500, model


@pytest.mark.parametrize("name", ["x" * 100_000, "é" * 300, "\0", "a\nb", "💩" * 200])
@pytest.mark.parametrize("door", ["login", "admin:login"])
def test_no_username_breaks_signing_in(name: str, door: str) -> None:
    client = Client(raise_request_exception=False)
    answer = client.post(reverse(door), {"username": name, "password": "x" * 5000, "next": "\0//evil.example"})
    assert answer.status_code < 500


@pytest.mark.parametrize("key", ["%00", "x", "99999999999999999999", "..%2F..", "_2D"])
def test_no_key_breaks_an_admin_page(key: str, staff: Client) -> None:
    staff.raise_request_exception = False
    for model in ("participants/meeting", "participants/participant", "participants/person", "auth/user"):
        for verb in ("change", "history", "delete"):
            assert staff.get(f"/admin/{model}/{key}/{verb}/").status_code < 500


def test_a_block_reason_with_odd_characters_is_refused_or_stored(staff: Client) -> None:
    person = PersonFactory(user=UserFactory())
    url = reverse("admin:participants_person_block", args=[person.pk])
    staff.raise_request_exception = False
    assert staff.post(url, {"reason": "\0"}).status_code == 200
    assert staff.post(url, {"reason": "x" * 301}).status_code == 200
    person.refresh_from_db()
    assert person.blocked_at is None
