"""Invitations: a person without an account, or with one, gets a personal link that opens one meeting's page.

Issuing makes a new secret and ends the older link, all in one transaction; sending is the outbox's business. Lock
order as everywhere: meeting, person, participants.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from participants import conf
from participants.errors import AddressMissing, ExpiryPast, MailUnready, ParticipantRemoved, RollcallError, WrongState
from participants.models import Actor, EventKind, Invitation, Meeting, Participant, Person, Preset, VerifiedEmail
from participants.models.event import record, record_many
from participants.models.participant import ParticipantQuerySet
from participants.realtimekit import Deadline
from participants.services import enrolment, links, outbox, people
from participants.services.settling import try_now
from participants.states import REMOVABLE, RESTORABLE, MessageKind, Source

LONGEST = timedelta(days=366)
CHUNK = 500


@dataclass(frozen=True)
class Issued:
    """A new invitation and its secret, which is known to nobody once this is dropped.

    ``created`` is whether the participant is new; ``trouble`` why RealtimeKit does not know them yet, if so.
    """

    invitation: Invitation
    secret: str
    mailed: bool
    created: bool = False
    trouble: RollcallError | None = None

    def build_link(self, site: str) -> str:
        return links.build(site, self.invitation.participant.meeting, self.secret)


def find_guest(*, name: str, email: str, by: Actor) -> Person:
    """The person to invite: the user whose verified address it is, else the guest of that address."""
    mark = VerifiedEmail.objects.current().filter(email=email.strip().lower()).select_related("user").first()
    if mark is not None:
        return people.person_of(mark.user, by)
    return people.guest(name=name, email=email, by=by)


def invite(
    *,
    meeting: Meeting,
    person: Person,
    preset: Preset | None,
    by: Actor,
    mail: bool,
    expires_at: datetime | None = None,
    name: str = "",
    deadline: Deadline | None = None,
) -> Issued:
    """Enrol a person, or find them enrolled, and make their link. With ``mail`` it is sent to their address.

    Raises as ``enrolment.enrol`` and ``issue``.
    """
    with transaction.atomic():
        row, created = enrolment.store(
            meeting=meeting, person=person, preset=preset, source=Source.INVITE, by=by, name=name
        )
        issued = issue(row, by=by, mail=mail, expires_at=expires_at)
    trouble = try_now(row, by=by, deadline=deadline) if created else None
    return Issued(issued.invitation, issued.secret, issued.mailed, created, trouble)


def issue(row: Participant, *, by: Actor, mail: bool, expires_at: datetime | None = None) -> Issued:
    """A new link for somebody enrolled; the one they had stops working.

    Raises MailUnready, AddressMissing, ExpiryPast, or ParticipantRemoved.
    """
    until = check_expiry(expires_at)
    if mail:
        check_mail()
        if not row.person.email:
            raise AddressMissing
    with transaction.atomic():
        # Two members of staff who press at once make two links, one after the other; the later one holds.
        locked = Participant.objects.select_for_update(no_key=True).filter(pk=row.pk).exclude(state__in=RESTORABLE)
        if locked.first() is None:
            raise ParticipantRemoved("They were removed from the meeting. Restore them first.")
        return _issue([row], until, by, mail=mail)[0]


def issue_many(rows: Collection[Participant], *, by: Actor, expires_at: datetime | None = None) -> int:
    """Mail each a new link, in few statements; how many. Who has no address, or was removed, is left out.

    Call inside a transaction; the rows bring their person along.
    """
    keys = [row.pk for row in rows]
    # In one order, or two of these could wait for each other's rows.
    locked = (
        Participant.objects.filter(pk__in=keys, state__in=REMOVABLE).order_by("pk").select_for_update(no_key=True)
    )
    present = set(locked.values_list("pk", flat=True))
    chosen = [row for row in rows if row.pk in present and row.person.email]
    return len(_issue(chosen, check_expiry(expires_at), by, mail=True))


def send_all(rows: ParticipantQuerySet, *, by: Actor, expires_at: datetime | None = None) -> int:
    """Mail each of these participants a new link, chunk by chunk; how many. Raises MailUnready or ExpiryPast."""
    check_mail()
    check_expiry(expires_at)
    keys = list(list_invitable(rows).order_by("pk").values_list("pk", flat=True))
    count = 0
    for start in range(0, len(keys), CHUNK):
        chunk = Participant.objects.filter(pk__in=keys[start : start + CHUNK]).select_related("person")
        with transaction.atomic():
            count += issue_many(list(chunk.defer("raw")), by=by, expires_at=expires_at)
    return count


def list_invitable(rows: ParticipantQuerySet) -> ParticipantQuerySet:
    """Those who are not removed and have an address."""
    return rows.filter(state__in=REMOVABLE).exclude(person__email="")


def list_uninvited(rows: ParticipantQuerySet) -> ParticipantQuerySet:
    """Those of them who have no link that works."""
    live = Invitation.objects.live(timezone.now()).values("participant")
    return list_invitable(rows).exclude(pk__in=live)


def revoke(invitation: Invitation, *, by: Actor) -> bool:
    """The link and every session opened by it end now. False when it was revoked before."""
    with transaction.atomic():
        now = timezone.now()
        changed = Invitation.objects.filter(pk=invitation.pk, revoked_at=None).update(
            revoked_at=now, revoked_by=by.user, updated_at=now
        )
        if changed:
            outbox.drop(invitation.messages.all(), "revoked")
            record(EventKind.INVITATION_REVOKED, by, participant=invitation.participant)
    return bool(changed)


def check_mail() -> None:
    """Raises MailUnready."""
    if reason := conf.read_mail().obstacle:
        raise MailUnready(reason=reason)


def check_expiry(expires_at: datetime | None) -> datetime:
    """When a link made now ends. Raises ExpiryPast."""
    now = timezone.now()
    if expires_at is None:
        return now + conf.read_invitation_lifetime()
    if not now < expires_at <= now + LONGEST:
        raise ExpiryPast
    return expires_at


def find_live(row: Participant) -> Invitation | None:
    return Invitation.objects.live(timezone.now()).filter(participant=row).first()


def check_resendable(invitation: Invitation) -> None:
    """Raises WrongState for one that was replaced: the newer one is to be sent again instead."""
    if invitation.is_replaced:
        raise WrongState("A newer invitation was made since. Send that one again.")


def is_own(invitation: Invitation, user: User) -> bool:
    return invitation.participant.person.user_id == user.pk


def _issue(rows: Collection[Participant], until: datetime, by: Actor, *, mail: bool) -> list[Issued]:
    """The rows are locked and not removed."""
    now, keys = timezone.now(), [row.pk for row in rows]
    older = Invitation.objects.filter(participant__in=keys, revoked_at=None)
    outbox.drop_of_invitations(older, "replaced")
    older.update(revoked_at=now, revoked_by=by.user, is_replaced=True, updated_at=now)
    made = []
    for row in rows:
        secret = links.make_secret()
        invitation = Invitation(
            participant=row, secret_hash=links.digest(secret), expires_at=until, issued_by=by.user
        )
        made.append(Issued(invitation, secret, mail))
    Invitation.objects.bulk_create([item.invitation for item in made], batch_size=CHUNK)
    record_many(EventKind.INVITED, by, rows, mailed=mail, expires_at=until.isoformat())
    if mail:
        outbox.queue(
            [
                outbox.Draft(
                    MessageKind.INVITATION,
                    item.invitation.participant,
                    invitation=item.invitation,
                    secret=item.secret,
                )
                for item in made
            ],
            by=by,
        )
    return made
