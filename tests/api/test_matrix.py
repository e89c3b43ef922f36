"""Who may do what: every route and method of the API against every kind of caller."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone
from rest_framework.test import APIClient

from participants.api.urls import v1
from participants.models import Actor, Meeting, Participant, Session
from participants.services import invitations
from participants.services.invitations import Issued
from participants.states import ExpirySource, ParticipantState
from tests.api.callers import EVERYBODY, NOT_MANAGING, PEOPLE, PERMISSIONS, Answers, expect
from tests.api.conftest import sign_in
from tests.api.keymatrix import KEY_CALLERS, OF_KEYS, call_with_key
from tests.api.matrix_of_invitations import INVITATION_BODIES, list_rows, queue_mail
from tests.factories import (
    AdminFactory,
    BatchFactory,
    DriftReportFactory,
    EnrolledFactory,
    HookMessageFactory,
    MadeMeetingFactory,
    PersonFactory,
    PresenceFactory,
    PresetFactory,
    StaffFactory,
    UserFactory,
)
from tests.undoing import undone

pytestmark = pytest.mark.django_db

CALLERS = (*PEOPLE, *KEY_CALLERS)
_FOLLOW_BATCH = {
    "_403": f"{NOT_MANAGING} view_meeting",
    "_404": "other_manager staff",
    "_200": "manager view_participant add_participant superuser",
}
_SEE_DRIFT = {
    "_403": f"{NOT_MANAGING} view_meeting",
    "_404": "other_manager staff",
    "_200": "manager view_participant superuser",
}
_CHANGE_BATCH = {
    "_403": f"{NOT_MANAGING} view_meeting view_participant",
    "_404": "other_manager staff",
    "_200": "manager add_participant superuser",
}
_HOOKS = {"_403": f"{NOT_MANAGING} manager other_manager staff"}
OF_PEOPLE: dict[tuple[str, str], Answers] = {
    ("GET", "me"): expect(_200=f"{EVERYBODY} guest"),
    ("GET", "my-meetings"): expect(_200=f"{EVERYBODY} guest"),
    ("GET", "my-meeting"): expect(_404=EVERYBODY) | {"enrolled": 200, "guest": 200},
    ("POST", "join"): expect(_403=EVERYBODY) | {"enrolled": 200, "guest": 200},
    ("GET", "admission"): expect(_200=f"{EVERYBODY} guest"),
    **list_rows(expect, EVERYBODY, NOT_MANAGING),
    ("GET", "manage-connection"): expect(
        _403=f"{NOT_MANAGING} manager other_manager staff", _200="view_connection superuser"
    ),
    ("GET", "manage-meetings"): expect(_403=NOT_MANAGING, _200="manager other_manager staff superuser"),
    ("POST", "manage-meetings"): expect(
        _403=f"{NOT_MANAGING} manager other_manager staff", _201="add_meeting superuser"
    ),
    ("GET", "manage-meeting"): expect(
        _403=NOT_MANAGING, _404="other_manager staff", _200="manager view_meeting superuser"
    ),
    ("PATCH", "manage-meeting"): expect(
        _403=f"{NOT_MANAGING} view_meeting", _404="other_manager staff", _200="manager change_meeting superuser"
    ),
    ("GET", "manage-participants"): expect(
        _403=f"{NOT_MANAGING} view_meeting", _404="other_manager staff", _200="manager view_participant superuser"
    ),
    ("POST", "manage-participants"): expect(
        _403=f"{NOT_MANAGING} view_meeting", _404="other_manager staff", _201="manager add_participant superuser"
    ),
    ("GET", "manage-participant"): expect(
        _403=NOT_MANAGING, _404="other_manager staff", _200="manager view_participant superuser"
    ),
    ("PATCH", "manage-participant"): expect(
        _403=f"{NOT_MANAGING} view_participant",
        _404="other_manager staff",
        _200="manager change_participant superuser",
    ),
    ("DELETE", "manage-participant"): expect(
        _403=f"{NOT_MANAGING} view_participant",
        _404="other_manager staff",
        _200="manager remove_participant superuser",
    ),
    ("POST", "manage-participant-restore"): expect(
        _403=f"{NOT_MANAGING} view_participant",
        _404="other_manager staff",
        _200="manager restore_participant superuser",
    ),
    ("POST", "manage-participant-token"): expect(
        _403=f"{NOT_MANAGING} manager view_participant", _404="other_manager staff", _200="issue_token superuser"
    ),
    ("GET", "manage-participant-admission"): expect(
        _403=NOT_MANAGING, _404="other_manager staff", _200="manager view_participant superuser"
    ),
    ("POST", "manage-enrolments"): expect(
        _403=f"{NOT_MANAGING} view_meeting", _404="other_manager staff", _202="manager add_participant superuser"
    ),
    ("POST", "manage-removals"): expect(
        _403=f"{NOT_MANAGING} view_meeting", _404="other_manager staff", _202="manager remove_participant superuser"
    ),
    ("POST", "manage-preset-changes"): expect(
        _403=f"{NOT_MANAGING} view_meeting", _404="other_manager staff", _202="manager change_participant superuser"
    ),
    ("GET", "manage-batch"): expect(**_FOLLOW_BATCH),
    ("GET", "manage-batch-rows"): expect(**_FOLLOW_BATCH),
    ("POST", "manage-batch-stop"): expect(**_CHANGE_BATCH),
    ("POST", "manage-batch-retry"): expect(**_CHANGE_BATCH),
    ("GET", "manage-drift"): expect(**_SEE_DRIFT),
    ("GET", "manage-drift-items"): expect(**_SEE_DRIFT),
    # Without a connection there is nothing to compare with, which only they are told who may compare.
    ("POST", "manage-drift"): expect(
        _403=f"{NOT_MANAGING} view_meeting", _404="other_manager staff", _503="manager change_participant superuser"
    ),
    ("POST", "manage-drift-apply"): expect(
        _403=f"{NOT_MANAGING} view_meeting", _404="other_manager staff", _200="manager change_participant superuser"
    ),
    ("POST", "manage-batch-undo"): expect(
        _403=f"{NOT_MANAGING} view_meeting view_participant add_participant",
        _404="other_manager staff",
        _200="manager remove_participant superuser",
    ),
    ("GET", "my-attendance"): expect(_200=f"{EVERYBODY} guest"),
    ("GET", "manage-sessions"): expect(
        _403=f"{NOT_MANAGING} view_meeting", _404="other_manager staff", _200="manager view_session superuser"
    ),
    ("GET", "manage-meeting-attendance"): expect(
        _403=f"{NOT_MANAGING} view_meeting", _404="other_manager staff", _200="manager view_presence superuser"
    ),
    # A file needs the right to see what is in it, and the right to take it away.
    ("GET", "manage-meeting-attendance-export"): expect(
        _403=f"{NOT_MANAGING} view_meeting view_presence", _404="other_manager staff", _200="manager superuser"
    ),
    ("GET", "manage-attendance"): expect(_403=NOT_MANAGING, _200="manager other_manager staff superuser"),
    ("GET", "manage-attendance-export"): expect(
        _403=f"{NOT_MANAGING} staff", _200="manager other_manager export_data superuser"
    ),
    ("PUT", "manage-attendance-correction"): expect(
        _403=f"{NOT_MANAGING} view_presence", _404="other_manager staff", _200="manager correct_presence superuser"
    ),
    ("DELETE", "manage-attendance-correction"): expect(
        _403=f"{NOT_MANAGING} view_presence", _404="other_manager staff", _200="manager correct_presence superuser"
    ),
    # 503: the right is there, RealtimeKit is not.
    ("POST", "manage-meeting-kick"): expect(
        _403=f"{NOT_MANAGING} view_meeting", _404="other_manager staff", _503="manager remove_participant superuser"
    ),
    ("POST", "manage-meeting-end"): expect(
        _403=f"{NOT_MANAGING} view_meeting", _404="other_manager staff", _503="manager remove_participant superuser"
    ),
    ("GET", "manage-hooks"): expect(**_HOOKS, _200="manage_hooks superuser"),
    ("POST", "manage-hooks"): expect(**_HOOKS, _201="manage_hooks superuser"),
    ("GET", "manage-hook"): expect(**_HOOKS, _200="manage_hooks superuser"),
    ("PATCH", "manage-hook"): expect(**_HOOKS, _200="manage_hooks superuser"),
    ("DELETE", "manage-hook"): expect(**_HOOKS, _204="manage_hooks superuser"),
    ("POST", "manage-hook-rotate"): expect(**_HOOKS, _200="manage_hooks superuser"),
    ("POST", "manage-hook-test"): expect(**_HOOKS, _200="manage_hooks superuser"),
    ("GET", "manage-hook-messages"): expect(**_HOOKS, _200="manage_hooks superuser"),
    ("POST", "manage-hook-replay"): expect(**_HOOKS, _202="manage_hooks superuser"),
    ("GET", "manage-hook-message"): expect(**_HOOKS, _200="manage_hooks superuser"),
}


WITHOUT_ARGUMENTS = {
    *("me", "my-meetings", "my-attendance", "manage-meetings", "manage-connection", "manage-attendance"),
    *("manage-attendance-export", "manage-hooks", "redeem"),
}
MATRIX = {row: answers | OF_KEYS.get(row, {}) for row, answers in OF_PEOPLE.items()}


@dataclass
class Scene:
    """One meeting with one participant, as it is before every call."""

    meeting: Meeting
    participant: Participant

    @cached_property
    def invitation(self) -> Issued:
        return invitations.issue(self.participant, by=Actor(via="tests"), mail=False)

    def find_arguments(self, name: str) -> dict[str, Any]:
        if name.startswith("manage-participant") and name != "manage-participants":
            return {"participant_id": self.participant.pk}
        if name in ("manage-invitation", "manage-invitation-resend"):
            return {"invitation_id": self.invitation.invitation.pk}
        if name == "manage-message-retry":
            return {"message_id": queue_mail(self.participant).pk}
        if name.startswith("manage-batch"):
            return {"batch_id": BatchFactory(meeting=self.meeting).pk}
        if name.startswith("manage-drift"):
            DriftReportFactory(meeting=self.meeting)
        if name == "manage-attendance-correction":
            session = Session.objects.create(realtimekit_id=str(self.meeting.pk), meeting=self.meeting)
            return {"presence_id": PresenceFactory(session=session, participant=self.participant).pk}
        if name in WITHOUT_ARGUMENTS:
            return {}
        if name.startswith("manage-hook"):
            message = HookMessageFactory()
            return {"message_id": message.pk} if name == "manage-hook-message" else {"hook_id": message.hook_id}
        return {"meeting_id": self.meeting.pk}


BODIES: dict[tuple[str, str], Callable[[Scene], dict[str, Any]]] = {
    ("POST", "redeem"): lambda scene: {"secret": scene.invitation.secret},
    **INVITATION_BODIES,
    ("PUT", "manage-attendance-correction"): lambda scene: {"seconds": 60, "reason": "They were on the telephone."},
    ("POST", "manage-meeting-kick"): lambda scene: {"participants": [str(scene.participant.pk)]},
    ("POST", "manage-meetings"): lambda scene: {"title": "New"},
    ("PATCH", "manage-meeting"): lambda scene: {"capacity": 30},
    ("POST", "manage-participants"): lambda scene: {"user": UserFactory().username},
    ("POST", "manage-enrolments"): lambda scene: {"people": [UserFactory().username]},
    ("POST", "manage-removals"): lambda scene: {"all": True},
    ("POST", "manage-preset-changes"): lambda scene: {"all": True, "preset": PresetFactory().name},
    ("POST", "manage-hooks"): lambda scene: {
        "name": f"Receiver for {scene.meeting.pk}",
        "url": "https://example.org",
        "kinds": ["session.ended"],
    },
    ("POST", "manage-hook-replay"): lambda scene: {"state": "failed"},
    ("PATCH", "manage-participant"): lambda scene: {"name": "Another name"},
}


def _send_nothing(scene: Scene) -> dict[str, Any]:
    return {}


@pytest.fixture(autouse=True)
def _no_provider(settings: LazySettings) -> None:
    # Rights are settled before RealtimeKit is asked; what waits for it is answered as pending, at once.
    settings.REALTIMEKIT_API_TOKEN = ""
    settings.MAIL_ENABLED, settings.ROLLCALL_PUBLIC_URL = True, "https://rollcall.example.org"


def build_scene(state: ParticipantState) -> Scene:
    now = timezone.now()
    token = {
        "token": "a token",
        "token_issued_at": now,
        "token_expires_at": now + timedelta(days=100),
        "token_expiry_source": ExpirySource.JWT,
    }
    row = EnrolledFactory(state=state, **token)
    return Scene(row.meeting, row)


def become(caller: str, scene: Scene) -> Client:
    if caller == "anonymous":
        return Client()
    if caller in KEY_CALLERS:
        return call_with_key(caller, scene.meeting)
    if caller == "enrolled":
        assert scene.participant.person.user
        return sign_in(scene.participant.person.user)
    if caller == "guest":
        # Nobody removed is anybody's guest; then it is the guest of another participant.
        removed = scene.participant.state == ParticipantState.REMOVED
        own = Scene(scene.meeting, EnrolledFactory(meeting=scene.meeting)) if removed else scene
        client, secret = APIClient(), {"secret": own.invitation.secret}
        assert client.post(reverse("api:redeem"), secret, format="json").status_code == 200
        return client
    user = _make_user(caller)
    if caller in {"manager", "deactivated"}:
        scene.meeting.managers.add(user)
    if caller == "other_manager":
        MadeMeetingFactory().managers.add(user)
    client = sign_in(user)
    if caller == "deactivated":
        User.objects.filter(pk=user.pk).update(is_active=False)
    return client


def _make_user(caller: str) -> User:
    user: User
    if caller == "superuser":
        user = AdminFactory()
    elif caller in PERMISSIONS:
        user = StaffFactory(permissions=[caller])
    elif caller == "staff":
        user = StaffFactory()
    else:
        user = UserFactory()
    return user


def call_each(callers: Sequence[str], method: str, name: str) -> dict[str, HttpResponse]:
    """Answers by caller. What one of them changed is undone before the next one calls."""
    removed = name == "manage-participant-restore"
    made = build_scene(ParticipantState.REMOVED if removed else ParticipantState.ENROLLED)
    answers = {}
    for caller in callers:
        cache.clear()  # somebody with the key of one whose making was undone is somebody else
        with undone():
            answers[caller] = _call(caller, method, name, Scene(made.meeting, made.participant))
    return answers


def _call(caller: str, method: str, name: str, scene: Scene) -> HttpResponse:
    body = BODIES.get((method, name), _send_nothing)(scene)
    client: Any = become(caller, scene)
    address = reverse(f"api:{name}", kwargs=scene.find_arguments(name))
    send = getattr(client, method.lower())
    answer: HttpResponse = send(address) if method == "GET" else send(address, body, content_type="application/json")
    return answer


def list_routes(patterns: list[URLPattern | URLResolver]) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from list_routes(pattern.url_patterns)
            continue
        view = pattern.callback.view_class  # type: ignore[attr-defined]  # every route of ours is a class
        for method in ("get", "post", "put", "patch", "delete"):
            if hasattr(view, method):
                yield method.upper(), str(pattern.name)


def test_the_matrix_has_a_row_for_every_method_of_every_route() -> None:
    assert set(OF_PEOPLE) == set(OF_KEYS) == set(list_routes(v1))


@pytest.mark.parametrize("row", MATRIX, ids=" ".join)
def test_each_caller_meets_the_status_the_matrix_says(row: tuple[str, str]) -> None:
    assert set(MATRIX[row]) == set(CALLERS)
    seen = {caller: answer.status_code for caller, answer in call_each(CALLERS, *row).items()}
    assert seen == {caller: MATRIX[row][caller] for caller in CALLERS}


@pytest.mark.parametrize("row", MATRIX, ids=" ".join)
def test_each_refusal_is_a_problem_that_names_its_code(row: tuple[str, str]) -> None:
    callers = ("anonymous", "plain", "other_manager", "key elsewhere", "key batches", "key expired")
    for answer in call_each(callers, *row).values():
        if answer.status_code >= 400:
            assert answer["Content-Type"] == "application/problem+json"
            assert b'"code"' in answer.content


@pytest.mark.parametrize(("method", "name"), MATRIX, ids=str)
def test_nobody_signed_in_learns_nothing_from_options(method: str, name: str) -> None:
    scene = build_scene(ParticipantState.ENROLLED)
    address = reverse(f"api:{name}", kwargs=scene.find_arguments(name))
    # The one route that asks nobody who they are knows a single method.
    assert Client().options(address).status_code == (405 if name == "redeem" else 401)


def test_staff_without_a_permission_see_an_empty_list() -> None:
    build_scene(ParticipantState.ENROLLED)
    assert sign_in(StaffFactory()).get(reverse("api:manage-meetings")).json()["results"] == []


@pytest.mark.parametrize("name", ["manage-meeting", "manage-participants", "manage-participant"])
def test_an_unknown_id_and_one_that_may_not_be_seen_are_answered_alike(name: str) -> None:
    scene = build_scene(ParticipantState.ENROLLED)
    client, arguments = become("other_manager", scene), scene.find_arguments(name)
    unseen = client.get(reverse(f"api:{name}", kwargs=arguments))
    unknown = client.get(reverse(f"api:{name}", kwargs=dict.fromkeys(arguments, PersonFactory().pk)))
    assert (unseen.status_code, unseen.json()) == (unknown.status_code, unknown.json())


def test_the_schema_and_its_pages_are_open_to_everybody() -> None:
    assert Client().get(reverse("schema")).status_code == 200
    assert Client().get(reverse("docs")).status_code == 200
