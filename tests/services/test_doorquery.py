"""The compiled query of a join says what the ORM says."""

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.utils import timezone

from participants.models import Participant
from participants.services import doorquery
from tests.factories import EnrolledFactory, ParticipantFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
Queries = Callable[[int], AbstractContextManager[object]]


def make() -> Participant:
    now = timezone.now()
    times = {"opens_at": now - timedelta(hours=1), "closes_at": now + timedelta(hours=1)}
    row: Participant = EnrolledFactory(
        token="eyJ-a-token",
        token_issued_at=now,
        token_expires_at=now + timedelta(days=90),
        **{f"meeting__{name}": value for name, value in times.items()},
    )
    return row


def test_every_loaded_value_is_what_the_orm_reads(django_assert_num_queries: Queries) -> None:
    row = make()
    assert row.person.user is not None
    ParticipantFactory(meeting=row.meeting)
    expected = Participant.objects.select_related("meeting", "person", "preset").get(pk=row.pk)
    with django_assert_num_queries(1):
        found = doorquery.find_row(row.meeting_id, row.person.user)
    assert found == expected
    for one, other in ((found, expected), *((getattr(found, n), getattr(expected, n)) for n in RELATED)):
        loaded = set(one.__dict__) & {field.attname for field in one._meta.concrete_fields}
        assert {name: getattr(one, name) for name in loaded} == {name: getattr(other, name) for name in loaded}
    assert found is not None
    assert found.token == "eyJ-a-token"


RELATED = ("meeting", "person", "preset")


def test_a_column_left_out_is_fetched_when_it_is_asked_for(django_assert_num_queries: Queries) -> None:
    row = make()
    assert row.person.user is not None
    found = doorquery.find_row(row.meeting_id, row.person.user)
    assert found is not None
    with django_assert_num_queries(1):
        assert found.source == row.source


def test_whoever_is_not_enrolled_is_not_found() -> None:
    row = make()
    assert row.person.user is not None
    assert doorquery.find_row(row.meeting_id, UserFactory()) is None
    assert doorquery.find_row(uuid.uuid4(), row.person.user) is None
