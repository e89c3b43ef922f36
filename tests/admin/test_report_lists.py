"""The lists of attendance, sessions and participants: asked by a form, kept in the address, taken along as files."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from participants.admin.reportlists import BoundedPaginator
from participants.models import Actor, Event, Export, Presence, SavedReport
from participants.services import exporting, reports
from tests.admin.conftest import sign_in
from tests.factories import (
    NOW,
    AttendanceFactory,
    EnrolledFactory,
    GuestFactory,
    MadeMeetingFactory,
    PresenceFactory,
    SessionFactory,
    StaffFactory,
)

pytestmark = pytest.mark.django_db

ATTENDANCE = "/admin/participants/presence/"
LISTS = ("presence", "session", "participant")


def hold(*names: str, title: str = "Algebra") -> Presence:
    """The first of them came ten minutes late, the others not at all."""
    session = SessionFactory(started_at=NOW, meeting=MadeMeetingFactory(title=title))
    rows = []
    for place, name in enumerate(names):
        person = GuestFactory(display_name=name, email=f"{name.lower()}@example.org")
        row = EnrolledFactory(meeting=session.meeting, person=person)
        rows.append(PresenceFactory(session=session, participant=row, **({} if place else {"joined": 10})))
    return rows[0]


def list_names(html: str) -> set[str]:
    return set(re.findall(r'<th class="field-who[^>]*>.*?<span class="rc-name">(.*?)</span>', html))


def read(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, url
    return answer.content.decode()


def test_a_filter_is_kept_in_the_address_and_shown_as_a_chip_that_can_be_taken_away(staff: Client) -> None:
    hold("Ada", "Bob")
    html = read(staff, f"{ATTENDANCE}?came=true&late_more_than_minutes=5")
    assert list_names(html) == {"Ada"}
    assert re.search(r"Late by more than</span> 5 minutes", html)
    assert re.search(r'href="\?came=true" aria-label="Remove the filter Late by more than"', html)
    assert 'value="5"' in html
    assert list_names(read(staff, f"{ATTENDANCE}?came=false")) == {"Bob"}


def test_fields_left_empty_do_not_stay_in_the_address(staff: Client) -> None:
    answer = staff.get(f"{ATTENDANCE}?came=false&joined_after=&preset=&q=ada")
    assert (answer.status_code, answer["Location"]) == (302, f"{ATTENDANCE}?came=false&q=ada")


def test_what_cant_be_read_is_said_beside_its_field(staff: Client) -> None:
    hold("Ada")
    html = read(staff, f"{ATTENDANCE}?late_more_than_minutes=many")
    assert "Give a number that is not negative." in html
    assert '<details class="rc-drawer" open>' in html
    assert list_names(html) == set()
    assert "Download CSV" not in html


def test_the_search_keeps_the_filter_and_the_filter_the_search(staff: Client) -> None:
    hold("Ada", "Bob")
    html = read(staff, f"{ATTENDANCE}?came=false&q=bob")
    assert html.count('<input type="hidden" name="came" value="false">') == 1
    assert '<input type="hidden" name="q" value="bob">' in html


@pytest.mark.parametrize("name", LISTS)
def test_every_column_that_sorts_does(staff: Client, name: str) -> None:
    hold("Ada", "Bob")
    for place in range(9):
        for sign in ("", "-"):
            read(staff, f"/admin/participants/{name}/?o={sign}{place}")


def test_the_list_sorts_by_minutes(staff: Client) -> None:
    hold("Ada", "Bob")
    html = read(staff, ATTENDANCE)
    column = re.search(r'sortable column-minutes[^"]*">.*?\?o=(-?\d+)', html, re.DOTALL)
    assert column
    rows = re.findall(r'<span class="rc-name">(Ada|Bob)</span>', read(staff, f"{ATTENDANCE}?o={column[1]}"))
    assert rows == ["Bob", "Ada"]


def test_dates_lead_from_years_to_months_to_days(staff: Client) -> None:
    meeting = MadeMeetingFactory()
    SessionFactory(meeting=meeting, started_at=timezone.now() - timedelta(days=400))
    year = timezone.now().year
    html = read(staff, "/admin/participants/session/")
    assert f'href="?on={year}"' in html
    assert f'href="?on={year - 1}-03"' in read(staff, f"/admin/participants/session/?on={year - 1}")
    html = read(staff, f"/admin/participants/session/?on={year - 1}-03")
    assert f'href="?on={year - 1}-03-31"' in html
    assert "March" in read(staff, f"/admin/participants/session/?on={year - 1}-03-31")


def test_totals_are_counted_on_request_alone(staff: Client) -> None:
    hold("Ada", "Bob")
    assert "Minutes present" not in read(staff, ATTENDANCE)
    html = read(staff, f"{ATTENDANCE}?totals=1")
    assert re.search(r"<dt>People</dt><dd>2</dd>", html)
    assert re.search(r"<dt>Minutes present</dt><dd>50</dd>", html)


def test_the_count_is_exact_up_to_its_bound_and_then_more() -> None:
    hold("Ada", "Bob", "Chidi")
    few = BoundedPaginator(Presence.objects.order_by("pk"), 2)
    assert (few.count, few.num_pages, few.count_text) == (3, 2, "3")
    assert reports.COUNTED == 10_000
    many = BoundedPaginator(Presence.objects.order_by("pk"), 50)
    many.counted = (reports.COUNTED, True)
    assert (many.count, many.num_pages, many.count_text) == (10_000, 200, "more than 10,000")


def test_no_more_rows_are_counted_than_the_bound(staff: Client) -> None:
    hold("Ada", "Bob")
    with CaptureQueriesContext(connection) as seen:
        read(staff, ATTENDANCE)
    counts = [query["sql"] for query in seen if "COUNT(*)" in query["sql"] and "presence" in query["sql"]]
    assert counts
    assert all("LIMIT 10001" in sql for sql in counts)


@pytest.mark.parametrize("name", LISTS)
def test_a_manager_sees_and_finds_their_meetings_rows_alone(name: str) -> None:
    manager, desk = StaffFactory(), Client()
    desk.force_login(manager)
    hold("Other", title="Theirs")
    mine = hold("Mine", title="Own")
    mine.participant.meeting.managers.add(manager)
    html = read(desk, f"/admin/participants/{name}/")
    assert "Own" in html
    assert "Theirs" not in html
    text = b"".join(desk.get(f"/admin/participants/{name}/export.csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert "Own" in text
    assert "Theirs" not in text


def test_who_sees_more_than_they_may_export_exports_nothing() -> None:
    viewer, desk = StaffFactory(permissions=["view_presence"]), Client()
    desk.force_login(viewer)
    hold("Mine").participant.meeting.managers.add(viewer)
    assert "Download CSV" not in read(desk, ATTENDANCE)
    assert desk.get(f"{ATTENDANCE}export.csv").status_code == 403
    assert desk.post(f"{ATTENDANCE}export/").status_code == 403


def test_a_row_that_may_not_be_seen_is_refused() -> None:
    manager, desk = StaffFactory(), Client()
    desk.force_login(manager)
    theirs, mine = hold("Other"), hold("Mine")
    mine.participant.meeting.managers.add(manager)
    assert desk.get(f"{ATTENDANCE}{theirs.pk}/change/").status_code == 403
    assert desk.get(f"{ATTENDANCE}{mine.pk}/change/").status_code == 200


def test_a_row_tells_its_connections_and_its_correction(staff: Client) -> None:
    row = hold("Ada")
    Presence.objects.filter(pk=row.pk).update(corrected_seconds=3000, correction_reason="Their line broke.")
    html = read(staff, f"{ATTENDANCE}{row.pk}/change/")
    assert "Their line broke." in html
    assert "None: they never came." in html


def test_minutes_are_corrected_with_a_reason_and_what_was_measured_stays(staff: Client, boss: User) -> None:
    row = hold("Ada")
    AttendanceFactory(session=row.session, participant=row.participant, joined_at=row.first_joined_at)
    measured, url = row.measured_seconds, f"{ATTENDANCE}{row.pk}/correct/"
    staff.post(url, {"minutes": "55.5", "reason": "Their line broke."})
    row.refresh_from_db()
    assert (row.seconds, row.measured_seconds, row.corrected_by) == (3330, measured, boss)
    assert "Their line broke." in read(staff, f"{ATTENDANCE}{row.pk}/change/")
    staff.post(url, {"withdraw": "1"})
    row.refresh_from_db()
    assert (row.seconds, row.correction_reason) == (row.measured_seconds, "")


@pytest.mark.parametrize(
    "form", [{"minutes": "x", "reason": "r"}, {"minutes": "nan", "reason": "r"}, {"minutes": "5"}]
)
def test_a_correction_without_sense_or_reason_changes_nothing(staff: Client, form: dict[str, str]) -> None:
    row = hold("Ada")
    html = staff.post(f"{ATTENDANCE}{row.pk}/correct/", form, follow=True).content.decode()
    assert "Nothing was corrected." in html
    row.refresh_from_db()
    assert row.corrected_seconds is None


def test_only_who_may_corrects() -> None:
    row, viewer = hold("Ada"), sign_in("view_presence")
    assert viewer.post(f"{ATTENDANCE}{row.pk}/correct/", {"minutes": "1", "reason": "r"}).status_code == 403
    assert "Correct the minutes" not in read(viewer, f"{ATTENDANCE}{row.pk}/change/")


def test_csv_streams_what_the_list_shows(staff: Client, boss: User) -> None:
    hold("Ada", "Bob")
    answer = staff.get(f"{ATTENDANCE}export.csv?came=false")
    assert answer.streaming
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert [line.split(",")[0] for line in text.splitlines()[1:]] == ["Bob"]
    assert "no-store" in answer["Cache-Control"]
    assert "attachment" in answer["Content-Disposition"]
    event = Event.objects.get(kind="export.downloaded")
    assert (event.actor, event.data["filter"], event.data["rows"]) == (boss, "came=false", 1)


@pytest.mark.parametrize("query", ["late_more_than_minutes=x", "created_at__year=2026", "no_such=1"])
def test_a_file_is_never_of_more_than_the_address_says(staff: Client, query: str) -> None:
    assert staff.get(f"{ATTENDANCE}export.csv?{query}").status_code == 400


def test_a_csv_of_many_rows_costs_as_many_queries_as_one_of_few(staff: Client) -> None:
    counts = []
    for size in (2, 30):
        hold(*(f"P{size}x{n}" for n in range(size)))
        with CaptureQueriesContext(connection) as seen:
            answer = staff.get(f"{ATTENDANCE}export.csv")
            b"".join(answer.streaming_content)  # type: ignore[attr-defined]
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_a_spreadsheet_is_asked_for_made_and_downloaded(staff: Client, boss: User, by: Actor) -> None:
    hold("Ada", "Bob")
    answer = staff.post(f"{ATTENDANCE}export/?came=false")
    assert answer["Location"] == "/admin/reports/"
    assert "Being made" in read(staff, "/admin/reports/")
    exporting.work(by=by)
    export = Export.objects.get(asked_by=boss)
    html = read(staff, "/admin/reports/")
    assert f"/admin/reports/files/{export.pk}/" in html
    answer = staff.get(f"/admin/reports/files/{export.pk}/")
    assert answer.content.startswith(b"PK")
    assert answer["Content-Disposition"].endswith('.xlsx"')
    assert sign_in("view_presence", "export_data").get(f"/admin/reports/files/{export.pk}/").status_code == 302


def test_a_report_is_saved_by_name_found_again_and_deleted(staff: Client, boss: User) -> None:
    hold("Ada", "Bob")
    staff.post(f"{ATTENDANCE}save/?came=false&q=bob&o=3", {"name": " Who   missed it ", "shared": "on"})
    report = SavedReport.objects.get()
    assert (report.name, report.query, report.is_shared) == ("Who missed it", "came=false&q=bob", True)
    for page in (ATTENDANCE, "/admin/reports/", "/admin/"):
        assert "Who missed it" in read(staff, page), page
    assert "Who missed it" not in read(staff, "/admin/participants/session/")
    staff.post(f"/admin/reports/{report.pk}/delete/")
    assert not SavedReport.objects.exists()
    kinds = ["report.saved", "report.deleted"]
    assert (
        list(Event.objects.filter(kind__startswith="report").order_by("created_at").values_list("kind", flat=True))
        == kinds
    )


def test_saving_under_the_same_name_replaces_the_question(staff: Client) -> None:
    for query in ("came=false", "came=true"):
        staff.post(f"{ATTENDANCE}save/?{query}", {"name": "Mine"})
    assert SavedReport.objects.get().query == "came=true"
    staff.post(f"{ATTENDANCE}save/?came=true", {"name": "  "})
    assert SavedReport.objects.count() == 1


def test_a_private_report_is_its_owners_alone_and_a_shared_one_everybodys(staff: Client) -> None:
    staff.post(f"{ATTENDANCE}save/?came=false", {"name": "Private one"})
    staff.post(f"{ATTENDANCE}save/?came=false", {"name": "Shared one", "shared": "on"})
    colleague = sign_in("view_presence")
    html = read(colleague, ATTENDANCE)
    assert "Shared one" in html
    assert "Private one" not in html
    report = SavedReport.objects.get(name="Shared one")
    assert colleague.post(f"/admin/reports/{report.pk}/delete/").status_code == 404
    assert SavedReport.objects.filter(pk=report.pk).exists()
    assert "Shared one" not in sign_in("view_session").get("/admin/reports/").content.decode()


def test_times_follow_the_readers_time_zone(staff: Client) -> None:
    hold("Ada")
    assert "08:10" in read(staff, ATTENDANCE)
    answer = staff.post("/admin/time-zone/", {"zone": "Asia/Tokyo", "next": ATTENDANCE})
    assert answer["Location"] == ATTENDANCE
    html = read(staff, ATTENDANCE)
    assert "17:10" in html
    assert "times in Asia/Tokyo" in html
    heading = b"".join(staff.get(f"{ATTENDANCE}export.csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert "joined (Asia/Tokyo)" in heading


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "Europe/Berlin\0"])
def test_a_time_zone_that_is_none_is_refused(staff: Client, zone: str) -> None:
    assert staff.post("/admin/time-zone/", {"zone": zone}).status_code == 400
    assert "times in UTC" in read(staff, ATTENDANCE)


def test_the_time_zone_page_leads_nowhere_else(staff: Client) -> None:
    answer = staff.post("/admin/time-zone/", {"zone": "UTC", "next": "https://elsewhere.example/"})
    assert answer["Location"] == "/admin/"


@pytest.mark.parametrize(("name", "most"), [("presence", 15), ("session", 13)])
def test_a_list_costs_the_same_for_three_rows_and_for_thirty(staff: Client, name: str, most: int) -> None:
    counts = []
    for size in (3, 27):
        for place in range(size):
            hold(f"P{size}x{place}", "Other" + str(size) + str(place), title=f"M{size}x{place}")
        with CaptureQueriesContext(connection) as seen:
            read(staff, f"/admin/participants/{name}/")
        counts.append(len(seen))
    assert counts[0] == counts[1]
    assert counts[0] <= most


def test_the_numbers_of_a_session_lead_to_those_people(staff: Client) -> None:
    hold("Ada", "Bob")
    html = read(staff, "/admin/participants/session/")
    came, absent = re.findall(r'class="rc-count" href="([^"]+)"', html)
    assert list_names(read(staff, unescape(came))) == {"Ada"}
    assert list_names(read(staff, unescape(absent))) == {"Bob"}
