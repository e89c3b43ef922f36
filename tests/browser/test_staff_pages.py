"""The pages for many: a list from a file, a batch that runs and is undone, and axe on all of them."""

import re

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse
from playwright.sync_api import Browser, FilePayload, Page, expect
from pytest_django.live_server_helper import LiveServer

from participants.models import Actor, Batch, DriftReport, Meeting, Participant, Preset
from participants.sandbox import Sandbox
from participants.services import drift, meetings, passes, people, sync
from participants.states import DriftKind, ParticipantState
from tests.browser.conftest import Visit
from tests.browser.screens import follow, measure_width
from tests.browser.test_access import find_violations, tab_to
from tests.factories import AdminFactory, BatchFactory, DriftItemFactory, DriftReportFactory, UserFactory

pytestmark = pytest.mark.browser
BY = Actor(via="tests")
CLASS_LIST = (
    "Pupil;E-mail address;Form\n"
    "Bob Baker;bob@example.org;9a\n"
    "Chidi Okafor;chidi@example.org;9b\n"
    "Nobody Known;nobody@example.org;9b\n"
)


@pytest.fixture
def grace(transactional_db: None) -> User:
    user: User = AdminFactory(username="grace")
    return user


@pytest.fixture
def meeting(sandbox: Sandbox, grace: User) -> Meeting:
    """Made at the sandbox, and following a group with somebody who is blocked in it."""
    sync.pull(by=BY)
    club = Group.objects.create(name="Maths club")
    blocked: User = UserFactory(username="heidi")
    people.block(people.person_of(blocked, BY), reason="noise", by=BY)
    for user in (UserFactory(username="dana"), blocked):
        club.user_set.add(user)
    preset = Preset.objects.get(name="group_call_participant")
    made, trouble = meetings.create(by=BY, title="Algebra", default_preset=preset, groups=[club])
    assert trouble is None
    UserFactory(username="bob", first_name="Bob", last_name="Baker")
    UserFactory(username="chidi", first_name="Chidi", last_name="Okafor")
    passes.converge(by=BY)
    return made


def path_to(name: str, *args: object) -> str:
    return reverse(f"admin:participants_{name}", args=args)


def press_by_keyboard(page: Page, name: str) -> None:
    """Past header and menu by the link that is there for that."""
    tab_to(page, "Skip to main content")
    page.keyboard.press("Enter")
    tab_to(page, name)
    page.keyboard.press("Enter")


def upload_class_list(page: Page) -> None:
    page.get_by_label("Upload a file").check()
    file: FilePayload = {"name": "class.csv", "mimeType": "text/csv", "buffer": CLASS_LIST.encode()}
    page.get_by_label("CSV or Excel file").set_input_files(file)
    page.get_by_role("button", name="Look at it first").click()


def paste(page: Page, text: str) -> None:
    page.get_by_label("People", exact=True).fill(text)
    page.get_by_role("button", name="Look at it first").click()
    page.get_by_role("button", name=re.compile(r"^Enrol \d")).click()
    expect(page.get_by_role("heading", name=re.compile("^Progress"))).to_be_visible()


def test_a_class_list_is_uploaded_looked_at_and_enrolled_by_keyboard(
    visit: Visit, grace: User, meeting: Meeting
) -> None:
    page = visit(grace, path_to("meeting_enrol_many", meeting.pk))
    upload_class_list(page)
    expect(page.get_by_role("heading", name="Which column says who?")).to_be_visible()
    expect(page.get_by_label("Who", exact=True).locator("option:checked")).to_have_text(re.compile("E-mail"))
    page.get_by_role("button", name="Look at it first").press("Enter")
    expect(page.get_by_role("region", name="Will be enrolled 2")).to_contain_text("Bob Baker")
    expect(page.get_by_role("region", name="Will be skipped 1")).to_contain_text("No user has this")
    assert not Batch.objects.exists()
    press_by_keyboard(page, "Enrol 2 people")
    expect(page.get_by_role("heading", name="Bulk enrolment")).to_be_visible()
    passes.converge(by=BY)
    enrolled = Participant.objects.filter(batch=Batch.objects.get(), state=ParticipantState.ENROLLED)
    assert set(enrolled.values_list("person__display_name", flat=True)) == {"Bob Baker", "Chidi Okafor"}


def test_a_batch_moves_by_itself_and_is_undone_after_being_asked(
    visit: Visit, grace: User, meeting: Meeting, sandbox: Sandbox
) -> None:
    page = visit(grace, path_to("meeting_enrol_many", meeting.pk))
    sandbox.faults.down()
    paste(page, "bob\nchidi\nnobody@example.org")
    count = page.locator("#progress [data-settled]")
    expect(count).to_have_text("1")
    sandbox.faults.up()
    passes.converge(by=BY)
    expect(count).to_have_text("3", timeout=20_000)
    expect(page.locator("#progress[data-moving]")).to_have_count(0, timeout=20_000)
    page.get_by_role("link", name="Undo").click()
    expect(page.locator("#content")).to_contain_text("2 people whom it enrolled will be removed")
    press_by_keyboard(page, "Undo and remove 2 people")
    expect(page.locator(".messagelist")).to_contain_text("2 people")
    passes.converge(by=BY)
    states = Participant.objects.filter(batch=Batch.objects.get()).values_list("state", flat=True)
    assert set(states) == {ParticipantState.REMOVED}
    assert Participant.objects.get(person__user__username="dana").state == ParticipantState.ENROLLED


def make_report(meeting: Meeting) -> DriftReport:
    report: DriftReport = DriftReportFactory(meeting=meeting, total=4)
    for kind in (DriftKind.REMOTE_ONLY, DriftKind.REMOTE_ONLY, DriftKind.PRESET_DIFFERS, DriftKind.TITLE_DIFFERS):
        DriftItemFactory(report=report, kind=kind)
    return report


def list_pages(meeting: Meeting) -> dict[str, str]:
    """Those that show without a click what they have to show."""
    agreed = drift.compare(meeting, by=BY)
    report, empty = make_report(meeting), BatchFactory(meeting=meeting)
    user = User.objects.get(username="bob")
    person = people.person_of(user, BY)
    guest = people.guest(name="Bob B.", email=user.email, by=BY)
    row = Participant.objects.get(person__user__username="dana")
    users = "admin:auth_user"
    return {
        "meeting": path_to("meeting_change", meeting.pk),
        "enrol": path_to("meeting_enrol", meeting.pk),
        "enrol many": path_to("meeting_enrol_many", meeting.pk),
        "batches": path_to("batch_changelist"),
        "no batches": path_to("batch_changelist") + "?q=zzz",
        "empty batch": path_to("batch_change", empty.pk),
        "nothing to undo": path_to("batch_undo", empty.pk),
        "comparisons": path_to("driftreport_changelist"),
        "both sides agree": path_to("driftreport_change", agreed.pk),
        "differences": path_to("driftreport_change", report.pk),
        "elsewhere": path_to("driftreport_elsewhere"),
        "participants": path_to("participant_changelist"),
        "remove one": path_to("participant_act", row.pk, "remove"),
        "people": path_to("person_changelist"),
        "person": path_to("person_change", person.pk),
        "guest": path_to("person_change", guest.pk),
        "merge": path_to("person_merge", person.pk, guest.pk),
        "users": reverse(f"{users}_changelist"),
        "user": reverse(f"{users}_change", args=[user.pk]),
        "verify": reverse(f"{users}_verify_email", args=[user.pk]),
        "connection without a worker": reverse("admin:connection"),
    }


def walk_enrol_many(page: Page, meeting: Meeting) -> dict[str, list[str]]:
    """Through the steps and their refusals; what axe finds in each state."""
    found = {}
    address = path_to("meeting_enrol_many", meeting.pk)
    for source in ("file", "group", "meeting", "users"):
        page.goto(address)
        if page.locator(f"#source_{source}").count():
            page.locator(f"#source_{source}").check()
        follow(page.get_by_role("button", name="Look at it first"))
        found[f"{source} refused"] = find_violations(page)
    page.goto(address)
    upload_class_list(page)
    found["columns"] = find_violations(page)
    follow(page.get_by_role("button", name="Look at it first"))
    found["look"] = find_violations(page)
    follow(page.get_by_role("button", name=re.compile("^Enrol 2")))
    found["batch"] = find_violations(page)
    return found


def walk_confirmations(page: Page) -> dict[str, list[str]]:
    found = {}
    report = DriftReport.objects.get(total=4)
    page.goto(path_to("driftreport_change", report.pk))
    page.get_by_label("Adopt, all 2").check()
    follow(page.get_by_role("button", name="Look at what this does"))
    found["carry out"] = find_violations(page)
    for action, name in (("remove", "Go"), ("change_preset", "Go")):
        page.goto(path_to("participant_changelist"))
        page.locator("#action-toggle").check()
        page.locator("select[name=action]").select_option(action)
        follow(page.get_by_role("button", name=name))
        found[f"{action} many"] = find_violations(page)
    return found


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_finds_nothing_on_the_pages_for_staff_and_none_is_too_wide(
    browser: Browser, live_server: LiveServer, visit: Visit, grace: User, meeting: Meeting, scheme: str, width: int
) -> None:
    page = visit(grace, path_to("meeting_changelist"))
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its literals
    found, wide = {}, {}
    for name, address in list_pages(meeting).items():
        page.goto(address)
        page.wait_for_load_state("networkidle")
        found[name] = find_violations(page)
        wide[name] = measure_width(page)
    found |= walk_enrol_many(page, meeting) | walk_confirmations(page)
    assert {name: violations for name, violations in found.items() if violations} == {}
    assert {name: seen for name, seen in wide.items() if seen > width} == {}
