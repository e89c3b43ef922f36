"""Who may do what: every route and method of the API against every kind of caller."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, reverse
from pytest_django import DjangoDbBlocker

from participants.api.urls import v1
from participants.states import ParticipantState
from tests.adjusting import QUICK
from tests.api.callers import EVERYBODY, NOT_MANAGING, Answers, expect
from tests.api.conftest import sign_in
from tests.api.keymatrix import OF_KEYS
from tests.api.matrix_of_invitations import INVITATION_BODIES, list_rows
from tests.api.matrixcast import CALLERS, Cast, Scene, become, build_scene, make_cast
from tests.factories import (
    PersonFactory,
    PresetFactory,
    StaffFactory,
    UserFactory,
)
from tests.undoing import undone

pytestmark = pytest.mark.django_db

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


MATRIX = {row: answers | OF_KEYS.get(row, {}) for row, answers in OF_PEOPLE.items()}


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


Casts = dict[ParticipantState, Cast]


@pytest.fixture(scope="module")
def casts(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Casts]:
    """One for all rows: making callers takes longer than their calls, which are undone one by one."""
    with django_db_blocker.unblock(), undone():
        with override_settings(**QUICK):
            found = {state: make_cast(state) for state in (ParticipantState.ENROLLED, ParticipantState.REMOVED)}
        yield found


def call_each(cast: Cast, callers: Sequence[str], method: str, name: str) -> dict[str, HttpResponse]:
    """Answers by caller. What one of them changed is undone before the next one calls."""
    answers = {}
    for caller in callers:
        cache.clear()  # a row with the key of one whose making was undone is another row
        with undone():
            answers[caller] = _call(cast, caller, method, name)
    return answers


def _call(cast: Cast, caller: str, method: str, name: str) -> HttpResponse:
    body = BODIES.get((method, name), _send_nothing)(cast.scene)
    client: Any = cast.call(caller)
    address = reverse(f"api:{name}", kwargs=cast.scene.find_arguments(name))
    send = getattr(client, method.lower())
    answer: HttpResponse = send(address) if method == "GET" else send(address, body, content_type="application/json")
    return answer


def find_cast(casts: Casts, name: str) -> Cast:
    restoring = name == "manage-participant-restore"
    return casts[ParticipantState.REMOVED if restoring else ParticipantState.ENROLLED]


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
def test_each_caller_meets_the_status_the_matrix_says(casts: Casts, row: tuple[str, str]) -> None:
    assert set(MATRIX[row]) == set(CALLERS)
    seen = {
        caller: answer.status_code for caller, answer in call_each(find_cast(casts, row[1]), CALLERS, *row).items()
    }
    assert seen == {caller: MATRIX[row][caller] for caller in CALLERS}


@pytest.mark.parametrize("row", MATRIX, ids=" ".join)
def test_each_refusal_is_a_problem_that_names_its_code(casts: Casts, row: tuple[str, str]) -> None:
    callers = ("anonymous", "plain", "other_manager", "key elsewhere", "key batches", "key expired")
    for answer in call_each(find_cast(casts, row[1]), callers, *row).values():
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
