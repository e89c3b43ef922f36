"""Pulling presets and meetings; our wishes stay ours."""

from datetime import timedelta

import pytest
from django.utils import timezone

from participants.errors import Busy, Misconfigured
from participants.models import Actor, Event, EventKind, Meeting, Preset
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import meetings, passes, presets, sync
from tests.factories import MadeMeetingFactory, MeetingFactory, PresetFactory

pytestmark = pytest.mark.django_db(transaction=True)


def age(meeting: Meeting) -> None:
    Meeting.objects.filter(pk=meeting.pk).update(created_at=timezone.now() - timedelta(minutes=5))


def test_presets_appear_under_their_names(sandbox: Sandbox, by: Actor) -> None:
    sandbox.world.add_preset("lecture-host")
    counts = sync.pull(by=by)
    names = {preset.name for preset in sandbox.world.presets()}
    assert set(Preset.objects.available().values_list("name", flat=True)) == names
    assert counts.presets == len(names)


def test_a_preset_gone_remotely_is_marked_and_comes_back(sandbox: Sandbox, by: Actor) -> None:
    sandbox.world.add_preset("lecture-host")
    sync.pull(by=by)
    row = Preset.objects.get(name="lecture-host")
    sandbox.world.remove_preset("lecture-host")
    sync.pull(by=by)
    row.refresh_from_db()
    assert row.gone_at is not None
    sandbox.world.add_preset("lecture-host")
    sync.pull(by=by)
    assert Preset.objects.available().filter(name="lecture-host").count() == 1


def test_presets_that_swapped_their_names_follow(sandbox: Sandbox, by: Actor) -> None:
    sync.pull(by=by)
    first, second = Preset.objects.order_by("name")[:2]
    Preset.objects.filter(pk=first.pk).update(name="for a moment")
    Preset.objects.filter(pk=second.pk).update(name=first.name)
    Preset.objects.filter(pk=first.pk).update(name=second.name)
    sync.pull(by=by)
    assert Preset.objects.get(pk=first.pk).name == first.name
    assert Preset.objects.get(pk=second.pk).name == second.name
    assert not Preset.objects.exclude(gone_at=None).exists()


def test_a_preset_of_ours_that_realtimekit_has_under_another_id_is_gone(sandbox: Sandbox, by: Actor) -> None:
    old = PresetFactory(name="group_call_host", realtimekit_id="from-another-app")
    sync.pull(by=by)
    old.refresh_from_db()
    assert old.gone_at is not None
    assert Preset.objects.available().get(name="group_call_host").pk != old.pk


def test_a_meeting_made_elsewhere_is_imported_once(sandbox: Sandbox, by: Actor) -> None:
    remote = sandbox.world.create_meeting("From the dashboard")
    assert sync.pull(by=by).imported == 1
    assert sync.pull(by=by).imported == 0
    row = Meeting.objects.get()
    assert (row.realtimekit_id, row.title, row.state) == (remote.id, "From the dashboard", "created")
    assert (row.status, row.applied_status) == ("ACTIVE", "ACTIVE")
    assert Event.objects.get(kind=EventKind.MEETING_CREATED).data == {"imported": True}


def test_an_imported_meeting_keeps_being_inactive_and_is_left_alone(sandbox: Sandbox, by: Actor) -> None:
    remote = sandbox.world.create_meeting("Closed")
    sandbox.world.set_meeting_status(remote.id, "INACTIVE")
    sync.pull(by=by)
    assert Meeting.objects.get().status == "INACTIVE"
    sandbox.requests.clear()
    passes.converge(by=by)
    assert sandbox.requests.all() == []


def test_a_meeting_without_title_is_imported(sandbox: Sandbox, by: Actor) -> None:
    sandbox.world.create_meeting(None)
    sync.pull(by=by)
    assert Meeting.objects.get().title == "Untitled meeting"


def test_a_meeting_of_ours_that_is_just_being_made_is_not_imported(sandbox: Sandbox, by: Actor) -> None:
    ours = MeetingFactory()
    sandbox.world.create_meeting(ours.title_on_creation)
    assert sync.pull(by=by).imported == 0
    assert Meeting.objects.count() == 1


def test_a_meeting_gone_remotely_is_marked_and_one_seen_again_is_not(sandbox: Sandbox, by: Actor) -> None:
    lost = MadeMeetingFactory()
    age(lost)
    assert sync.pull(by=by).gone == 1
    lost.refresh_from_db()
    assert lost.gone_at is not None
    back = sandbox.world.create_meeting("Back again")
    Meeting.objects.filter(pk=lost.pk).update(realtimekit_id=back.id)
    sync.pull(by=by)
    lost.refresh_from_db()
    assert lost.gone_at is None
    assert lost.seen_at is not None


def test_a_meeting_made_a_moment_ago_may_be_missing_from_the_list(sandbox: Sandbox, by: Actor) -> None:
    MadeMeetingFactory()
    assert sync.pull(by=by).gone == 0


def test_what_was_changed_remotely_is_seen_and_pushed_back(sandbox: Sandbox, by: Actor) -> None:
    meeting = MeetingFactory(title="Ours")
    assert meetings.try_now(meeting, by=by) is None
    sandbox.world.set_meeting_status(str(meeting.realtimekit_id), "INACTIVE")
    sync.pull(by=by)
    meeting.refresh_from_db()
    assert (meeting.status, meeting.applied_status) == ("ACTIVE", "INACTIVE")
    passes.converge(by=by)
    (remote,) = sandbox.world.meetings()
    assert (remote.title, remote.status) == ("Ours", "ACTIVE")


def test_a_meeting_being_changed_this_moment_is_not_overwritten_by_an_older_list(sandbox: Sandbox, by: Actor) -> None:
    meeting = MeetingFactory(title="Ours")
    assert meetings.try_now(meeting, by=by) is None
    Meeting.objects.claim(meeting.pk, seconds=60)
    sandbox.world.set_meeting_status(str(meeting.realtimekit_id), "INACTIVE")
    sync.pull(by=by)
    meeting.refresh_from_db()
    assert meeting.applied_status == "ACTIVE"


def test_a_list_that_cannot_be_read_to_its_end_marks_nothing_gone(sandbox: Sandbox, by: Actor) -> None:
    sync.pull(by=by)
    lost = MadeMeetingFactory()
    age(lost)
    sandbox.faults.down()
    with pytest.raises(Busy):
        sync.pull(by=by, deadline=Deadline.after(2))
    lost.refresh_from_db()
    assert lost.gone_at is None
    assert not Preset.objects.exclude(gone_at=None).exists()


def test_a_wrong_api_token_is_told_as_misconfigured(sandbox: Sandbox, by: Actor) -> None:
    sandbox.faults.add("refuse", operation="presets.list", status=401, message="no", times=None)
    with pytest.raises(Misconfigured):
        sync.pull(by=by)


def test_one_event_tells_what_a_sync_found(sandbox: Sandbox, by: Actor) -> None:
    sandbox.world.create_meeting("One")
    sync.pull(by=by)
    assert Event.objects.get(kind=EventKind.SYNCED).data == {"meetings": 1, "imported": 1, "gone": 0}


def test_two_remote_presets_of_one_name_give_one_row(sandbox: Sandbox, by: Actor) -> None:
    remote = sandbox.world.add_preset("twin")
    sandbox.world.add_preset("twin")
    presets.sync(deadline=Deadline.after(5))
    assert Preset.objects.available().filter(name="twin").count() == 1
    assert remote.id
