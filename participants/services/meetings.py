"""Creating and editing meetings: stored here first, then made or changed at RealtimeKit."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from participants.errors import RollcallError
from participants.gateway import get_client, waiting_slot
from participants.models import Actor, EventKind, Meeting
from participants.models.event import record
from participants.realtimekit import Deadline
from participants.services import consents, rooms
from participants.services import groups as following
from participants.services.settling import STAFF_SECONDS
from participants.states import MeetingState


def create(
    *,
    by: Actor,
    managers: Iterable[User] = (),
    groups: Iterable[Group] = (),
    consent_text: str | None = None,
    **fields: Any,
) -> tuple[Meeting, RollcallError | None]:
    """A new meeting, and why RealtimeKit has not got it yet, if so. Raises ValidationError."""
    meeting = Meeting(**fields)
    store(meeting, by=by, managers=managers, groups=list(groups) or None, consent_text=consent_text)
    return meeting, try_now(meeting, by=by)


def edit(
    meeting: Meeting,
    *,
    by: Actor,
    managers: Iterable[User] | None = None,
    groups: Iterable[Group] | None = None,
    consent_text: str | None = None,
    **fields: Any,
) -> RollcallError | None:
    """Change a meeting; returns why RealtimeKit has not got the change yet, if so. Raises ValidationError."""
    for name, value in fields.items():
        setattr(meeting, name, value)
    changed = sorted(fields)
    store(meeting, by=by, managers=managers, groups=groups, consent_text=consent_text, changed=changed)
    return try_now(meeting, by=by)


def store(
    meeting: Meeting,
    *,
    by: Actor,
    managers: Iterable[User] | None = None,
    groups: Iterable[Group] | None = None,
    consent_text: str | None = None,
    changed: list[str] | None = None,
) -> following.Counts:
    """The local half: validate, write only the columns that were edited, leave an event.

    ``consent_text``: blank asks for none; None leaves it as it is.

    Answers what following the meeting's groups has done, filled in once the transaction is over.
    """
    adding = meeting._state.adding
    meeting.full_clean(exclude=["realtimekit_id"])
    ties = None if groups is None else list(groups)
    check_ties(meeting.default_preset_id, ties if ties is not None or adding else meeting.groups.all())
    counts = following.Counts()
    consent = None if consent_text is None else consents.tidy(consent_text)
    consents.check(consent or "")
    with transaction.atomic():
        if adding:
            meeting.save()
        else:
            _check_beside(meeting, changed or [])
            # Lease and applied columns may be written by a converging pass at this very moment.
            meeting.last_error_code = meeting.last_error_detail = ""
            meeting.save(update_fields=[*(changed or []), "last_error_code", "last_error_detail", "updated_at"])
        if managers is not None:
            meeting.managers.set(managers)
        if ties is not None or "capacity" in (changed or ()) or "default_preset" in (changed or ()):
            # Before the ties are set, whose signal does the same in nobody's name.
            counts = following.follow_soon(meeting, by=by)
        if ties is not None:
            meeting.groups.set(ties)
        kind = EventKind.MEETING_CREATED if adding else EventKind.MEETING_CHANGED
        told = _describe(meeting, changed)
        if ties is not None:
            told["groups"] = sorted(group.name for group in ties)
        if consent is not None and consents.write(meeting, consent, by=by):
            told["consent_version"] = meeting.consent.number if meeting.consent else "none"
        record(kind, by, meeting=meeting, **told)
        if not adding:
            _reopen_failed(meeting)
    return counts


def _check_beside(meeting: Meeting, changed: list[str]) -> None:
    """Raises ValidationError where the change does not go with what others have stored since ``meeting`` was read.

    Of two who each change one end of the window at once, the second is told so, before the database refuses it.
    """
    now = Meeting.objects.select_for_update(no_key=True).get(pk=meeting.pk)
    for name in changed:
        setattr(now, name, getattr(meeting, name))
    now.clean()


def check_ties(preset: Any, groups: Iterable[Group] | None) -> None:
    """Raises ValidationError where groups are followed without a default preset to enrol their members with."""
    if preset is None and groups is not None and any(True for _ in groups):
        text = "Following groups needs a default preset: it is what their members are enrolled with."
        raise ValidationError({"default_preset": ValidationError(text, code="default_preset_needed")})


def retry(meeting: Meeting, *, by: Actor) -> RollcallError | None:
    """Try again now, whatever was refused before."""
    with transaction.atomic():
        _reopen_failed(meeting)
        Meeting.objects.filter(pk=meeting.pk).update(last_error_code="", next_attempt_at=None)
        record(EventKind.MEETING_RETRIED, by, meeting=meeting)
    return try_now(meeting, by=by)


def try_now(meeting: Meeting, *, by: Actor, deadline: Deadline | None = None) -> RollcallError | None:
    """Settle the meeting as far as the time goes and say what stood in the way."""
    try:
        with waiting_slot():
            rooms.settle(meeting.pk, deadline=deadline or Deadline.after(STAFF_SECONDS), by=by, client=get_client())
    except RollcallError as error:
        return error
    finally:
        meeting.refresh_from_db()
    return None


def _reopen_failed(meeting: Meeting) -> None:
    Meeting.objects.filter(pk=meeting.pk, state=MeetingState.FAILED).update(
        state=MeetingState.PENDING, attempts=0, next_attempt_at=None, updated_at=timezone.now()
    )


def _describe(meeting: Meeting, changed: list[str] | None) -> dict[str, Any]:
    names = changed if changed is not None else ["title", "status", "opens_at", "closes_at", "capacity"]
    values = {name: getattr(meeting, name, None) for name in names}
    return {name: value if value is None else str(value) for name, value in values.items()}
