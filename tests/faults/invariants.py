"""What must hold when everything has come to rest, whatever happened before. Each raises AssertionError."""

from collections import Counter
from collections.abc import Collection
from datetime import timedelta
from itertools import pairwise

from django.utils import timezone

from participants.models import Batch, Meeting, Participant
from participants.models.event import Event, EventKind
from participants.sandbox import Sandbox
from participants.services import batches
from participants.states import ParticipantState


def check_remote_side(sandbox: Sandbox, meeting: Meeting, intended: Collection[str]) -> None:
    """Everybody intended is there exactly once, and nobody else. ``intended`` are custom ids."""
    seen = Counter(row.custom_participant_id for row in sandbox.world.participants(str(meeting.realtimekit_id)))
    doubled = {key: count for key, count in seen.items() if count > 1}
    assert not doubled, f"more than once at RealtimeKit: {doubled}"
    missing, unintended = set(intended) - set(seen), set(seen) - set(intended)
    assert not missing, f"{len(missing)} are missing at RealtimeKit: {sorted(missing)[:5]}"
    assert not unintended, f"{len(unintended)} are at RealtimeKit whom nobody wants there: {sorted(unintended)[:5]}"


def check_rows(sandbox: Sandbox, meeting: Meeting) -> None:
    """Every row says what is true, and none holds a lease or a doubt."""
    remote = {row.id: row for row in sandbox.world.participants(str(meeting.realtimekit_id))}
    rows = list(Participant.objects.with_relations().filter(meeting=meeting))
    assert not [row.pk for row in rows if row.lease_id or row.lease_until], "a lease was left behind"
    assert not Meeting.objects.exclude(lease_id=None).exists(), "a meeting's lease was left behind"
    assert not [row.pk for row in rows if row.outcome_unknown], "a doubt was left behind"
    states = Counter(row.state for row in rows)
    resting = {ParticipantState.ENROLLED, ParticipantState.REMOVED}
    assert set(states) <= resting, f"not at rest: {states}"
    for row in rows:
        if row.state == ParticipantState.REMOVED:
            assert (row.realtimekit_id, row.token, row.removed_at is None) == (None, None, False), row.pk
            continue
        assert row.realtimekit_id in remote, f"{row.pk} is enrolled but unknown at RealtimeKit"
        assert remote[row.realtimekit_id].custom_participant_id == row.custom_participant_id, row.pk
        assert row.applied_preset == remote[row.realtimekit_id].preset_name == row.preset.name, row.pk
        if row.token:  # without one, its renewal may be waiting for another try
            assert (row.attempts, row.next_attempt_at, row.last_error_code) == (0, None, ""), row.pk
        assert not row.find_drift(), row.pk
        assert row.removed_at is None, row.pk


def check_tokens(sandbox: Sandbox, meeting: Meeting) -> list[Participant]:
    """Every cached token is its own participant's and opens the door. Returns rows without one: adopted ones only."""
    rows = Participant.objects.with_relations().filter(meeting=meeting, state=ParticipantState.ENROLLED)
    adopted = set(Event.objects.filter(kind=EventKind.ADOPTED).values_list("participant", flat=True))
    cold = []
    for row in rows:
        if not row.token:
            assert row.pk in adopted, f"{row.pk} lost its token"
            cold.append(row)
            continue
        assert sandbox.world.judge(row.token) == "ok", row.pk
        assert sandbox.world.participant_of(row.token) == row.realtimekit_id, row.pk
        assert row.token_expires_at is not None
        assert row.token_expires_at > timezone.now(), row.pk
    return cold


def check_budget(sandbox: Sandbox, calls: int, seconds: float) -> int:
    """Never more calls in any window, whatever became of them, as Cloudflare counts. Returns the fullest window's."""
    times = sorted(entry.at for entry in sandbox.requests.all())
    assert all(earlier <= later for earlier, later in pairwise(times))
    fullest, start = 0, 0
    for end, at in enumerate(times):
        while at - times[start] >= timedelta(seconds=seconds):
            start += 1
        fullest = max(fullest, end - start + 1)
    assert fullest <= calls, f"{fullest} calls within {seconds} s, {calls} are allowed"
    return fullest


def check_counts(batch: Batch) -> dict[str, int]:
    """A batch's counts add up, and are those of its rows. Returns them."""
    batch.refresh_from_db()
    progress = batches.measure(batch)
    assert sum(progress.counts.values()) == progress.total == batch.total, progress
    own = Participant.objects.filter(batch=batch)
    assert progress.counts["enrolled"] == own.filter(state=ParticipantState.ENROLLED).count(), progress
    assert progress.counts["pending"] == 0, progress
    assert progress.counts["failed"] == 0, progress
    assert batch.rows.count() in (0, batch.total), "a batch's list was stored in part"
    return progress.counts
