from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from participants.models import Actor, Meeting, Participant
from participants.sandbox import Sandbox
from participants.services import enrolment, people, removal
from participants.states import Source
from tests.admin.conftest import make_with_token, sign_in
from tests.factories import EnrolledFactory, ParticipantFactory, PersonFactory, PresetFactory

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/participants/participant/"


def open_page(staff: Client, row: Participant) -> str:
    answer = staff.get(f"{LIST}{row.pk}/change/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_each_token_state_has_its_badge_and_filter(staff: Client) -> None:
    now = timezone.now()
    rows = {
        state: make_with_token(person=PersonFactory(display_name=f"P-{state}"))
        for state in ("fresh", "usable", "expired")
    }
    ParticipantFactory(person=PersonFactory(display_name="P-none"))
    for state, left in (("usable", timedelta(hours=2)), ("expired", timedelta(seconds=-1))):
        issued = now - timedelta(days=99)
        Participant.objects.filter(pk=rows[state].pk).update(token_expires_at=now + left, token_issued_at=issued)
    html = staff.get(LIST).content.decode()
    for state in ("Fresh", "Usable", "Expired", "None"):
        assert f">{state}</span>" in html
        found = staff.get(LIST, {"token_state": state.lower()}).content.decode()
        assert [name for name in ("fresh", "usable", "expired", "none") if f"P-{name}" in found] == [state.lower()]


def test_a_short_lived_token_is_fresh_until_a_tenth_is_left(staff: Client) -> None:
    now = timezone.now()
    row = make_with_token()
    for age, expected in ((timedelta(minutes=50), "fresh"), (timedelta(minutes=55), "usable")):
        issued = now - age
        Participant.objects.filter(pk=row.pk).update(
            token_issued_at=issued, token_expires_at=issued + timedelta(hours=1)
        )
        for state in ("fresh", "usable"):
            listed = str(row.pk) in staff.get(LIST, {"token_state": state}).content.decode()
            assert listed is (state == expected)


def test_people_are_found_by_everything_known_of_them(staff: Client) -> None:
    person = PersonFactory(user__username="ada77", display_name="Ada Wanted", email="ada@example.org")
    row = EnrolledFactory(person=person)
    EnrolledFactory(person=PersonFactory(display_name="Somebody Else"))
    for words in ("wanted", "ada@example", "ada77", row.custom_participant_id, row.realtimekit_id):
        html = staff.get(LIST, {"q": words}).content.decode()
        assert "Ada Wanted" in html
        assert "Somebody Else" not in html


def test_the_list_filters_by_state_meeting_and_preset(staff: Client) -> None:
    wanted = EnrolledFactory(person=PersonFactory(display_name="Wanted"), preset=PresetFactory(name="host"))
    ParticipantFactory(person=PersonFactory(display_name="Unwanted"))
    asked = ({"state__exact": "enrolled"}, {"meeting": wanted.meeting_id}, {"preset__id__exact": wanted.preset_id})
    for query in asked:
        html = staff.get(LIST, query).content.decode()
        assert ">Wanted<" in html
        assert ">Unwanted<" not in html
    assert ">Wanted<" not in staff.get(LIST, {"meeting": "nonsense"}).content.decode()


def test_who_may_join_is_told_so_with_every_check_passed(staff: Client) -> None:
    html = open_page(staff, EnrolledFactory())
    assert "Yes, they can join now." in html
    assert html.count('aria-label="passed"') == 9
    assert 'aria-label="failed"' not in html


def test_the_join_link_is_absolute(staff: Client) -> None:
    row = EnrolledFactory()
    assert f'href="http://testserver/m/{row.meeting_id}/"' in open_page(staff, row)


def test_a_pending_row_may_join_and_says_what_is_left(staff: Client) -> None:
    html = open_page(staff, ParticipantFactory())
    assert "Yes, they can join now." in html
    assert "has not been told yet" in html


def test_the_first_failing_check_is_named_with_its_fix(staff: Client, by: Actor) -> None:
    now = timezone.now()
    late = EnrolledFactory(meeting__opens_at=now + timedelta(hours=1))
    over = EnrolledFactory(meeting__closes_at=now - timedelta(hours=1))
    closed = EnrolledFactory(meeting__status="INACTIVE")
    failed = ParticipantFactory(state="failed", last_error_code="unprocessable", last_error_detail="bad name")
    deactivated = EnrolledFactory(person__user__is_active=False)
    pages = {
        late: ("No. The meeting opens on", f"{link(late.meeting)}?participant={late.pk}#id_opens_at_0"),
        over: ("No. The meeting closed on", f"{link(over.meeting)}?participant={over.pk}#id_closes_at_0"),
        closed: ("No. The meeting is set to inactive", f"{link(closed.meeting)}?participant={closed.pk}#id_status"),
        failed: ("No. RealtimeKit refused this enrolment: bad name", f"{failed.pk}/act/retry/"),
        deactivated: (
            "No. The user account of",
            f"/admin/auth/user/{deactivated.person.user_id}/change/?participant={deactivated.pk}#id_is_active",
        ),
    }
    for row, (words, fix) in pages.items():
        html = open_page(staff, row)
        assert words in html
        assert fix in html


def link(meeting: Meeting) -> str:
    return reverse("admin:participants_meeting_change", args=[meeting.pk])


def test_a_block_goes_before_the_removal_it_caused(staff: Client, by: Actor) -> None:
    row = ParticipantFactory()
    people.block(row.person, reason="sold their token", by=by)
    html = open_page(staff, row)
    assert "has been blocked since" in html
    assert "sold their token" in html
    assert reverse("admin:participants_person_unblock", args=[row.person_id]) in html


def test_a_removed_row_names_who_did_it(staff: Client, by: Actor) -> None:
    row = ParticipantFactory()
    removal.remove(row, by=by)
    html = open_page(staff, row)
    assert "was removed on" in html
    assert f"{row.pk}/act/restore/" in html


def test_a_fix_is_offered_only_to_whom_may_do_it(by: Actor) -> None:
    row = ParticipantFactory()
    removal.remove(row, by=by)
    html = open_page(sign_in("view_participant"), row)
    assert "No. " in html
    assert "Restore" not in html


def test_the_history_tells_who_did_what_through_what(
    staff: Client, sandbox: Sandbox, meeting: Meeting, boss: User, by: Actor
) -> None:
    row = enrolment.enrol(
        meeting=meeting, person=PersonFactory(), preset=None, source=Source.API, by=Actor.of(boss, via="api")
    ).participant
    html = open_page(staff, row)
    assert html.index("Added at RealtimeKit") < html.index("boss via api")
    assert row.realtimekit_id
    assert row.realtimekit_id in html


def test_a_token_appears_on_no_page(staff: Client) -> None:
    row = make_with_token()
    for url in (LIST, f"{LIST}{row.pk}/change/", f"{LIST}{row.pk}/history/", f"{LIST}{row.pk}/act/refresh/"):
        assert "never-to-be-seen" not in staff.get(url).content.decode()


def test_an_empty_list_says_where_to_begin(staff: Client) -> None:
    assert "No participants yet" in staff.get(LIST).content.decode()
    assert "Nothing matches" in staff.get(LIST, {"q": "nobody"}).content.decode()


def test_checks_that_only_the_enrolled_can_pass_are_not_judged_of_somebody_removed(staff: Client, by: Actor) -> None:
    row = ParticipantFactory()
    removal.remove(row, by=by)
    html = open_page(staff, row)
    assert html.count('aria-label="failed"') == 1
    assert html.count('aria-label="not judged"') == 3
    assert html.index("They are enrolled") > html.index('aria-label="not judged"')


def test_the_person_is_one_click_away_for_who_may_see_people(staff: Client) -> None:
    row = EnrolledFactory()
    url = f'href="{reverse("admin:participants_person_change", args=[row.person_id])}"'
    assert url in open_page(staff, row)
    assert url not in open_page(sign_in("view_participant"), row)
