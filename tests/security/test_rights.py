"""What a member of staff may not do can't be done by hand either; a manager reaches no other meeting."""

import uuid

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from participants.models import Event, EventKind, Meeting, Participant
from participants.states import MeetingState, ParticipantState
from tests.factories import (
    EnrolledFactory,
    MadeMeetingFactory,
    MeetingFactory,
    PersonFactory,
    PresetFactory,
    StaffFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)


def sign_in(user: User, *, csrf: bool = False) -> Client:
    client = Client(enforce_csrf_checks=csrf)
    client.force_login(user)
    return client


def make_manager(*rights: str) -> tuple[Client, Meeting, Meeting]:
    """A browser of a member of staff, the meeting they manage, and another one."""
    user = StaffFactory(permissions=list(rights))
    own, other = MadeMeetingFactory(), MadeMeetingFactory()
    own.managers.add(user)
    return sign_in(user), own, other


def test_who_sees_all_meetings_and_manages_one_retries_no_other() -> None:
    client, own, other = make_manager("view_meeting")
    Meeting.objects.update(last_error_code="refused", state=MeetingState.FAILED)
    form = {"action": "retry_chosen", "_selected_action": [str(own.pk), str(other.pk)]}
    answer = client.post(reverse("admin:participants_meeting_changelist"), form, follow=True)
    assert "you may not change it" in answer.content.decode()
    retried = Event.objects.filter(kind=EventKind.MEETING_RETRIED).values_list("meeting", flat=True)
    assert list(retried) == [own.pk]
    other.refresh_from_db()
    assert other.state == MeetingState.FAILED


@pytest.mark.parametrize("rights", [(), ("view_meeting", "view_participant", "view_person", "view_preset")])
def test_a_manager_changes_nothing_in_another_meeting(rights: tuple[str, ...]) -> None:
    client, _, other = make_manager(*rights)
    row = EnrolledFactory(meeting=other)
    removed = EnrolledFactory(meeting=other, state=ParticipantState.REMOVED)
    user = UserFactory()
    before = _picture()
    posts = [
        (reverse("admin:participants_meeting_change", args=[other.pk]), {"title": "Mine", "status": "INACTIVE"}),
        (reverse("admin:participants_meeting_enrol", args=[other.pk]), {"users": [user.pk], "preset": row.preset.pk}),
        (reverse("admin:participants_meeting_retry", args=[other.pk]), {}),
        (reverse("admin:participants_person_block", args=[row.person.pk]), {"post": "yes", "reason": "x"}),
        (reverse("admin:participants_person_unblock", args=[row.person.pk]), {"post": "yes"}),
        (reverse("admin:sync"), {}),
        (reverse("admin:connection"), {}),
    ]
    for name in ("refresh", "change_preset", "remove", "restore", "retry"):
        for target in (row, removed):
            form = {"post": "yes", "preset": str(row.preset.pk)}
            posts.append((reverse("admin:participants_participant_act", args=[target.pk, name]), form))
            chosen = {"action": name, "_selected_action": [str(target.pk)], **form}
            posts.append((reverse("admin:participants_participant_changelist"), chosen))
    for path, form in posts:
        answer = client.post(path, form)
        assert answer.status_code in (200, 302, 403, 404), (path, answer.status_code)
        if "/act/" not in path and "action" not in form:
            assert answer.status_code in (302, 403, 404), path
        assert _picture() == before, path


def _picture() -> list[object]:
    meetings = Meeting.objects.order_by("pk").values_list("pk", "title", "status", "state", "updated_at")
    rows = Participant.objects.order_by("pk").values_list("pk", "state", "preset", "token_issued_at", "attempts")
    return [*meetings, *rows, Event.objects.count()]


def test_no_page_is_changed_by_looking_at_it() -> None:
    boss = StaffFactory(is_superuser=True)
    client = sign_in(boss)
    meeting = MeetingFactory(state=MeetingState.FAILED, last_error_code="refused")
    row = EnrolledFactory(meeting=MadeMeetingFactory())
    before = _picture()
    paths = [
        reverse("admin:participants_meeting_enrol", args=[meeting.pk]) + f"?users={boss.pk}",
        reverse("admin:participants_meeting_retry", args=[meeting.pk]),
        reverse("admin:participants_person_block", args=[row.person.pk]) + "?reason=x&post=yes",
        reverse("admin:participants_person_unblock", args=[row.person.pk]),
        reverse("admin:sync"),
        reverse("admin:connection"),
        reverse("api:admission", args=[row.meeting_id]),
        *(
            reverse("admin:participants_participant_act", args=[row.pk, name]) + "?post=yes"
            for name in ("refresh", "change_preset", "remove", "restore", "retry")
        ),
    ]
    for path in paths:
        assert client.get(path).status_code in (200, 302), path
        client.head(path)
        assert _picture() == before, path


def test_an_action_is_not_taken_without_its_confirmation() -> None:
    client = sign_in(StaffFactory(is_superuser=True))
    row = EnrolledFactory(meeting=MadeMeetingFactory())
    before = _picture()
    for form in ({}, {"post": "no"}, {"post": ""}):
        client.post(reverse("admin:participants_participant_act", args=[row.pk, "remove"]), form)
        chosen = {"action": "remove", "_selected_action": [str(row.pk)], **form}
        client.post(reverse("admin:participants_participant_changelist"), chosen)
        assert _picture() == before, form


def test_every_change_needs_the_csrf_token() -> None:
    boss = StaffFactory(is_superuser=True)
    client = sign_in(boss, csrf=True)
    row = EnrolledFactory(meeting=MadeMeetingFactory())
    pk, meeting, person = [row.pk], [row.meeting_id], [row.person.pk]
    before = _picture()
    for name, args in (
        ("admin:participants_meeting_add", []),
        ("admin:participants_meeting_change", meeting),
        ("admin:participants_meeting_enrol", meeting),
        ("admin:participants_meeting_retry", meeting),
        ("admin:participants_person_block", person),
        ("admin:participants_person_unblock", person),
        ("admin:participants_participant_act", [row.pk, "remove"]),
        ("admin:participants_participant_changelist", []),
        ("admin:connection", []),
        ("admin:sync", []),
        ("admin:logout", []),
        ("login", []),
        ("logout", []),
        ("api:join", meeting),
        ("api:manage-meetings", []),
        ("api:manage-participants", meeting),
        ("api:manage-participant-restore", pk),
        ("api:manage-participant-token", pk),
    ):
        for content in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
            answer = client.generic("POST", reverse(name, args=args), b"{}", content_type=content)
            # 415: a form is no body of the API, which is found on the way to its token.
            assert answer.status_code in (403, 415), (name, content, answer.status_code)
    for method in ("PATCH", "DELETE"):
        assert client.generic(method, reverse("api:manage-participant", args=pk), b"{}").status_code == 403
        assert client.generic(method, reverse("api:manage-meeting", args=meeting), b"{}").status_code in (403, 405)
    assert _picture() == before


def test_a_manager_who_is_no_staff_sees_no_admin_page() -> None:
    user = UserFactory()
    meeting = MadeMeetingFactory()
    meeting.managers.add(user)
    client = sign_in(user)
    for path in ("/admin/", f"/admin/participants/meeting/{meeting.pk}/enrol/", "/admin/autocomplete/"):
        assert client.get(path).status_code == 302


def test_a_preset_that_is_gone_or_unknown_is_not_chosen_by_its_id() -> None:
    client = sign_in(StaffFactory(is_superuser=True))
    row = EnrolledFactory(meeting=MadeMeetingFactory())
    gone = PresetFactory(name="old", gone_at="2026-01-01T00:00:00Z")
    before = _picture()
    for key in (gone.pk, uuid.uuid4(), "x", "\0"):
        form = {"post": "yes", "preset": str(key), "users": [UserFactory().pk]}
        client.post(reverse("admin:participants_participant_act", args=[row.pk, "change_preset"]), form)
        client.post(reverse("admin:participants_meeting_enrol", args=[row.meeting_id]), form)
        assert _picture() == before


def test_looking_people_up_needs_a_right() -> None:
    query = "?app_label=participants&model_name=person&field_name=user&term="
    UserFactory(username="ada")
    url = reverse("admin:autocomplete") + query
    assert sign_in(StaffFactory(permissions=["view_participant"])).get(url).status_code == 403
    people = "?app_label=participants&model_name=participant&field_name=person&term="
    PersonFactory()
    enroller = sign_in(StaffFactory(permissions=["add_participant"]))
    assert enroller.get(url).status_code == 200
    assert enroller.get(reverse("admin:autocomplete") + people).status_code == 403
