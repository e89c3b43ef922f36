"""The one judge: may this person enter this meeting now, and if not why (design 2.4).

Pure: it reads the rows it is given (and of the meeting's consent the text, to show it) and the clock it is given.
Join, refresh, staff-issued tokens, the page's "may I" and staff's "can they join?" all ask here.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from participants.errors import NotAdmitted
from participants.models import Meeting, Participant, Person
from participants.states import (
    RESTORABLE,
    AdmissionPolicy,
    MeetingState,
    MeetingStatus,
    ParticipantState,
)

OK = "ok"
CODES = (
    "not_found",
    "blocked",
    "removed",
    "not_enrolled",
    "meeting_inactive",
    "too_early",
    "closed",
    "full",
    "enrolment_failed",
    "consent_required",
)
"""Checks in the order they are made."""


@dataclass(frozen=True)
class Verdict:
    """``code`` is ``ok`` or one of CODES; ``data`` its datum (design 5)."""

    code: str
    message: str = "You can join now."
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def admitted(self) -> bool:
        return self.code == OK

    def enforce(self) -> None:
        """Raises NotAdmitted unless admitted."""
        if not self.admitted:
            raise NotAdmitted(self.code, self.message, **self.data)


@dataclass(frozen=True)
class Case:
    """What is known of one person at one door at one moment. ``participant`` is None for people not enrolled.

    ``agrees_to`` is the consent text to which they agree by asking, beside what they agreed to before.
    """

    meeting: Meeting | None
    person: Person | None
    participant: Participant | None
    now: datetime
    has_room: bool = True
    agrees_to: uuid.UUID | None = None


def judge(case: Case) -> Verdict:
    """The first check that fails, or ok."""
    return next((verdict for _, verdict in run_checks(case) if verdict is not None), Verdict(OK))


def run_checks(case: Case) -> Iterator[tuple[str, Verdict | None]]:
    """Each check's code in order, with its verdict when it fails; what "Can they join?" shows."""
    if case.meeting is None:
        yield "not_found", Verdict("not_found", "There is no such meeting. Check the link.")
        return
    yield "not_found", None
    for code, check in _CHECKS:
        yield code, check(case, case.meeting)


def judge_row(participant: Participant, now: datetime) -> Verdict:
    return judge(Case(participant.meeting, participant.person, participant, now))


def would_enrol(meeting: Meeting, person: Person | None) -> bool:
    """Whether a join of somebody not enrolled enrols them."""
    preset = meeting.default_preset
    usable = preset is not None and preset.gone_at is None
    open_to_all = meeting.admission == AdmissionPolicy.SIGNED_IN and usable
    return open_to_all and (person is None or person.user_id is not None)


def _check_blocked(case: Case, meeting: Meeting) -> Verdict | None:
    if case.person is None or case.person.is_active:
        return None
    return Verdict("blocked", "You can't join meetings here at present. Ask the organiser.")


def _check_removed(case: Case, meeting: Meeting) -> Verdict | None:
    if case.participant is None or case.participant.state not in RESTORABLE:
        return None
    return Verdict("removed", "You were removed from this meeting. Ask the organiser if that is a mistake.")


def _check_enrolled(case: Case, meeting: Meeting) -> Verdict | None:
    if case.participant is not None or would_enrol(meeting, case.person):
        return None
    return Verdict("not_enrolled", "You are not enrolled in this meeting. Ask the organiser to enrol you.")


def _check_active(case: Case, meeting: Meeting) -> Verdict | None:
    if meeting.status == MeetingStatus.ACTIVE:
        return None
    return Verdict("meeting_inactive", "The organiser has closed this meeting for now.")


def _check_not_early(case: Case, meeting: Meeting) -> Verdict | None:
    if meeting.opens_at is None or case.now >= meeting.opens_at:
        return None
    return Verdict("too_early", "The meeting has not opened yet.", {"opens_at": meeting.opens_at})


def _check_not_closed(case: Case, meeting: Meeting) -> Verdict | None:
    if meeting.closes_at is None or case.now < meeting.closes_at:
        return None
    return Verdict("closed", "The meeting is over.", {"closes_at": meeting.closes_at})


def _check_room(case: Case, meeting: Meeting) -> Verdict | None:
    # An enrolled person is never turned away: capacity is settled when the row is made.
    if case.participant is not None or case.has_room:
        return None
    return Verdict("full", "The meeting is full.", {"capacity": meeting.capacity})


def _check_not_failed(case: Case, meeting: Meeting) -> Verdict | None:
    row = case.participant
    if row is not None and row.state == ParticipantState.FAILED:
        reason = row.last_error_detail or row.last_error_code
    elif meeting.state == MeetingState.FAILED:
        reason = meeting.last_error_detail or meeting.last_error_code
    else:
        return None
    message = "RealtimeKit refused the enrolment. The organiser has to correct it."
    return Verdict("enrolment_failed", message, {"reason": reason})


def _check_consent(case: Case, meeting: Meeting) -> Verdict | None:
    agreed = {case.agrees_to, case.participant.consented_to_id if case.participant is not None else None}
    if meeting.consent_id is None or meeting.consent_id in agreed:
        return None
    text = meeting.consent
    assert text is not None
    told = {"id": str(text.pk), "version": text.number, "text": text.text}
    return Verdict("consent_required", "Agree to the text of this meeting before you join.", {"consent": told})


_CHECKS = (
    ("blocked", _check_blocked),
    ("removed", _check_removed),
    ("not_enrolled", _check_enrolled),
    ("meeting_inactive", _check_active),
    ("too_early", _check_not_early),
    ("closed", _check_not_closed),
    ("full", _check_room),
    ("enrolment_failed", _check_not_failed),
    ("consent_required", _check_consent),
)


def count_occupied(meeting: Meeting) -> int:
    return Participant.objects.filter(meeting=meeting).occupying().count()


def has_room(meeting: Meeting) -> bool:
    return meeting.capacity is None or count_occupied(meeting) < meeting.capacity
