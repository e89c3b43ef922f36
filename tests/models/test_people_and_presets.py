import uuid

import pytest
from django.utils import timezone

from participants.models import Meeting, Participant, Person
from tests.factories import EnrolledFactory, GuestFactory, ParticipantFactory, PersonFactory

pytestmark = pytest.mark.django_db


def test_a_custom_id_is_a_random_uuid_that_tells_nothing() -> None:
    first, second = PersonFactory(), GuestFactory()
    assert uuid.UUID(first.custom_participant_id).version == 4
    assert first.custom_participant_id not in {second.custom_participant_id, str(first.pk)}


def test_a_custom_id_never_changes_on_save() -> None:
    person = PersonFactory()
    kept = person.custom_participant_id
    person.custom_participant_id, person.display_name = "another", "Renamed"
    person.save()
    person.refresh_from_db()
    assert (person.custom_participant_id, person.display_name) == (kept, "Renamed")


def test_a_participant_keeps_the_custom_id_it_was_added_under() -> None:
    row = EnrolledFactory()
    Person.objects.filter(pk=row.person_id).update(custom_participant_id="merged-away")
    row.refresh_from_db()
    assert row.custom_participant_id != "merged-away"


@pytest.mark.parametrize(
    ("name", "shown"), [("", "First Last"), ("Countess", "Countess"), ("", "x" * 100)], ids=["person", "own", "long"]
)
def test_a_participant_is_called_by_its_own_name_else_the_persons(name: str, shown: str) -> None:
    row = ParticipantFactory(name=name, person__display_name=shown if not name else "First Last")
    assert row.effective_name == shown


def test_rows_of_people_who_may_enter_nothing_are_found() -> None:
    EnrolledFactory()
    gone = [
        EnrolledFactory(person__user__is_active=False),
        ParticipantFactory(person__blocked_at="2027-01-01T00:00:00Z"),
        ParticipantFactory(person__erased_at="2027-01-01T00:00:00Z", state="failed"),
    ]
    ParticipantFactory(person__user__is_active=False, state="removed")
    assert set(Participant.objects.of_inactive()) == set(gone)


def test_drift_in_the_table_and_on_the_row_agree() -> None:
    settled = EnrolledFactory()
    drifted = [
        EnrolledFactory(applied_preset="group_call_host"),
        EnrolledFactory(applied_name="Old Name"),
        EnrolledFactory(name="Own Name"),
        EnrolledFactory(person__picture_url="https://example.org/p.png"),
    ]
    own = EnrolledFactory(name="Own Name", applied_name="Own Name")
    assert set(Participant.objects.drifted()) == set(drifted)
    assert all(row.find_drift() for row in drifted)
    assert settled.find_drift() == own.find_drift() == {}


def test_what_a_pass_looks_for_is_found_in_one_walk_over_the_rows() -> None:
    """PostgreSQL goes through a list inside of OR anew for each row, once it takes it for too long to hash."""
    now = timezone.now()
    for rows in (Participant.objects.unsettled(now), Meeting.objects.unsettled(now)):
        assert "IN (SELECT" not in str(rows.query).upper()
