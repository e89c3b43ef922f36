"""Consent: what a meeting asks people to agree to before they join, and who agreed to which wording, when."""

import uuid
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Exists, F, Max, Q, QuerySet

from participants.models import Actor, ConsentText, EventKind, Meeting, Participant
from participants.models.consent import CONSENT_LIMIT
from participants.models.event import record
from participants.services import admission
from participants.services.admission import Case
from participants.states import REMOVABLE, ConsentState


def tidy(text: str) -> str:
    """One form of the same words: browsers send other line ends than they were given."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


def check(text: str) -> None:
    """Raises ValidationError."""
    if len(text) > CONSENT_LIMIT:
        told = f"Write at most {CONSENT_LIMIT:,} characters."
        raise ValidationError({"consent_text": ValidationError(told, code="max_length")})


def write(meeting: Meeting, text: str, *, by: Actor) -> bool:
    """Make ``text`` what the meeting asks; blank ends the asking. False when it is that already.

    Call with the meeting's row locked: of two who write at once each makes a version of their own.
    """
    current = ConsentText.objects.filter(pk__in=Meeting.objects.filter(pk=meeting.pk).values("consent")).first()
    if text == (current.text if current else ""):
        meeting.consent = current
        return False
    made = None
    if text:
        last = ConsentText.objects.filter(meeting=meeting).aggregate(last=Max("number"))["last"]
        made = ConsentText.objects.create(
            meeting=meeting, number=(last or 0) + 1, text=text, created_by=by.user, created_key=by.key
        )
    meeting.consent = made
    Meeting.objects.filter(pk=meeting.pk).update(consent=made)
    return True


def agree(row: Participant, text: uuid.UUID, *, by: Actor, now: datetime) -> None:
    """Note that somebody at the door agrees to a text, if it is the one they are asked for; ``row`` is read anew.

    One that is outdated, or another meeting's, changes nothing: whoever judges next asks for the right one. Raises
    NotAdmitted where they could not join even so.
    """
    meeting = row.meeting
    if text != meeting.consent_id or row.consented_to_id == text:
        return
    admission.judge(Case(meeting, row.person, row, now, agrees_to=text)).enforce()
    with transaction.atomic():
        asked = Exists(Meeting.objects.filter(pk=row.meeting_id, consent=text))
        fresh = Participant.objects.filter(asked, pk=row.pk, state__in=REMOVABLE).exclude(consented_to=text)
        if fresh.update(consented_to=text, consented_at=now, updated_at=now):
            assert meeting.consent is not None
            record(EventKind.CONSENTED, by, participant=row, version=meeting.consent.number)
    # Staff may have written another text, or removed them, at this very moment.
    row.refresh_from_db()


def find_state(row: Participant) -> ConsentState:
    if row.meeting.consent_id is None:
        return ConsentState.NOT_ASKED
    return ConsentState.AGREED if row.consented_to_id == row.meeting.consent_id else ConsentState.WAITING


def find_by_state(state: str) -> Q:
    """Participants whose ``find_state`` it is."""
    agreed = Q(consented_to=F("meeting__consent"))
    if state == ConsentState.NOT_ASKED:
        return Q(meeting__consent=None)
    if state == ConsentState.AGREED:
        return agreed
    return Q(meeting__consent__isnull=False) & (Q(consented_to=None) | ~agreed)


def count(meeting: Meeting) -> tuple[int, int]:
    """How many of those who are not removed agreed to the meeting's text, and how many have not yet."""
    rows = Participant.objects.filter(meeting=meeting, state__in=REMOVABLE)
    found = rows.aggregate(all=Count("pk"), agreed=Count("pk", filter=find_by_state(ConsentState.AGREED)))
    return found["agreed"], found["all"] - found["agreed"]


def list_versions(meeting: Meeting) -> QuerySet[ConsentText]:
    """The newest first."""
    return ConsentText.objects.filter(meeting=meeting).select_related("created_by", "created_key").order_by("-number")
