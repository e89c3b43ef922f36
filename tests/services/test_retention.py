"""Each kind of data goes when its time is over, and not before."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessLog
from django.conf import LazySettings

from participants import conf
from participants.models import (
    Actor,
    Attendance,
    BatchRow,
    DriftItem,
    DriftReport,
    Event,
    EventKind,
    Message,
    Presence,
    Session,
)
from participants.models.event import record
from participants.realtimekit import Deadline
from participants.services import retention
from participants.states import DriftKind, MessageKind, MessageState
from tests.factories import (
    NOW,
    AttendanceFactory,
    BatchFactory,
    DriftReportFactory,
    EnrolledFactory,
    PresenceFactory,
    SessionFactory,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _ten_days(settings: LazySettings) -> None:
    for name in conf.read_retention():
        setattr(settings, f"RETENTION_{name.upper()}_DAYS", 10)


@pytest.fixture
def traces(by: Actor) -> None:
    """One row of every kind, ten days ago."""
    with time_machine.travel(NOW, tick=False):
        row = EnrolledFactory()
        session = SessionFactory(meeting=row.meeting, started_at=NOW, came_count=1)
        AttendanceFactory(session=session, participant=row)
        PresenceFactory(session=session, participant=row, joined=0)
        for state in (MessageState.SENT, MessageState.WAITING):
            Message.objects.create(
                kind=MessageKind.INVITATION,
                state=state,
                meeting=row.meeting,
                person=row.person,
                address="ada@example.org",
                subject="Algebra",
                sequence=4,
            )
        batch = BatchFactory(meeting=row.meeting)
        BatchRow.objects.create(batch=batch, position=9, line=9, input="ada@example.org", participant=row)
        for _ in range(2):
            DriftItem.objects.create(report=DriftReportFactory(meeting=row.meeting), kind=DriftKind.NAME_DIFFERS)
        AccessLog.objects.create(username="ada")
        record(EventKind.ENROLLED, by, participant=row)


def count() -> dict[str, int]:
    return {
        "attendance": Presence.objects.count() + Attendance.objects.count(),
        "messages": Message.objects.exclude(address="").count(),
        "batches": BatchRow.objects.exclude(input="").count(),
        "comparisons": DriftReport.objects.count() + DriftItem.objects.count(),
        "sign_ins": AccessLog.objects.count(),
        "events": Event.objects.exclude(kind=EventKind.FORGOTTEN).count(),
    }


def run_after(days: int, by: Actor, **limits: Any) -> dict[str, int]:
    with time_machine.travel(NOW + days * DAY + timedelta(hours=2), tick=False):
        return retention.forget(by=by, deadline=Deadline.after(limits.get("seconds", 60)))


def test_nothing_goes_before_its_time(traces: None, by: Actor) -> None:
    before = count()
    assert run_after(9, by) == {}
    assert count() == before


def test_everything_goes_after_its_time_but_what_is_still_needed(traces: None, by: Actor) -> None:
    run_after(11, by)
    # A mail that waits, and the newest comparison of a meeting with what it found.
    assert count() == {**dict.fromkeys(count(), 0), "messages": 1, "comparisons": 2}


def test_counts_stay(traces: None, by: Actor) -> None:
    run_after(11, by)
    assert Session.objects.get().came_count == 1
    assert Message.objects.filter(sequence=4).count() == 2
    assert BatchRow.objects.filter(participant__isnull=False).exists()


@pytest.mark.parametrize("kind", [kind.name for kind in retention.KINDS])
def test_zero_days_keep_a_kind_for_ever(traces: None, by: Actor, settings: LazySettings, kind: str) -> None:
    setattr(settings, f"RETENTION_{kind.upper()}_DAYS", 0)
    before = count()[kind]
    run_after(4000, by)
    assert count()[kind] == before


def test_every_kind_has_a_setting_and_every_setting_a_kind() -> None:
    assert {kind.name for kind in retention.KINDS} == set(conf.read_retention())


def test_what_was_forgotten_is_on_record_without_whom(traces: None, by: Actor) -> None:
    told = run_after(11, by)
    event = Event.objects.get(kind=EventKind.FORGOTTEN)
    assert (event.data, event.person) == (told, None)
    assert told["events"] >= 1


def test_many_rows_go_in_steps(by: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK", 2)
    with time_machine.travel(NOW, tick=False):
        for _ in range(5):
            record(EventKind.SYNCED, by)
    assert run_after(11, by, seconds=0) == {}
    assert run_after(11, by) == {"events": 5}
