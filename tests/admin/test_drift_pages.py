"""Comparing on the meeting: look at what differs, choose, confirm, see what happened."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from participants.models import DriftItem, DriftReport, Meeting, Participant
from participants.sandbox import Sandbox
from participants.states import DriftKind
from tests.admin.conftest import sign_in
from tests.factories import (
    DriftItemFactory,
    DriftReportFactory,
    EnrolledFactory,
    MadeMeetingFactory,
    StaffFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)
SEES = "view_participant"


def compare(client: Client, meeting: Meeting) -> DriftReport:
    answer = client.post(reverse("admin:participants_driftreport_compare", args=[meeting.pk]))
    report = DriftReport.objects.latest("created_at")
    assert answer["Location"] == address(report)
    return report


def address(report: DriftReport) -> str:
    return reverse("admin:participants_driftreport_change", args=[report.pk])


def open_page(client: Client, report: DriftReport) -> str:
    answer = client.get(address(report))
    assert answer.status_code == 200
    return str(answer.content.decode())


def send(client: Client, report: DriftReport, step: str, **choices: str) -> Any:
    return client.post(address(report), {"step": step, **choices}, follow=True)


def remote_names(sandbox: Sandbox, meeting: Meeting) -> list[str]:
    return [str(one.name) for one in sandbox.world.participants(str(meeting.realtimekit_id))]


def test_from_the_meeting_to_an_adopted_stranger(staff: Client, sandbox: Sandbox, meeting: Meeting) -> None:
    page = staff.get(reverse("admin:participants_meeting_change", args=[meeting.pk])).content.decode()
    assert "Compare with RealtimeKit" in page
    sandbox.world.add_participant(str(meeting.realtimekit_id), "crm-1", "group_call_participant", name="Bob Stranger")
    report = compare(staff, meeting)
    shown = open_page(staff, report)
    assert "Bob Stranger" in shown
    assert "Only at RealtimeKit" in shown
    (item,) = report.items.all()
    look = send(staff, report, "look", **{f"i-{item.pk}": "adopt"}).content.decode()
    assert "Carry this out?" in look
    assert f'name="i-{item.pk}" value="adopt"' in look
    assert not Participant.objects.exists()
    done = send(staff, report, "apply", **{f"i-{item.pk}": "adopt"}).content.decode()
    assert "1 difference decided on: 1 done." in done
    assert Participant.objects.get().custom_participant_id == "crm-1"
    page = staff.get(reverse("admin:participants_meeting_change", args=[meeting.pk])).content.decode()
    assert "Both sides agree" in page


def test_where_both_sides_agree_the_page_says_so(staff: Client, meeting: Meeting) -> None:
    shown = open_page(staff, compare(staff, meeting))
    assert "Both sides agree" in shown
    assert "Look at what this does" not in shown


def test_strangers_are_left_alone_unless_marked_and_wishes_are_marked(staff: Client) -> None:
    report = DriftReportFactory(total=2)
    stranger = DriftItemFactory(report=report)
    missing = DriftItemFactory(report=report, kind=DriftKind.LOCAL_ONLY, participant=EnrolledFactory())
    shown = open_page(staff, report)
    assert f'name="i-{missing.pk}" value="add_again" checked' in shown
    assert f'name="i-{stranger.pk}" value="" checked' in shown


def test_a_whole_kind_is_decided_on_at_once_with_those_not_shown(staff: Client) -> None:
    report = DriftReportFactory(total=85)
    DriftItemFactory.create_batch(85, report=report)
    shown = open_page(staff, report)
    assert "And 5 more" in shown
    look = send(staff, report, "look", **{"g-remote_only": "remove"}).content.decode()
    assert "Carry out 85 changes" in look


def test_leaving_a_whole_kind_overrides_what_is_marked(staff: Client) -> None:
    report = DriftReportFactory(total=1)
    item = DriftItemFactory(report=report, kind=DriftKind.LOCAL_ONLY)
    answer = send(staff, report, "look", **{"g-local_only": "none", f"i-{item.pk}": "add_again"})
    assert "Nothing was chosen" in answer.content.decode()


def test_a_choice_that_was_made_up_is_ignored(staff: Client) -> None:
    report = DriftReportFactory(total=1)
    item = DriftItemFactory(report=report, kind=DriftKind.LOCAL_ONLY)
    for made_up in ("adopt", "drop table", "none", "remove"):
        send(staff, report, "apply", **{f"i-{item.pk}": made_up})
    item.refresh_from_db()
    assert item.outcome == "open"


def test_what_was_decided_on_is_shown_with_its_outcome_and_can_not_be_chosen(staff: Client) -> None:
    report = DriftReportFactory(total=1)
    item = DriftItemFactory(report=report, action="adopt", outcome="failed", code="full", detail="No place left.")
    shown = open_page(staff, report)
    assert "No place left." in shown
    assert f'name="i-{item.pk}"' not in shown


def test_when_realtimekit_is_down_the_page_says_so_and_nothing_is_lost(
    staff: Client, sandbox: Sandbox, meeting: Meeting
) -> None:
    sandbox.faults.down()
    answer = staff.post(reverse("admin:participants_driftreport_compare", args=[meeting.pk]), follow=True)
    assert "was not compared" in answer.content.decode()
    meeting.refresh_from_db()
    assert meeting.compared_at is None


def test_the_list_shows_the_latest_of_each_meeting_drift_first(staff: Client) -> None:
    agrees = DriftReportFactory()
    old = DriftReportFactory(total=1)
    DriftItemFactory(report=old)
    new = DriftReportFactory(meeting=old.meeting, total=1)
    DriftItemFactory(report=new)
    DriftReportFactory(meeting=agrees.meeting)
    answer = staff.get(reverse("admin:participants_driftreport_changelist"))
    rows = list(answer.context["cl"].result_list)
    assert [row.meeting_id for row in rows] == [new.meeting_id, agrees.meeting_id]
    assert rows[0].pk == new.pk
    assert staff.get(address(old)).status_code == 200


def test_the_empty_list_says_what_to_do(staff: Client) -> None:
    assert "Compare a meeting" in staff.get(reverse("admin:participants_driftreport_changelist")).content.decode()


# Rights


def make_manager(meeting: Meeting) -> Client:
    user = StaffFactory()
    meeting.managers.add(user)
    client = Client()
    client.force_login(user)
    return client


def test_managers_compare_their_own_meetings_alone(sandbox: Sandbox, meeting: Meeting) -> None:
    manager = make_manager(meeting)
    report = compare(manager, meeting)
    assert open_page(manager, report)
    other = DriftReportFactory()
    assert manager.get(address(other)).status_code == 404
    url = reverse("admin:participants_driftreport_compare", args=[other.meeting_id])
    assert manager.post(url).status_code == 404
    listed = manager.get(reverse("admin:participants_driftreport_changelist")).context["cl"].result_list
    assert [row.pk for row in listed] == [report.pk]


def test_whoever_only_sees_participants_sees_reports_and_decides_nothing(meeting: Meeting) -> None:
    client, report = sign_in(SEES), DriftReportFactory(meeting=meeting, total=1)
    item = DriftItemFactory(report=report)
    shown = open_page(client, report)
    assert f'name="i-{item.pk}"' not in shown
    assert "Compare again" not in shown
    url = reverse("admin:participants_driftreport_compare", args=[meeting.pk])
    assert client.post(url).status_code == 403
    assert client.post(address(report), {"step": "apply", f"i-{item.pk}": "adopt"}).status_code == 403


@pytest.mark.parametrize(("action", "right"), [("adopt", "add_participant"), ("remove", "remove_participant")])
def test_each_action_takes_the_right_of_whoever_does_it_by_hand(action: str, right: str) -> None:
    report = DriftReportFactory(total=1)
    item = DriftItemFactory(report=report)
    client = sign_in(SEES, "change_participant")
    assert client.post(address(report), {"step": "apply", f"i-{item.pk}": action}).status_code == 403
    assert f'value="{action}"' not in open_page(client, report)
    item.refresh_from_db()
    assert item.outcome == "open"
    client = sign_in(SEES, "change_participant", right)
    assert f'value="{action}"' in open_page(client, report)


def test_titles_take_the_right_to_change_the_meeting() -> None:
    report = DriftReportFactory(total=1)
    item = DriftItemFactory(report=report, kind=DriftKind.TITLE_DIFFERS, ours="Ours", theirs="Theirs")
    client = sign_in(SEES, "change_participant")
    assert client.post(address(report), {"step": "apply", f"i-{item.pk}": "ours"}).status_code == 403


@pytest.mark.parametrize("rights", [(), ("view_meeting",), ("add_participant",)])
def test_without_seeing_participants_there_is_nothing(rights: tuple[str, ...]) -> None:
    client, report = sign_in(*rights), DriftReportFactory()
    assert client.get(address(report)).status_code in (403, 404)
    assert client.get(reverse("admin:participants_driftreport_changelist")).status_code == 403


def test_a_plain_user_is_sent_to_sign_in(db: None) -> None:
    user: User = UserFactory()
    client = Client()
    client.force_login(user)
    assert client.get(address(DriftReportFactory())).status_code == 302


def test_an_unknown_report_is_not_found(staff: Client) -> None:
    for key in ("nonsense", MadeMeetingFactory().pk):
        assert staff.get(reverse("admin:participants_driftreport_change", args=[key])).status_code == 404


# Meetings made elsewhere


def test_a_meeting_made_elsewhere_is_found_and_adopted(staff: Client, sandbox: Sandbox, meeting: Meeting) -> None:
    url = reverse("admin:participants_driftreport_elsewhere")
    assert "known here" in staff.post(url, {"step": "look"}).content.decode()
    remote = sandbox.world.create_meeting("From the dashboard")
    lost = sandbox.world.create_meeting("Restored [rc-0123456789ab]")
    page = staff.post(url, {"step": "look"}).content.decode()
    assert "From the dashboard" in page
    assert "carries a reference of ours" in page
    staff.post(url, {"step": "adopt", "meeting": [remote.id, lost.id, "made up", meeting.realtimekit_id]})
    titles = set(Meeting.objects.exclude(pk=meeting.pk).values_list("title", flat=True))
    assert titles == {"From the dashboard", "Restored"}


def test_adopting_meetings_takes_the_right_to_create_them(sandbox: Sandbox) -> None:
    url = reverse("admin:participants_driftreport_elsewhere")
    assert sign_in(SEES, "change_participant", "change_meeting").post(url, {"step": "look"}).status_code == 403
    assert sign_in("add_meeting", SEES).get(url).status_code == 200


def test_every_kind_has_words(staff: Client) -> None:
    report = DriftReportFactory(total=len(DriftKind))
    for kind in DriftKind:
        DriftItemFactory(report=report, kind=kind)
    shown = open_page(staff, report)
    assert all(f'id="kind-{kind.value}"' in shown for kind in DriftKind)
    assert DriftItem.objects.count() == len(DriftKind)
