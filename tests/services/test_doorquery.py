"""The compiled query of a join says what the ORM says."""

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import LiteralString

import psycopg
import pytest
from django.core.signals import request_started
from django.db import connection, transaction
from django.db.utils import NotSupportedError, OperationalError
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


def count_plans() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM pg_prepared_statements WHERE statement LIKE '%participants_preset%'")
        return int(cursor.fetchone()[0])


def run_beside(statement: LiteralString, *parameters: object) -> None:
    """On a connection of its own, as another process does."""
    known = connection.get_connection_params()
    where = {name: known[name] for name in ("host", "user", "dbname") if name in known}
    with psycopg.connect(**where, autocommit=True) as other:
        other.execute(statement, parameters)


def kill_connection() -> None:
    """As a database does that starts anew, or a proxy before it."""
    connection.ensure_connection()
    run_beside("SELECT pg_terminate_backend(%s, 5000)", connection.connection.info.backend_pid)


def begin_request() -> None:
    request_started.send(sender=None)


def test_a_plan_is_kept_with_the_connection_and_made_anew_when_a_migration_changed_a_column() -> None:
    row = make()
    assert row.person.user is not None
    for _ in range(3):
        assert doorquery.find_row(row.meeting_id, row.person.user) == row
    if connection.vendor != "postgresql":  # which alone keeps plans
        return
    assert count_plans() == 1
    run_beside("ALTER TABLE participants_meeting ALTER COLUMN title TYPE text")
    try:
        assert doorquery.find_row(row.meeting_id, row.person.user) == row
        assert count_plans() == 1
    finally:
        run_beside("ALTER TABLE participants_meeting ALTER COLUMN title TYPE varchar(100)")
    with pytest.raises(NotSupportedError), transaction.atomic():  # what else it did would be lost with the connection
        doorquery.find_row(row.meeting_id, row.person.user)
    assert doorquery.find_row(row.meeting_id, row.person.user) == row


def test_behind_a_pooler_that_knows_no_plans_none_are_kept() -> None:
    row = make()
    assert row.person.user is not None
    connection.close()
    options = dict(connection.settings_dict["OPTIONS"])
    connection.settings_dict["OPTIONS"].pop("prepare_threshold", None)
    try:
        for _ in range(3):
            assert doorquery.find_row(row.meeting_id, row.person.user) == row
        assert connection.vendor != "postgresql" or count_plans() == 0
    finally:
        connection.close()
        connection.settings_dict["OPTIONS"] = options


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One for each time that Django asks whether the connection is alive."""
    asked: list[str] = []
    answer = connection.is_usable

    def ask() -> bool:
        asked.append("is it?")
        return answer()

    monkeypatch.setattr(connection, "is_usable", ask)
    return asked


def test_a_kept_connection_is_used_without_asking_first_whether_it_is_alive(questions: list[str]) -> None:
    row = make()
    assert row.person.user is not None
    begin_request()
    assert doorquery.find_row(row.meeting_id, row.person.user) == row
    assert Participant.objects.get() == row
    assert questions == []
    begin_request()
    assert Participant.objects.get() == row
    assert len(questions) == (connection.vendor == "postgresql")


def test_one_that_died_meanwhile_is_made_anew(questions: list[str]) -> None:
    row = make()
    assert row.person.user is not None
    if connection.vendor != "postgresql":  # whose connections alone lead over a network
        return
    kill_connection()
    begin_request()
    assert doorquery.find_row(row.meeting_id, row.person.user) == row
    assert len(questions) == 1
    assert Participant.objects.get() == row


def test_one_that_dies_in_a_transaction_takes_it_along() -> None:
    row = make()
    user = row.person.user
    assert user is not None
    if connection.vendor != "postgresql":
        return
    begin_request()

    @transaction.atomic
    def die_and_look() -> None:
        kill_connection()
        doorquery.find_row(row.meeting_id, user)

    with pytest.raises(OperationalError):
        die_and_look()
    assert doorquery.find_row(row.meeting_id, user) == row
