"""Who opened a personal link: a session good for one participant, and for nothing else.

The session only names the invitation. Whether that still holds is looked up with every request, so a session ends
the moment its invitation is revoked, replaced or expires, or its participant is removed.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from participants import conf
from participants.errors import (
    InvitationExpired,
    InvitationRevoked,
    InvitationUnknown,
    InvitationUsed,
    NotAdmitted,
    RollcallError,
    SignedInAsOther,
)
from participants.models import Actor, EventKind, Invitation, Meeting, Participant
from participants.models.event import record
from participants.services import admission, joining, links
from participants.services.admission import Case, Verdict
from participants.services.people import parse_id

SESSION_KEY = "rollcall_invitation"
"""What a session is told: the id of the invitation."""
_KEPT_OUT = ("blocked", "removed")


@dataclass(frozen=True)
class Guest:
    """Somebody known by their invitation alone. Quacks like a user as far as the API asks: without any right."""

    invitation: Invitation

    is_authenticated = True
    is_active = True
    is_staff = False
    is_anonymous = False

    @property
    def participant(self) -> Participant:
        return self.invitation.participant

    @property
    def pk(self) -> str:
        """What limits are counted by."""
        return f"guest-{self.participant.pk}"

    @property
    def name(self) -> str:
        return self.participant.effective_name

    def find_row(self, meeting_id: uuid.UUID) -> Participant | None:
        return self.participant if self.participant.meeting_id == meeting_id else None


@dataclass(frozen=True)
class Opened:
    """An invitation that was opened. ``by_user``: by the very user it is for, who needs no guest's session."""

    invitation: Invitation
    by_user: bool


def find(key: object) -> Guest | None:
    """The guest whose session names this invitation, if there is one. Say ``check`` before trusting it."""
    pk = parse_id(str(key)) if key else None
    found = Invitation.objects.with_relations().filter(pk=pk).first() if pk else None
    return Guest(found) if found is not None else None


def check(guest: Guest, now: datetime) -> None:
    """Raises InvitationRevoked, InvitationExpired, or NotAdmitted (blocked, removed)."""
    _check_invitation(guest.invitation, now)


def open_link(secret: str, *, device: str, user: User | None, replacing: bool, by: Actor) -> Opened:
    """Find the invitation of a secret and note its use.

    ``device`` is what the browser is known by; ``replacing`` is said once somebody who is signed in as another has
    chosen to become the guest. Raises InvitationUnknown, InvitationRevoked, InvitationExpired, NotAdmitted (blocked,
    removed), SignedInAsOther or InvitationUsed, in this order.
    """
    now = timezone.now()
    found = Invitation.objects.with_relations().filter(secret_hash=links.digest(secret)).first()
    if found is None:
        raise InvitationUnknown
    _check_invitation(found, now)
    row = found.participant
    is_own = user is not None and row.person.user_id == user.pk
    if user is not None and not is_own and not replacing:
        raise SignedInAsOther(
            name=row.effective_name,
            meeting_title=row.meeting.title,
            signed_in=user.get_full_name() or user.get_username(),
        )
    if not is_own:
        _bind(found, links.digest(device))
    with transaction.atomic():
        used = Invitation.objects.filter(pk=found.pk, revoked_at=None)
        if not used.update(
            first_used_at=Coalesce("first_used_at", now), last_used_at=now, uses=F("uses") + 1, updated_at=now
        ):
            raise InvitationRevoked  # at this very moment
        record(EventKind.INVITATION_OPENED, by, participant=row, first=found.first_used_at is None)
    return Opened(found, is_own)


def judge(guest: Guest, meeting_id: uuid.UUID, now: datetime) -> tuple[Verdict, Meeting | None]:
    """The verdict on a guest at any door. Only that of their own meeting ever lets them in."""
    row = guest.find_row(meeting_id)
    if row is not None:
        return admission.judge_row(row, now), row.meeting
    meeting = Meeting.objects.filter(pk=meeting_id).first()
    if meeting is None:
        return admission.judge(Case(None, None, None, now)), None
    text = "Your invitation is for another meeting. Open the link that you were sent for this one."
    return Verdict("not_enrolled", text), meeting


def join(
    guest: Guest, meeting_id: uuid.UUID, *, by: Actor, renew: bool = False, agrees_to: uuid.UUID | None = None
) -> joining.Admitted:
    """Raises as ``joining.join``."""
    row = guest.find_row(meeting_id)
    if row is None:
        verdict, _ = judge(guest, meeting_id, timezone.now())
        raise NotAdmitted(verdict.code, verdict.message, **verdict.data)
    return joining.enter(row, by=by, renew=renew, agrees_to=agrees_to)


def _check_invitation(invitation: Invitation, now: datetime) -> None:
    if invitation.is_replaced:
        text = "A newer link was sent to you, and this one no longer works. Open the newest mail."
        raise InvitationRevoked(text, replaced=True)
    if invitation.revoked_at is not None:
        raise InvitationRevoked
    if invitation.expires_at <= now:
        raise InvitationExpired(expired_at=invitation.expires_at)
    verdict = admission.judge_row(invitation.participant, now)
    if verdict.code in _KEPT_OUT:
        verdict.enforce()


def _bind(invitation: Invitation, device_hash: str) -> None:
    """The first device is remembered under either setting, so that changing it later locks nobody out."""
    if not invitation.device_hash:
        Invitation.objects.filter(pk=invitation.pk, device_hash="").update(device_hash=device_hash)
        invitation.refresh_from_db(fields=["device_hash"])
    if invitation.device_hash != device_hash and conf.binds_first_device():
        raise InvitationUsed


def find_trouble(guest: Guest) -> RollcallError | None:
    """Why the guest's session is over, if it is."""
    try:
        check(guest, timezone.now())
    except RollcallError as error:
        return error
    return None
