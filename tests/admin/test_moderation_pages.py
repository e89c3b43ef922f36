"""Putting people out and ending a session, from a participant's page, the list and the live board."""

import pytest
from django.test import Client
from django.urls import reverse

from participants.models import Actor, Event, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import enrolment, mirror
from participants.services.mirror import PeerNews, SessionNews
from participants.states import KnownBy, Source
from tests.admin.conftest import sign_in
from tests.factories import NOW, PersonFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(meeting: Meeting, by: Actor) -> Participant:
    return enrol(meeting, "Ada", by)


def enrol(meeting: Meeting, name: str, by: Actor) -> Participant:
    person = PersonFactory(user__first_name=name)
    return enrolment.enrol(meeting=meeting, person=person, preset=None, source=Source.ADMIN, by=by).participant


def enter(sandbox: Sandbox, row: Participant) -> None:
    """They are in the room, and we know."""
    room = str(row.meeting.realtimekit_id)
    session_id = sandbox.world.start_session(room, [str(row.realtimekit_id)]).id
    peer = PeerNews("peer", row.custom_participant_id, joined_at=NOW)
    mirror.merge_peer(SessionNews(session_id, room, started_at=NOW), peer, known_by=KnownBy.WEBHOOK)


def is_inside(sandbox: Sandbox, meeting: Meeting) -> bool:
    session = sandbox.world.session(str(meeting.realtimekit_id))
    return session is not None and bool(session.present)


def kick_address(row: Participant) -> str:
    return f"{reverse('admin:participants_participant_act', args=[row.pk, 'kick'])}?board={row.meeting_id}"


def board_of(meeting: Meeting) -> str:
    return reverse("admin:participants_meeting_board", args=[meeting.pk])


def end_of(meeting: Meeting) -> str:
    return reverse("admin:participants_meeting_end", args=[meeting.pk])


def test_somebody_is_put_out_from_the_board_after_a_question(
    staff: Client, sandbox: Sandbox, meeting: Meeting, ada: Participant
) -> None:
    enter(sandbox, ada)
    assert kick_address(ada) in staff.get(board_of(meeting)).content.decode()
    assert "They stay enrolled" in staff.get(kick_address(ada)).content.decode()
    assert is_inside(sandbox, meeting)
    answer = staff.post(kick_address(ada), {"post": "yes"}, follow=True)
    assert answer.redirect_chain[-1][0] == board_of(meeting)
    assert "RealtimeKit put them out" in answer.content.decode()
    assert not is_inside(sandbox, meeting)
    assert Participant.objects.get(pk=ada.pk).state == "enrolled"


def test_the_board_as_data_names_the_same_address(
    staff: Client, sandbox: Sandbox, meeting: Meeting, ada: Participant
) -> None:
    enter(sandbox, ada)
    told = staff.get(reverse("admin:participants_meeting_board_json", args=[meeting.pk])).json()
    assert [one["kick"] for column in told["columns"] for one in column["members"]] == [kick_address(ada)]


def test_who_was_not_inside_is_said_so(staff: Client, meeting: Meeting, ada: Participant) -> None:
    html = staff.post(kick_address(ada), {"post": "yes"}, follow=True).content.decode()
    assert "They were not in the session" in html
    assert not Event.objects.filter(kind="session.kicked").exists()


def test_an_outage_puts_nobody_out_and_says_so(
    staff: Client, sandbox: Sandbox, meeting: Meeting, ada: Participant
) -> None:
    enter(sandbox, ada)
    sandbox.faults.down()
    html = staff.post(kick_address(ada), {"post": "yes"}, follow=True).content.decode()
    assert "could not be told, so they are where they were" in html
    assert not Event.objects.filter(kind="session.kicked").exists()


def test_several_are_put_out_from_the_list(
    staff: Client, sandbox: Sandbox, meeting: Meeting, ada: Participant, by: Actor
) -> None:
    grace = enrol(meeting, "Grace", by)
    enter(sandbox, ada)
    form = {"action": "kick", "_selected_action": [ada.pk, grace.pk], "post": "yes"}
    html = staff.post("/admin/participants/participant/", form, follow=True).content.decode()
    assert "RealtimeKit put them out" in html
    assert "They were not in the session" in html


def test_a_session_is_ended_after_a_question(
    staff: Client, sandbox: Sandbox, meeting: Meeting, ada: Participant
) -> None:
    enter(sandbox, ada)
    assert "1 person is put out" in staff.get(end_of(meeting)).content.decode()
    assert is_inside(sandbox, meeting)
    html = staff.post(end_of(meeting), follow=True).content.decode()
    assert "RealtimeKit put everybody out" in html
    assert not is_inside(sandbox, meeting)
    assert Event.objects.get(kind="session.ended").data["reason"] == "asked"
    assert "there was none to end" in staff.post(end_of(meeting), follow=True).content.decode()


def test_ending_during_an_outage_promises_nothing(
    staff: Client, sandbox: Sandbox, meeting: Meeting, ada: Participant
) -> None:
    enter(sandbox, ada)
    sandbox.faults.down()
    assert "did not confirm that the session ended" in staff.post(end_of(meeting), follow=True).content.decode()
    assert not Event.objects.filter(kind="session.ended").exists()


def test_who_may_only_look_is_offered_neither(sandbox: Sandbox, meeting: Meeting, ada: Participant) -> None:
    enter(sandbox, ada)
    reader = sign_in("view_presence", "view_participant", "view_meeting")
    html = reader.get(board_of(meeting)).content.decode()
    assert "Ada" in html
    assert kick_address(ada) not in html
    assert end_of(meeting) not in html
    assert reader.post(end_of(meeting)).status_code == 403
    assert reader.post(kick_address(ada), {"post": "yes"}).status_code == 403
    assert is_inside(sandbox, meeting)
