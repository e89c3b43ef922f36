"""Consent: each wording is a version, and who agreed to which of them, when, can be told later."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from participants import gateway
from participants.errors import NotAdmitted
from participants.models import Actor, ConsentText, Event, EventKind, Meeting, Participant
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import consents, dossiers, erasing, issuing, joining, meetings, removal, renewal
from participants.services.joining import Admitted
from participants.states import AdmissionPolicy, ConsentState
from tests.factories import MadeMeetingFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2027, 1, 11, 8, 0, tzinfo=UTC)
RECORDED = "This meeting is recorded.\n\nThe recording is kept for a year."


def write(meeting: Meeting, text: str, by: Actor) -> uuid.UUID:
    """The id of the meeting's new text."""
    meetings.store(meeting, by=by, consent_text=text, changed=[])
    meeting.refresh_from_db()
    assert meeting.consent_id is not None
    return meeting.consent_id


def join(row: Participant, by: Actor, agrees_to: uuid.UUID | None = None) -> Admitted:
    assert row.person.user is not None
    return joining.join(meeting_id=row.meeting_id, user=row.person.user, by=by, agrees_to=agrees_to)


def refuse(row: Participant, by: Actor, agrees_to: uuid.UUID | None = None) -> NotAdmitted:
    with pytest.raises(NotAdmitted) as refused:
        join(row, by, agrees_to)
    return refused.value


def list_agreements() -> list[tuple[uuid.UUID | None, object]]:
    events = Event.objects.filter(kind=EventKind.CONSENTED).order_by("created_at")
    return [(event.participant_id, event.data["version"]) for event in events]


# What staff write


def test_each_change_is_a_new_version_and_the_old_ones_stay(meeting: Meeting) -> None:
    boss = Actor.of(UserFactory(username="boss"), via="admin")
    first = write(meeting, RECORDED, boss)
    second = write(meeting, RECORDED + "!", boss)
    assert first != second
    versions = [(text.number, text.text, text.written_by) for text in consents.list_versions(meeting)]
    assert versions == [(2, RECORDED + "!", "boss"), (1, RECORDED, "boss")]
    told = Event.objects.filter(kind=EventKind.MEETING_CHANGED).order_by("created_at").values_list("data", flat=True)
    assert list(told) == [{"consent_version": 1}, {"consent_version": 2}]


def test_the_same_words_with_other_line_ends_are_no_new_version(meeting: Meeting, by: Actor) -> None:
    first = write(meeting, RECORDED, by)
    assert write(meeting, f"  {RECORDED} \n".replace("\n", "\r\n"), by) == first
    assert ConsentText.objects.count() == 1


def test_other_changes_of_the_meeting_leave_the_text_alone(meeting: Meeting, by: Actor) -> None:
    first = write(meeting, RECORDED, by)
    meetings.edit(meeting, by=by, title="Topology")
    meeting.refresh_from_db()
    assert (meeting.title, meeting.consent_id) == ("Topology", first)


def test_of_two_who_write_at_once_each_makes_a_version_of_their_own(meeting: Meeting, by: Actor) -> None:
    stale = Meeting.objects.get(pk=meeting.pk)
    write(meeting, RECORDED, by)
    write(stale, "Nobody records this.", by)
    assert list(ConsentText.objects.order_by("number").values_list("number", flat=True)) == [1, 2]


def test_a_text_of_any_length_is_not_taken(meeting: Meeting, by: Actor) -> None:
    with pytest.raises(ValidationError):
        meetings.store(meeting, by=by, consent_text="a" * 5_001, changed=[])
    assert not ConsentText.objects.exists()


def test_a_text_is_never_rewritten(meeting: Meeting, by: Actor) -> None:
    write(meeting, RECORDED, by)
    text = ConsentText.objects.get()
    text.text = "I sell my soul."
    with pytest.raises(TypeError):
        text.save()
    with pytest.raises(TypeError):
        ConsentText.objects.update(text="I sell my soul.")
    with pytest.raises(TypeError):
        text.delete()
    if connection.vendor == "postgresql":
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            ConsentText._base_manager.update(text="I sell my soul.")
    assert ConsentText.objects.get().text == RECORDED


def test_whoever_wrote_it_can_be_deleted_and_the_text_stays(meeting: Meeting) -> None:
    boss = UserFactory(username="boss")
    write(meeting, RECORDED, Actor.of(boss, via="admin"))
    boss.delete()
    assert (ConsentText.objects.get().text, ConsentText.objects.get().written_by) == (RECORDED, "")


# At the door


def test_nobody_joins_without_agreeing_and_is_shown_the_text(meeting: Meeting, ada: Participant, by: Actor) -> None:
    text = write(meeting, RECORDED, by)
    refused = refuse(ada, by)
    assert refused.code == "consent_required"
    assert refused.data == {"consent": {"id": str(text), "version": 1, "text": RECORDED}}
    assert list_agreements() == []


def test_agreeing_and_joining_is_one_call_that_is_on_record(meeting: Meeting, ada: Participant, by: Actor) -> None:
    text = write(meeting, RECORDED, by)
    with time_machine.travel(NOW, tick=False):
        assert join(ada, by, text).participant.token
    ada.refresh_from_db()
    assert (ada.consented_to_id, ada.consented_at) == (text, NOW)
    assert list_agreements() == [(ada.pk, 1)]


def test_who_has_agreed_is_not_asked_again_nor_noted_twice(meeting: Meeting, ada: Participant, by: Actor) -> None:
    text = write(meeting, RECORDED, by)
    join(ada, by, text)
    agreed_at = Participant.objects.get(pk=ada.pk).consented_at
    assert join(ada, by).participant.token
    assert join(ada, by, text).participant.token
    assert list_agreements() == [(ada.pk, 1)]
    assert Participant.objects.get(pk=ada.pk).consented_at == agreed_at


def test_a_changed_text_asks_everybody_again(meeting: Meeting, ada: Participant, by: Actor) -> None:
    first = write(meeting, RECORDED, by)
    join(ada, by, first)
    second = write(meeting, "This meeting is not recorded.", by)
    assert refuse(ada, by).data["consent"]["id"] == str(second)
    assert refuse(ada, by, first).data["consent"]["text"] == "This meeting is not recorded."
    join(ada, by, second)
    assert list_agreements() == [(ada.pk, 1), (ada.pk, 2)]


def test_an_emptied_text_ends_the_asking(meeting: Meeting, ada: Participant, by: Actor) -> None:
    text = write(meeting, RECORDED, by)
    meetings.store(meeting, by=by, consent_text=" \n ", changed=[])
    assert join(ada, by).participant.token
    assert join(ada, by, text).participant.token  # from a page that was opened before
    assert list_agreements() == []


def test_another_meetings_text_is_no_consent(meeting: Meeting, ada: Participant, by: Actor) -> None:
    write(meeting, RECORDED, by)
    other = MadeMeetingFactory()
    foreign = write(other, RECORDED, by)
    assert refuse(ada, by, foreign).code == "consent_required"
    assert refuse(ada, by, uuid.uuid4()).code == "consent_required"
    assert list_agreements() == []


def test_a_text_written_between_the_look_and_the_word_is_asked_for(
    meeting: Meeting, ada: Participant, by: Actor
) -> None:
    first = write(meeting, RECORDED, by)
    seen = Participant.objects.with_relations().get(pk=ada.pk)
    assert seen.meeting.consent_id == first
    second = write(meeting, "This meeting is streamed.", by)
    with pytest.raises(NotAdmitted) as refused:
        joining.enter(seen, by=by, renew=False, agrees_to=first)
    assert refused.value.data["consent"]["id"] == str(second)
    assert (list_agreements(), Participant.objects.get(pk=ada.pk).consented_to_id) == ([], None)


def test_somebody_removed_at_that_very_moment_agrees_to_nothing(
    meeting: Meeting, ada: Participant, by: Actor
) -> None:
    text = write(meeting, RECORDED, by)
    seen = Participant.objects.with_relations().get(pk=ada.pk)
    removal.remove(ada, by=by)
    with pytest.raises(NotAdmitted) as refused:
        joining.enter(seen, by=by, renew=False, agrees_to=text)
    assert (refused.value.code, list_agreements()) == ("removed", [])


def test_a_door_that_is_shut_says_so_first_and_notes_nothing(meeting: Meeting, ada: Participant, by: Actor) -> None:
    text = write(meeting, RECORDED, by)
    Meeting.objects.update(opens_at=timezone.now() + timedelta(hours=1))
    assert refuse(ada, by).code == "too_early"
    assert refuse(ada, by, text).code == "too_early"
    assert list_agreements() == []


def test_a_restored_participant_has_agreed_still(meeting: Meeting, ada: Participant, by: Actor) -> None:
    text = write(meeting, RECORDED, by)
    join(ada, by, text)
    removal.remove(Participant.objects.with_relations().get(pk=ada.pk), by=by)
    assert refuse(ada, by, text).code == "removed"
    removal.mark_restored(Participant.objects.with_relations().get(pk=ada.pk), by=by)
    assert join(ada, by).participant.token


def test_who_comes_without_being_enrolled_is_enrolled_once_they_agree(meeting: Meeting, by: Actor) -> None:
    text = write(meeting, RECORDED, by)
    Meeting.objects.update(admission=AdmissionPolicy.SIGNED_IN)
    newcomer: User = UserFactory(username="newcomer")
    with pytest.raises(NotAdmitted) as refused:
        joining.join(meeting_id=meeting.pk, user=newcomer, by=by)
    assert (refused.value.code, Participant.objects.count()) == ("consent_required", 0)
    row = joining.join(meeting_id=meeting.pk, user=newcomer, by=by, agrees_to=text).participant
    assert row.token
    assert list_agreements() == [(row.pk, 1)]


def test_a_back_end_gets_no_token_for_somebody_who_has_not_agreed(
    meeting: Meeting, ada: Participant, by: Actor
) -> None:
    text = write(meeting, RECORDED, by)
    row = Participant.objects.with_relations().get(pk=ada.pk)
    with pytest.raises(NotAdmitted) as refused:
        issuing.issue(row, by=by)
    assert refused.value.code == "consent_required"
    assert not Event.objects.filter(kind=EventKind.ISSUED).exists()
    assert issuing.issue(row, by=by, agrees_to=text).participant.token
    assert list_agreements() == [(ada.pk, 1)]


def test_a_new_token_is_refused_to_who_has_yet_to_agree(
    meeting: Meeting, ada: Participant, by: Actor, sandbox: Sandbox
) -> None:
    write(meeting, RECORDED, by)
    assert ada.person.user is not None
    with pytest.raises(NotAdmitted):
        joining.join(meeting_id=meeting.pk, user=ada.person.user, by=by, renew=True)
    assert sandbox.requests.count("participants.refresh") == 0


def test_tokens_are_kept_warm_for_those_who_have_yet_to_agree(
    meeting: Meeting, ada: Participant, by: Actor, sandbox: Sandbox
) -> None:
    write(meeting, RECORDED, by)
    row = Participant.objects.with_relations().get(pk=ada.pk)
    assert renewal.renew(row, deadline=Deadline.after(10), by=by, client=gateway.get_client())
    assert refuse(ada, by).code == "consent_required"


# Afterwards


@pytest.mark.parametrize("state", ConsentState, ids=[state.value for state in ConsentState])
def test_people_are_found_by_whether_they_agreed(
    meeting: Meeting, ada: Participant, by: Actor, state: ConsentState
) -> None:
    first = write(meeting, RECORDED, by)
    if state == ConsentState.AGREED:
        join(ada, by, first)
    elif state == ConsentState.WAITING:
        join(ada, by, first)
        write(meeting, "This meeting is streamed.", by)
    else:
        join(ada, by, first)
        meetings.store(meeting, by=by, consent_text="", changed=[])
    row = Participant.objects.select_related("meeting").get(pk=ada.pk)
    assert consents.find_state(row) == state
    for each in ConsentState:
        assert Participant.objects.filter(consents.find_by_state(each)).exists() == (each == state)


def test_what_is_handed_out_holds_the_wording_and_when(meeting: Meeting, ada: Participant, by: Actor) -> None:
    text = write(meeting, RECORDED, by)
    with time_machine.travel(NOW, tick=False):
        join(ada, by, text)
    (told,) = dossiers.collect(ada.person, by=by)["rows"]["Participant"]
    assert (told["consented_to"], told["consented_to_text"]) == (str(text), RECORDED)
    assert told["consented_at"] == "2027-01-11T08:00:00Z"


def test_that_somebody_agreed_stays_when_they_are_erased_under_their_opaque_id(
    meeting: Meeting, ada: Participant, by: Actor
) -> None:
    text = write(meeting, RECORDED, by)
    join(ada, by, text)
    erasing.erase(ada.person, by=by, deadline=Deadline.after(30))
    ada.refresh_from_db()
    assert (ada.consented_to_id, ada.consented_at is not None) == (text, True)
    assert list_agreements() == [(ada.pk, 1)]
