"""Who is in each meeting at RealtimeKit, mirrored onto our rows: seen, gone, and nothing of our wishes changed."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from participants.models import Actor, Event, EventKind, Meeting, Participant
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import meetings, passes, removal, sync
from participants.services.mirrors import LAG
from tests.factories import EnrolledFactory, MadeMeetingFactory, MeetingFactory
from tests.services.drifting import add_remotely, age, change_remotely, delete_remotely

pytestmark = pytest.mark.django_db(transaction=True)


def make_another(by: Actor) -> Meeting:
    made: Meeting = MeetingFactory()
    assert meetings.try_now(made, by=by) is None
    return made


def test_what_realtimekit_says_is_kept_without_secrets(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    counts = sync.pull(by=by)
    ada.refresh_from_db()
    assert (counts.rosters, counts.participants, counts.missing) == (1, 1, 0)
    assert ada.raw["custom_participant_id"] == ada.custom_participant_id
    assert "token" not in json.dumps(ada.raw)
    assert ada.seen_at is not None
    assert ada.gone_at is None


def test_somebody_gone_is_marked_and_stays_enrolled_with_their_token(
    sandbox: Sandbox, ada: Participant, by: Actor
) -> None:
    delete_remotely(sandbox, ada)
    age()
    token = ada.token
    assert sync.pull(by=by).missing == 1
    ada.refresh_from_db()
    assert (ada.state, ada.token) == ("enrolled", token)
    assert ada.gone_at is not None
    assert Event.objects.filter(kind=EventKind.GONE, participant=ada).count() == 1
    assert sync.pull(by=by).missing == 0


def test_somebody_seen_again_is_no_longer_gone(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    Participant.objects.update(gone_at=timezone.now())
    sync.pull(by=by)
    ada.refresh_from_db()
    assert ada.gone_at is None


def test_somebody_added_again_is_no_longer_gone(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    Participant.objects.update(gone_at=timezone.now(), state="pending", outcome_unknown=True)
    passes.converge(by=by)
    ada.refresh_from_db()
    assert (ada.state, ada.gone_at) == ("enrolled", None)


@pytest.mark.parametrize("column", ["created_at", "updated_at"])
def test_somebody_touched_within_two_minutes_may_be_missing_from_a_list(
    sandbox: Sandbox, ada: Participant, by: Actor, column: str
) -> None:
    delete_remotely(sandbox, ada)
    age()
    Participant.objects.update(**{column: timezone.now() - LAG + timedelta(seconds=10)})
    assert sync.pull(by=by).missing == 0


@pytest.mark.parametrize(
    "doubt",
    [
        {"outcome_unknown": True},
        {"verify_after": timezone.now() + timedelta(days=365)},
        {"lease_until": timezone.now() + timedelta(days=365)},
        {"state": "pending"},
        {"state": "removing"},
        {"state": "removed"},
    ],
    ids=" ".join,
)
def test_rows_in_doubt_or_in_motion_are_never_marked_gone(
    sandbox: Sandbox, meeting: Meeting, by: Actor, doubt: dict[str, object]
) -> None:
    row = EnrolledFactory(meeting=meeting)
    age()
    Participant.objects.filter(pk=row.pk).update(**doubt)
    assert sync.pull(by=by).missing == 0


def test_a_list_cut_short_marks_nobody_gone(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    EnrolledFactory(meeting=meeting)
    age()
    sandbox.faults.add("server_error", operation="participants.list", status=500, times=None)
    counts = sync.pull(by=by, deadline=Deadline.after(3))
    assert (counts.missing, counts.rosters) == (0, 0)
    assert counts.trouble


def test_a_meeting_that_realtimekit_does_not_know_marks_nobody_gone_and_stops_no_other(
    sandbox: Sandbox, ada: Participant, by: Actor
) -> None:
    lost = EnrolledFactory(meeting=MadeMeetingFactory())
    counts = sync.pull(by=by)
    lost.refresh_from_db()
    assert lost.gone_at is None
    assert counts.rosters == 1
    assert "does not know" in counts.trouble


def test_a_deleted_meetings_people_are_left_alone_too_once_it_is_marked_gone(sandbox: Sandbox, by: Actor) -> None:
    lost = EnrolledFactory(meeting=MadeMeetingFactory())
    age()
    counts = sync.pull(by=by)
    lost.refresh_from_db()
    assert (counts.gone, counts.missing, counts.trouble) == (1, 0, "")
    assert lost.gone_at is None


def test_many_are_read_to_the_last_page(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    for number in range(1050):
        add_remotely(sandbox, meeting, f"person-{number}")
    remote = {one.custom_participant_id: one.id for one in sandbox.world.participants(str(meeting.realtimekit_id))}
    kept = [EnrolledFactory(meeting=meeting, realtimekit_id=remote[f"person-{number}"]) for number in (0, 99, 1049)]
    sandbox.requests.clear()
    counts = sync.pull(by=by)
    assert counts.participants == 1050
    assert sandbox.requests.count("participants.list") == 11
    assert all(Participant.objects.get(pk=row.pk).seen_at for row in kept)


def test_a_sync_begins_with_the_meeting_read_longest_ago_and_the_next_goes_on(
    sandbox: Sandbox, meeting: Meeting, by: Actor
) -> None:
    other = make_another(by)
    now = timezone.now()
    Meeting.objects.filter(pk=meeting.pk).update(participants_synced_at=now - timedelta(hours=1))
    Meeting.objects.filter(pk=other.pk).update(participants_synced_at=now - timedelta(hours=2))
    sandbox.requests.clear()
    sync.pull(by=by)
    read = [request.path for request in sandbox.requests.all() if request.operation == "participants.list"]
    assert [str(other.realtimekit_id) in path for path in read] == [True, False]


def test_a_sync_without_time_left_says_how_many_meetings_wait(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    make_another(by)
    sandbox.faults.add("latency", operation="participants.list", seconds=1.0, times=None)
    counts = sync.pull(by=by, deadline=Deadline.after(0.9))
    assert counts.left >= 1


def test_a_sync_of_the_catalogue_alone_reads_no_participants(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    sandbox.requests.clear()
    sync.pull(by=by, rosters=False)
    assert sandbox.requests.count("participants.list") == 0


def test_what_staff_wish_is_never_overwritten(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    before = (ada.preset_id, ada.name, ada.applied_preset, ada.applied_name)
    change_remotely(sandbox, ada, name="Somebody else", preset_name="group_call_host")
    sync.pull(by=by)
    ada.refresh_from_db()
    assert (ada.preset_id, ada.name, ada.applied_preset, ada.applied_name) == before
    assert ada.raw["name"] == "Somebody else"


def test_removed_people_cost_a_sync_nothing(sandbox: Sandbox, ada: Participant, by: Actor) -> None:
    removal.remove(ada, by=by)
    age()
    assert sync.pull(by=by).missing == 0


def test_meetings_made_elsewhere_are_left_alone_where_the_setting_says_so(
    sandbox: Sandbox, by: Actor, settings: object
) -> None:
    settings.SYNC_IMPORTS_MEETINGS = False  # type: ignore[attr-defined]  # pytest-django's own
    sandbox.world.create_meeting("From the dashboard")
    assert sync.pull(by=by).imported == 0
    assert sync.pull(by=by, importing=True).imported == 1
