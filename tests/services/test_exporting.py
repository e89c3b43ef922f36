"""Files of exactly what a list shows: streamed as CSV, or made in the background as a spreadsheet."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from openpyxl import load_workbook

from participants.errors import ExportGone, RightsChanged, TooManyRows, UnreadableFilter
from participants.models import Actor, Event, EventKind, Export
from participants.models.event import record
from participants.services import exporting, passes, reportfiles, reports
from participants.services.reports import SUBJECTS
from participants.services.zones import find_zone
from participants.states import ExportState
from tests.factories import (
    NOW,
    AdminFactory,
    EnrolledFactory,
    GuestFactory,
    MadeMeetingFactory,
    PresenceFactory,
    SessionFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> User:
    user: User = AdminFactory(username="boss")
    return user


def hold(*names: str, title: str = "Algebra") -> Any:
    """A lesson to which the first of them came ten minutes late, and the others not at all."""
    session = SessionFactory(started_at=NOW, meeting=MadeMeetingFactory(title=title))
    for place, name in enumerate(names):
        row = EnrolledFactory(meeting=session.meeting, person=GuestFactory(display_name=name))
        PresenceFactory(session=session, participant=row, **({} if place else {"joined": 10}))
    return session


def read_csv(user: User, by: Actor, query: str = "", *, subject: str = "attendance", zone: str = "UTC") -> list[Any]:
    asked = reports.read_query(SUBJECTS[subject], query, find_zone(zone))
    text = "".join(reportfiles.stream_csv(SUBJECTS[subject], user, asked, by=by))
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:])))


def make(user: User, by: Actor, query: str = "", *, subject: str = "attendance", zone: str = "UTC") -> Export:
    asked = reports.read_query(SUBJECTS[subject], query, find_zone(zone))
    export = exporting.ask(user, asked, by=by)
    assert exporting.work(by=by)
    return Export.objects.get(pk=export.pk)


def read_xlsx(export: Export) -> list[list[Any]]:
    sheet = load_workbook(io.BytesIO(bytes(export.content or b"")), read_only=True).worksheets[0]
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def test_the_csv_holds_exactly_what_the_filter_shows(boss: User, by: Actor) -> None:
    hold("Ada", "Bob")
    hold("Chidi", title="Physics")
    assert {row["person"] for row in read_csv(boss, by)} == {"Ada", "Bob", "Chidi"}
    (row,) = read_csv(boss, by, "late_more_than_minutes=5&q=algebra")
    assert (row["person"], row["meeting"], row["came"]) == ("Ada", "Algebra", "yes")
    assert (row["minutes present"], row["minutes late"], row["% of the window"]) == ("50.0", "10.0", "83.3")
    assert row["joined (UTC)"] == "2027-01-11 08:10:00"


def test_times_are_the_readers(boss: User, by: Actor) -> None:
    hold("Ada")
    (row,) = read_csv(boss, by, zone="America/New_York")
    assert row["joined (America/New_York)"] == "2027-01-11 03:10:00"


SUMMER_ENDS = datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
"""02:30 in Berlin, for the first time that night; an hour later the clocks show it again."""
SUMMER_BEGINS = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
"""01:30 in Berlin; half an hour later it is 03:00."""


def meet(began: datetime, minutes: float) -> None:
    """Somebody stays for so long from the beginning of a session."""
    session = SessionFactory(started_at=began, ended_at=began + timedelta(hours=2), meeting=MadeMeetingFactory())
    row = EnrolledFactory(meeting=session.meeting, person=GuestFactory(display_name="Ada"))
    PresenceFactory(session=session, participant=row, joined=0, minutes=minutes)


@pytest.mark.parametrize(
    ("began", "joined", "left"),
    [
        (SUMMER_ENDS, ("02:30:00", "UTC+02:00"), ("02:30:00", "UTC+01:00")),
        (SUMMER_BEGINS, ("01:30:00", "UTC+01:00"), ("03:30:00", "UTC+02:00")),
    ],
    ids=["summer ends", "summer begins"],
)
def test_the_offset_tells_hours_apart_that_a_clock_shows_twice(
    boss: User, by: Actor, began: datetime, joined: tuple[str, str], left: tuple[str, str]
) -> None:
    meet(began, minutes=60)
    heading, cells = read_xlsx(make(boss, by, zone="Europe/Berlin"))
    sheet = dict(zip(heading, cells, strict=True))
    (row,) = read_csv(boss, by, zone="Europe/Berlin")
    for name, (clock, offset) in (("joined", joined), ("left", left)):
        written = f"{began:%Y-%m-%d} {clock}"
        assert (row[f"{name} (Europe/Berlin)"], row[f"{name}, offset"]) == (written, offset)
        assert (str(sheet[f"{name} (Europe/Berlin)"]), sheet[f"{name}, offset"]) == (written, offset)
        told = datetime.strptime(f"{written} {offset[3:]}", "%Y-%m-%d %H:%M:%S %z")
        assert told == began + timedelta(hours=1 if name == "left" else 0)


def test_every_time_has_its_offset_and_utc_needs_none(boss: User, by: Actor) -> None:
    hold("Ada")
    for subject in SUBJECTS:
        headings = list(read_csv(boss, by, subject=subject, zone="America/St_Johns")[0])
        times = [name.removesuffix(" (America/St_Johns)") for name in headings if name.endswith("St_Johns)")]
        assert times
        assert headings[-len(times) :] == [f"{name}, offset" for name in times]
        assert not [name for name in read_csv(boss, by, subject=subject)[0] if name.endswith("offset")]
    (row,) = read_csv(boss, by, zone="America/St_Johns")
    assert row["joined, offset"] == "UTC-03:30"
    assert row["session ended, offset"] == "UTC-03:30"


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@sum", "\tcmd", "\rcmd", "  =1"])
def test_no_cell_is_taken_for_a_formula(boss: User, by: Actor, start: str) -> None:
    hold(f"{start}|calc")
    (row,) = read_csv(boss, by)
    assert row["person"].startswith("'")
    (_, cells) = read_xlsx(make(boss, by))
    assert cells[0].startswith("'")


def test_numbers_stay_numbers_and_times_times(boss: User, by: Actor) -> None:
    hold("Ada")
    heading, cells = read_xlsx(make(boss, by, zone="Europe/Berlin"))
    row = dict(zip(heading, cells, strict=True))
    assert row["minutes present"] == 50
    assert row["joined (Europe/Berlin)"] == datetime(2027, 1, 11, 9, 10)  # noqa: DTZ001 - spreadsheets know no zone
    assert row["person"] == "Ada"


def test_control_characters_break_no_file(boss: User, by: Actor) -> None:
    hold("Ada\x0b\x1bExample")
    assert read_csv(boss, by)[0]["person"] == "AdaExample"
    assert read_xlsx(make(boss, by))[1][0] == "AdaExample"


def test_the_history_is_exported_too_and_grows_by_that(boss: User, by: Actor) -> None:
    for number in range(2):
        record(EventKind.SYNCED, by, meetings=number)
    rows = read_csv(boss, by, "kind=sync.done", subject="events")
    assert [(row["event"], row["through"], row["details"]) for row in rows] == [
        ("Synced from RealtimeKit", "tests", '{"meetings": 1}'),
        ("Synced from RealtimeKit", "tests", '{"meetings": 0}'),
    ]
    made = read_xlsx(make(boss, by, "kind=sync.done", subject="events"))
    assert ([str(cell) for cell in made[0]], len(made)) == (list(rows[0]), 3)
    assert set(Event.objects.values_list("kind", flat=True)) == {"sync.done", "export.downloaded", "export.asked"}


@pytest.mark.parametrize("subject", [key for key in SUBJECTS if key != "events"])
def test_every_list_is_exported_with_its_own_columns(boss: User, by: Actor, subject: str) -> None:
    hold("Ada", "Bob")
    rows = read_csv(boss, by, subject=subject)
    assert len(rows) == (1 if subject == "sessions" else 2)
    assert {row["meeting"] for row in rows} == {"Algebra"}
    if subject == "sessions":
        assert (rows[0]["expected"], rows[0]["came"]) == ("2", "1")
    made = read_xlsx(make(boss, by, subject=subject))
    assert [str(cell) for cell in made[0]] == list(rows[0])
    assert len(made) == len(rows) + 1


def test_a_download_is_audited_with_who_what_and_how_many(boss: User) -> None:
    hold("Ada", "Bob")
    actor = Actor(via="admin", user=boss)
    read_csv(boss, actor, "came=false")
    event = Event.objects.get(kind=EventKind.EXPORT_DOWNLOADED)
    assert (event.actor, event.data) == (
        boss,
        {"list": "attendance", "filter": "came=false", "rows": 1, "file": "csv", "time_zone": "UTC"},
    )


def test_a_download_that_was_broken_off_is_audited_too(boss: User, by: Actor) -> None:
    hold("Ada", "Bob")
    subject = SUBJECTS["attendance"]
    pieces = reportfiles.stream_csv(subject, boss, reports.read_query(subject, "", find_zone("UTC")), by=by)
    assert next(pieces).startswith("\ufeffperson")
    pieces.close()  # type: ignore[attr-defined]  # a generator
    assert Event.objects.get(kind=EventKind.EXPORT_DOWNLOADED).data["broken_off"] is True


def test_a_tick_makes_the_file_and_who_asked_fetches_it(boss: User, by: Actor) -> None:
    hold("Ada", "Bob")
    export = exporting.ask(boss, reports.read_query(SUBJECTS["attendance"], "came=true", find_zone("UTC")), by=by)
    assert (export.state, export.total) == (ExportState.PENDING, 1)
    passes.tick(by=by)
    fetched = exporting.fetch(boss, export.pk, by=by)
    assert [row[0] for row in read_xlsx(fetched)] == ["person", "Ada"]
    assert fetched.rows == 1
    event = Event.objects.get(kind=EventKind.EXPORT_DOWNLOADED)
    assert event.data == {"list": "attendance", "filter": "came=true", "rows": 1, "file": "xlsx", "time_zone": "UTC"}


def test_nobody_else_fetches_it(boss: User, by: Actor) -> None:
    hold("Ada")
    export = make(boss, by)
    with pytest.raises(ExportGone):
        exporting.fetch(AdminFactory(), export.pk, by=by)


def test_rights_are_looked_at_again_when_it_is_made(by: Actor) -> None:
    hold("Ada")
    staff = StaffFactory(permissions=["view_presence", "export_data"])
    export = exporting.ask(staff, reports.read_query(SUBJECTS["attendance"], "", find_zone("UTC")), by=by)
    staff.user_permissions.clear()
    exporting.work(by=by)
    export.refresh_from_db()
    assert (export.state, export.last_error_code, export.content) == (ExportState.FAILED, "rights_changed", None)
    assert Event.objects.filter(kind=EventKind.EXPORT_FAILED).exists()


def test_rights_are_looked_at_again_when_it_is_fetched(by: Actor) -> None:
    session = hold("Ada")
    manager = StaffFactory()
    session.meeting.managers.add(manager)
    export = make(manager, by)
    assert [row[0] for row in read_xlsx(export)] == ["person", "Ada"]
    assert exporting.fetch(manager, export.pk, by=by).pk == export.pk
    MadeMeetingFactory().managers.add(manager)
    session.meeting.managers.clear()
    with pytest.raises(RightsChanged):
        exporting.fetch(manager, export.pk, by=by)


def test_a_managers_file_holds_their_meetings_alone(by: Actor) -> None:
    hold("Ada")
    session, manager = hold("Mine", title="Mine"), StaffFactory()
    session.meeting.managers.add(manager)
    assert [row[0] for row in read_xlsx(make(manager, by))] == ["person", "Mine"]
    assert [row["person"] for row in read_csv(manager, by)] == ["Mine"]


def test_too_many_rows_are_refused_in_words(boss: User, by: Actor) -> None:
    hold("Ada", "Bob", "Chidi")
    asked = reports.read_query(SUBJECTS["attendance"], "", find_zone("UTC"))
    export = exporting.ask(boss, asked, by=by, most=3)
    hold("Dana", title="Another")
    exporting.work(by=by, most=3)
    export.refresh_from_db()
    assert (export.state, export.last_error_code) == (ExportState.FAILED, "too_many_rows")
    with pytest.raises(TooManyRows):
        exporting.ask(boss, asked, by=by, most=3)


def test_a_filter_that_cant_be_read_makes_no_file(boss: User, by: Actor) -> None:
    for query in ("late_more_than_minutes=x", "no_such_filter=1"):
        with pytest.raises(UnreadableFilter):
            exporting.ask(boss, reports.read_query(SUBJECTS["attendance"], query, find_zone("UTC")), by=by)
    assert not Export.objects.exists()


def test_two_workers_make_a_file_once(boss: User, by: Actor) -> None:
    hold("Ada")
    export = exporting.ask(boss, reports.read_query(SUBJECTS["attendance"], "", find_zone("UTC")), by=by)
    lease = Export.objects.waiting().claim(export.pk, seconds=60)
    assert lease is not None
    assert not exporting.work(by=by)
    Export.objects.filter(pk=export.pk).update(lease_until=timezone.now() - timedelta(days=1))
    assert exporting.work(by=by)  # the other worker died
    assert not exporting.work(by=by)


def test_a_worker_that_is_stopping_leaves_it_to_another(boss: User, by: Actor) -> None:
    hold("Ada")
    export = exporting.ask(boss, reports.read_query(SUBJECTS["attendance"], "", find_zone("UTC")), by=by)
    exporting.work(by=by, is_stopping=lambda: True)
    export.refresh_from_db()
    assert (export.state, export.lease_id) == (ExportState.PENDING, None)
    assert exporting.work(by=by)


def test_a_file_given_back_in_time_was_no_attempt(boss: User, by: Actor) -> None:
    hold("Ada")
    export = exporting.ask(boss, reports.read_query(SUBJECTS["attendance"], "", find_zone("UTC")), by=by)
    for _ in range(2 * exporting.ATTEMPTS):
        assert exporting.work(by=by, is_stopping=lambda: True)
    assert exporting.work(by=by)
    export.refresh_from_db()
    assert export.state == ExportState.READY


def test_a_file_that_kills_every_worker_is_given_up_with_a_reason(boss: User, by: Actor) -> None:
    hold("Ada")
    export = exporting.ask(boss, reports.read_query(SUBJECTS["attendance"], "", find_zone("UTC")), by=by)
    # As each worker leaves it that is killed at work: claimed, and its lease over.
    over = timezone.now() - timedelta(days=1)
    Export.objects.filter(pk=export.pk).update(attempts=exporting.ATTEMPTS, lease_id=export.pk, lease_until=over)
    assert exporting.work(by=by)
    export.refresh_from_db()
    assert (export.state, export.last_error_code, export.lease_id) == (ExportState.FAILED, "interrupted", None)
    assert "cut short" in export.last_error_detail
    assert Event.objects.get(kind=EventKind.EXPORT_FAILED).data["reason"] == "interrupted"
    assert not exporting.work(by=by)


def test_a_tick_leaves_files_to_whoever_makes_them_beside_it(boss: User, by: Actor) -> None:
    hold("Ada")
    export = exporting.ask(boss, reports.read_query(SUBJECTS["attendance"], "", find_zone("UTC")), by=by)
    passes.tick(by=by, with_sidelines=False)
    export.refresh_from_db()
    assert export.state == ExportState.PENDING


def test_files_are_kept_for_a_week(boss: User, by: Actor) -> None:
    hold("Ada")
    export = make(boss, by)
    assert exporting.forget_old() == 0
    Export.objects.filter(pk=export.pk).update(expires_at=timezone.now())
    with pytest.raises(ExportGone):
        exporting.fetch(boss, export.pk, by=by)
    assert exporting.forget_old() == 1
