from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from participants.models import Actor, Event, EventKind, Meeting, Participant, Preset
from participants.sandbox import Sandbox
from participants.services import people, removal
from tests.api.conftest import sign_in
from tests.factories import AdminFactory, EnrolledFactory, MadeMeetingFactory, ParticipantFactory, PresetFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff(transactional_db: None) -> APIClient:
    return sign_in(AdminFactory(username="boss"))


def path_of(row: Participant, what: str = "") -> str:
    return f"/api/v1/manage/participants/{row.pk}/{what}"


def list_of(meeting: Meeting) -> str:
    return f"/api/v1/manage/meetings/{meeting.pk}/participants/"


def test_a_participant_is_shown_as_in_the_list_and_without_token(
    staff: APIClient, meeting: Meeting, ada: Participant
) -> None:
    shown, listed = staff.get(path_of(ada)), staff.get(list_of(meeting))
    assert listed.json()["results"] == [shown.json()]
    assert ada.token
    for answer in (shown, listed):
        assert ada.token not in answer.content.decode()
        assert "eyJ" not in answer.content.decode()


@pytest.mark.parametrize(
    ("left", "state"),
    [
        (timedelta(days=50), "fresh"),
        (timedelta(hours=2), "usable"),
        (timedelta(seconds=30), "expired"),
        (timedelta(days=-1), "expired"),
    ],
)
def test_the_state_of_the_token_is_told(staff: APIClient, left: timedelta, state: str) -> None:
    now = timezone.now()
    issued = now - timedelta(days=100)
    row = EnrolledFactory(
        token="kept secret", token_issued_at=issued, token_expires_at=now + left, token_expiry_source="jwt"
    )
    assert staff.get(path_of(row)).json()["token"]["state"] == state


def test_a_changed_preset_and_name_are_applied_remotely(
    staff: APIClient, meeting: Meeting, ada: Participant, sandbox: Sandbox
) -> None:
    answer = staff.patch(path_of(ada), {"preset": "group_call_host", "name": "Ada L."}, format="json")
    (remote,) = sandbox.world.participants(str(meeting.realtimekit_id))
    body = answer.json()
    assert answer.status_code == 200
    assert (remote.id, remote.preset_name, remote.name) == (ada.realtimekit_id, "group_call_host", "Ada L.")
    assert (body["preset"], body["applied_preset"], body["name"]) == ("group_call_host", "group_call_host", "Ada L.")
    assert Event.objects.get(kind=EventKind.CHANGED).actor_name == "boss"


def test_an_empty_name_is_the_persons_again(staff: APIClient, ada: Participant) -> None:
    staff.patch(path_of(ada), {"name": "Countess"}, format="json")
    assert staff.patch(path_of(ada), {"name": ""}, format="json").json()["name"] == "Ada Example"


def test_an_empty_change_changes_and_calls_nothing(staff: APIClient, ada: Participant, sandbox: Sandbox) -> None:
    sandbox.requests.clear()
    before = Event.objects.count()
    assert staff.patch(path_of(ada), {}, format="json").status_code == 200
    assert (sandbox.requests.all(), Event.objects.count()) == ([], before)


def test_a_change_while_realtimekit_is_down_is_saved_and_told(
    staff: APIClient, ada: Participant, sandbox: Sandbox
) -> None:
    PresetFactory(name="group_call_host")
    sandbox.faults.down()
    body = staff.patch(path_of(ada), {"preset": "group_call_host"}, format="json").json()
    assert (body["preset"], body["applied_preset"]) == ("group_call_host", "group_call_participant")
    assert body["last_error"]["code"]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"preset": "no-such-preset"}, "preset", "unknown_preset"),
        ({"preset": None}, "preset", "null"),
        ({"preset": ""}, "preset", "blank"),
        ({"name": "x" * 101}, "name", "max_length"),
        ({"state": "removed"}, "state", "unknown_field"),
    ],
)
def test_an_invalid_change_is_named_with_its_code(
    staff: APIClient, ada: Participant, body: dict[str, Any], field: str, code: str
) -> None:
    answer = staff.patch(path_of(ada), body, format="json")
    assert answer.status_code == 400
    assert [(item["field"], item["code"]) for item in answer.json()["errors"]] == [(field, code)]


def test_a_removed_participant_cannot_be_changed(staff: APIClient, ada: Participant, by: Actor) -> None:
    removal.remove(ada, by=by)
    answer = staff.patch(path_of(ada), {"name": "X"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


def test_a_removal_holds_here_and_there(
    staff: APIClient, meeting: Meeting, ada: Participant, sandbox: Sandbox
) -> None:
    token = str(ada.token)
    answer = staff.delete(path_of(ada))
    body = answer.json()
    assert (answer.status_code, body["remote"], body["state"]) == (200, "deleted", "removed")
    assert body["removed_at"]
    assert body["token"]["state"] == "none"
    assert sandbox.world.participants(str(meeting.realtimekit_id)) == []
    assert not sandbox.world.accepts(token)


def test_a_removal_while_realtimekit_is_down_holds_here_and_says_so(
    staff: APIClient, as_ada: APIClient, meeting: Meeting, ada: Participant, sandbox: Sandbox
) -> None:
    sandbox.faults.down()
    body = staff.delete(path_of(ada)).json()
    assert (body["remote"], body["state"]) == ("pending", "removing")
    joined = as_ada.post(f"/api/v1/meetings/{meeting.pk}/join/", {}, format="json")
    assert (joined.status_code, joined.json()["code"]) == (403, "removed")


def test_removing_again_changes_nothing(staff: APIClient, ada: Participant, sandbox: Sandbox) -> None:
    first = staff.delete(path_of(ada)).json()
    sandbox.requests.clear()
    assert staff.delete(path_of(ada)).json() == first
    assert sandbox.requests.all() == []


def test_removing_again_finishes_what_realtimekit_had_not_got(
    staff: APIClient, ada: Participant, sandbox: Sandbox
) -> None:
    sandbox.faults.down()
    assert staff.delete(path_of(ada)).json()["remote"] == "pending"
    sandbox.faults.up()
    assert staff.delete(path_of(ada)).json()["remote"] == "deleted"


def test_a_restored_participant_is_added_anew_under_the_same_row_and_custom_id(
    staff: APIClient, as_ada: APIClient, meeting: Meeting, ada: Participant, sandbox: Sandbox
) -> None:
    staff.delete(path_of(ada))
    answer = staff.post(path_of(ada, "restore/"))
    (remote,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert (answer.status_code, answer.json()["state"]) == (200, "enrolled")
    assert answer.json()["removed_at"] is None
    assert remote.id != ada.realtimekit_id
    assert remote.custom_participant_id == ada.custom_participant_id
    assert as_ada.post(f"/api/v1/meetings/{meeting.pk}/join/", {}, format="json").status_code == 200


def test_only_a_removed_participant_is_restored(staff: APIClient, ada: Participant) -> None:
    answer = staff.post(path_of(ada, "restore/"))
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


def test_a_restoring_meets_the_checks_of_an_enrolment(
    staff: APIClient, meeting: Meeting, ada: Participant, ada_user: User, by: Actor
) -> None:
    staff.delete(path_of(ada))

    def refuse() -> tuple[int, str]:
        answer = staff.post(path_of(ada, "restore/"))
        return answer.status_code, answer.json()["code"]

    Meeting.objects.update(capacity=1)
    EnrolledFactory(meeting=meeting)
    assert refuse() == (409, "full")
    Meeting.objects.update(capacity=2)
    Preset.objects.update(gone_at=timezone.now())
    assert refuse() == (409, "preset_gone")
    Preset.objects.update(gone_at=None)
    User.objects.filter(pk=ada_user.pk).update(is_active=False)
    assert refuse() == (409, "inactive_user")
    User.objects.filter(pk=ada_user.pk).update(is_active=True)
    people.block(ada.person, reason="rude", by=by)
    assert refuse() == (409, "blocked")


def test_staff_learn_why_somebody_cannot_join(staff: APIClient, meeting: Meeting, ada: Participant) -> None:
    assert staff.get(path_of(ada, "admission/")).json() == {"code": "ok", "message": "You can join now."}
    Meeting.objects.update(opens_at="2999-01-01T00:00:00Z")
    answer = staff.get(path_of(ada, "admission/"))
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    assert (answer.json()["code"], answer.json()["opens_at"]) == ("too_early", "2999-01-01T00:00:00Z")


@pytest.fixture
def cast(transactional_db: None) -> Meeting:
    """A meeting with somebody in every state."""
    meeting = MadeMeetingFactory()
    host = PresetFactory(name="group_call_host")
    EnrolledFactory(meeting=meeting, name="Enrolled", person__user__username="ada", preset=host)
    ParticipantFactory(meeting=meeting, name="Pending", person__user__email="pen@example.org")
    ParticipantFactory(meeting=meeting, name="Failed", state="failed", person__display_name="Real Name")
    ParticipantFactory(meeting=meeting, name="Removed", state="removed")
    EnrolledFactory(name="Elsewhere")
    return meeting


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Removed", "Failed", "Pending", "Enrolled"]),
        ("state=failed", ["Failed"]),
        ("preset=group_call_host", ["Enrolled"]),
        ("preset=nothing", []),
        ("search=ADA", ["Enrolled"]),
        ("search=pen@", ["Pending"]),
        ("search=real", ["Failed"]),
        ("search=elsewhere", []),
        ("state=enrolled&search=pen", []),
    ],
)
def test_the_list_is_filtered(staff: APIClient, cast: Meeting, query: str, names: list[str]) -> None:
    assert [item["name"] for item in staff.get(f"{list_of(cast)}?{query}").json()["results"]] == names


def test_a_wrong_filter_is_named(staff: APIClient, cast: Meeting) -> None:
    answer = staff.get(f"{list_of(cast)}?state=lost")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "state"


def test_the_list_comes_page_by_page(staff: APIClient, cast: Meeting) -> None:
    names, address = [], f"{list_of(cast)}?page_size=3"
    while address:
        page = staff.get(address).json()
        names += [item["name"] for item in page["results"]]
        address = page["next"]
    assert names == ["Removed", "Failed", "Pending", "Enrolled"]


@pytest.mark.parametrize("count", [1, 20])
def test_the_list_costs_four_queries_however_long_it_is(
    staff: APIClient, django_assert_num_queries: Any, count: int
) -> None:
    meeting = MadeMeetingFactory()
    EnrolledFactory.create_batch(count, meeting=meeting)
    with django_assert_num_queries(4):  # session with user, meeting, its managers, page
        assert len(staff.get(list_of(meeting)).json()["results"]) == count
