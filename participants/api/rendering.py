"""Rows to the dictionaries that go over the wire."""

from datetime import datetime
from typing import Any

from participants.models import Batch, BatchRow, DriftItem, DriftReport, Meeting, Participant
from participants.models.base import Queued
from participants.services import bulkchanges, consents, tokencache
from participants.services.admission import Verdict
from participants.services.batches import Preview, Progress
from participants.services.bulkchanges import Seen
from participants.services.joining import Admitted
from participants.states import DriftOutcome

Body = dict[str, Any]


def render_time(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with ``Z`` (design 2.10)."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def render_verdict(verdict: Verdict) -> Body:
    data = {key: render_time(v) if isinstance(v, datetime) else v for key, v in verdict.data.items()}
    return {"code": verdict.code, "message": verdict.message, **data}


def render_meeting(meeting: Meeting) -> Body:
    return {
        "id": str(meeting.pk),
        "realtimekit_id": meeting.realtimekit_id,
        "title": meeting.title,
        "status": meeting.status,
        "opens_at": render_time(meeting.opens_at),
        "closes_at": render_time(meeting.closes_at),
    }


def render_my_meeting(row: Participant, verdict: Verdict) -> Body:
    return {
        **render_meeting(row.meeting),
        "state": row.state,
        "preset": row.preset.name,
        "verdict": render_verdict(verdict),
    }


def render_admitted(admitted: Admitted) -> Body:
    """Design 5, "Join, 200"; the only body that carries a token."""
    row = admitted.participant
    return {
        "token": row.token,
        "expires_at": render_time(row.token_expires_at),
        "refresh_after": render_time(admitted.refresh_after),
        "expiry_source": row.token_expiry_source,
        "server_time": render_time(admitted.now),
        "participant": {
            "id": str(row.pk),
            "realtimekit_id": row.realtimekit_id,
            "custom_participant_id": row.custom_participant_id,
            "name": row.effective_name,
            "preset": row.preset.name,
        },
        "meeting": render_meeting(row.meeting),
    }


def render_managed_meeting(meeting: Meeting, counts: dict[str, int], *, shows_groups: bool) -> Body:
    return {
        **render_meeting(meeting),
        "state": meeting.state,
        "applied_status": meeting.applied_status,
        "enforce_window": meeting.enforce_window,
        "admission": meeting.admission,
        "default_preset": meeting.default_preset.name if meeting.default_preset else None,
        "capacity": meeting.capacity,
        "sends_notices": meeting.sends_notices,
        "takes_requests": meeting.takes_requests,
        "consent_text": meeting.consent_text,
        "consent_version": meeting.consent.number if meeting.consent else None,
        "managers": sorted(user.get_username() for user in meeting.managers.all()),
        "groups": sorted(group.name for group in meeting.groups.all()) if shows_groups else None,
        "counts": {name: counts.get(name, 0) for name in ("enrolled", "pending", "failed")},
        "last_error": render_error(meeting),
        "created_at": render_time(meeting.created_at),
        "updated_at": render_time(meeting.updated_at),
    }


def render_participant(row: Participant, now: datetime) -> Body:
    return {
        "id": str(row.pk),
        "meeting": str(row.meeting_id),
        "person": _render_person(row),
        "custom_participant_id": row.custom_participant_id,
        "realtimekit_id": row.realtimekit_id,
        "state": row.state,
        "preset": row.preset.name,
        "applied_preset": row.applied_preset,
        "name": row.effective_name,
        "source": row.source,
        "enrolled_by": row.enrolled_by.get_username() if row.enrolled_by else None,
        "token": _render_token(row, now),
        "consent": {
            "state": consents.find_state(row).value,
            "version": row.consented_to.number if row.consented_to else None,
            "agreed_at": render_time(row.consented_at),
        },
        "attempts": row.attempts,
        "next_attempt_at": render_time(row.next_attempt_at),
        "last_error": render_error(row),
        "removed_at": render_time(row.removed_at),
        "created_at": render_time(row.created_at),
        "updated_at": render_time(row.updated_at),
    }


def render_preview(preview: Preview) -> Body:
    rows = [
        {
            "line": item.entry.line,
            "input": item.entry.text,
            "outcome": item.prospect.value,
            "detail": item.entry.problem,
        }
        for item in preview.forecasts
    ]
    return {"counts": dict(preview.counts), "rows": rows}


def render_seen(seen: list[Seen]) -> Body:
    rows = [{"line": item.line, "input": item.text, "outcome": item.prospect, "detail": item.detail} for item in seen]
    return {"counts": bulkchanges.tally(seen), "rows": rows}


def render_batch(batch: Batch, progress: Progress) -> Body:
    return {
        "id": str(batch.pk),
        "kind": batch.kind,
        "meeting": str(batch.meeting_id) if batch.meeting_id else None,
        "state": progress.state.value,
        "counts": progress.counts,
        "total": progress.total,
        "waiting_until": render_time(progress.waiting_until),
        "waiting_for": progress.hold.value if progress.hold else None,
        "working": progress.working,
        "rate_per_minute": progress.rate_per_minute,
        "expected_end": render_time(progress.expected_end),
        "preset": batch.preset.name if batch.preset else None,
        "pre_enrol": batch.pre_enrol,
        "started_by": batch.started_by.get_username() if batch.started_by else None,
        "started_by_key": batch.started_key.name if batch.started_key else None,
        "created_at": render_time(batch.created_at),
        "stopped_at": render_time(batch.stopped_at),
        "undone_at": render_time(batch.undone_at),
    }


def render_batch_row(row: BatchRow) -> Body:
    person = row.participant
    return {
        "line": row.line,
        "input": row.input,
        "outcome": row.read_outcome().value,
        "reason": row.read_reason(),
        "detail": row.detail or (person.last_error_detail if person and not row.code else ""),
        "participant": str(row.participant_id) if row.participant_id else None,
        "name": person.effective_name if person else "",
    }


def render_drift(report: DriftReport) -> Body:
    items = report.items.all()
    outcomes = items.count_outcomes()
    return {
        "id": str(report.pk),
        "meeting": str(report.meeting_id),
        "made_at": render_time(report.created_at),
        "remote_count": report.remote_count,
        "local_count": report.local_count,
        "in_flight": report.in_flight,
        "total": report.total,
        "kinds": items.count_kinds(),
        "outcomes": {outcome.value: outcomes.get(outcome, 0) for outcome in DriftOutcome},
        "applied_at": render_time(report.applied_at),
        "applied_by": report.applied_by.get_username() if report.applied_by else None,
        "applied_by_key": report.applied_key.name if report.applied_key else None,
    }


def render_drift_item(item: DriftItem) -> Body:
    return {
        "id": item.pk,
        "kind": item.kind,
        "participant": str(item.participant_id) if item.participant_id else None,
        "name": item.name,
        "custom_participant_id": item.custom_participant_id,
        "realtimekit_ids": item.remote_ids,
        "ours": item.ours,
        "theirs": item.theirs,
        "actions": item.actions,
        "safe_action": item.safe_action,
        "action": item.action or None,
        "outcome": item.outcome,
        "code": item.code,
        "detail": item.detail,
    }


def render_error(row: Queued) -> Body | None:
    if not row.last_error_code:
        return None
    return {"code": row.last_error_code, "detail": row.last_error_detail}


def _render_person(row: Participant) -> Body:
    person = row.person
    return {
        "id": str(person.pk),
        "user": person.user_id,
        "username": person.user.get_username() if person.user else None,
        "name": person.display_name,
        "email": person.email,
        "blocked": person.blocked_at is not None,
    }


def _render_token(row: Participant, now: datetime) -> Body:
    state = tokencache.inspect(row, now)
    if state.refresh_after is None:
        name = "none"
    else:
        name = "fresh" if state.fresh else "usable" if state.usable else "expired"
    return {
        "state": name,
        "expires_at": render_time(row.token_expires_at) if name != "none" else None,
        "expiry_source": row.token_expiry_source if name != "none" else "",
    }
