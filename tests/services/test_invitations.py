"""Personal links: made, mailed, opened, and ended."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone

from participants.errors import (
    AddressMissing,
    ExpiryPast,
    InvitationExpired,
    InvitationRevoked,
    InvitationUnknown,
    InvitationUsed,
    MailUnready,
    NotAdmitted,
    ParticipantRemoved,
    RollcallError,
    SignedInAsOther,
)
from participants.models import Actor, Event, EventKind, Invitation, Meeting, Message, Participant
from participants.services import guests, invitations, links, removal
from participants.services.guests import Opened
from participants.states import InvitationState, MessageState, Source, VerifiedBy
from tests.factories import (
    NOW,
    EnrolledFactory,
    GuestFactory,
    MadeMeetingFactory,
    PersonFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
SITE = "https://rollcall.example.org"


@pytest.fixture(autouse=True)
def _mail(settings: LazySettings) -> None:
    settings.MAIL_ENABLED, settings.ROLLCALL_PUBLIC_URL = True, SITE


@pytest.fixture
def bob(db: None) -> Participant:
    row: Participant = EnrolledFactory(person=GuestFactory(display_name="Bob Example", email="bob@example.org"))
    return row


def issue(row: Participant, by: Actor, **more: object) -> invitations.Issued:
    return invitations.issue(row, by=by, mail=False, **more)  # type: ignore[arg-type]


def open_link(
    secret: str, by: Actor, *, device: str = "telephone", user: object = None, replacing: bool = False
) -> Opened:
    return guests.open_link(secret, device=device, user=user, replacing=replacing, by=by)  # type: ignore[arg-type]


def test_inviting_enrols_a_guest_by_invitation(by: Actor, settings: LazySettings) -> None:
    settings.REALTIMEKIT_API_TOKEN = ""
    meeting: Meeting = MadeMeetingFactory()
    person = invitations.find_guest(name="Bob Example", email="Bob@Example.org", by=by)
    issued = invitations.invite(meeting=meeting, person=person, preset=None, by=by, mail=True)
    row = issued.invitation.participant
    assert (row.source, row.person.email, issued.created) == (Source.INVITE, "bob@example.org", True)
    assert issued.build_link(SITE).startswith(f"{SITE}/m/{meeting.pk}/#rci_")
    assert Message.objects.get().address == "bob@example.org"


def test_inviting_a_verified_address_invites_its_user(by: Actor) -> None:
    person = PersonFactory()
    person.user.verified_emails.create(email=person.email, source=VerifiedBy.STAFF, verified_at=timezone.now())
    found = invitations.find_guest(name="Somebody", email=person.email.upper(), by=by)
    assert found == person


def test_an_address_that_a_user_only_claims_stays_a_guest(by: Actor) -> None:
    user = UserFactory()
    found = invitations.find_guest(name="Somebody", email=user.email, by=by)
    assert found.user is None


def test_only_a_hash_of_the_secret_is_stored(bob: Participant, by: Actor) -> None:
    issued = issue(bob, by)
    assert issued.invitation.secret_hash == links.digest(issued.secret)
    stored = str(list(Invitation.objects.values())) + str(list(Event.objects.values()))
    assert issued.secret not in stored


def test_a_mailed_secret_waits_encrypted(bob: Participant, by: Actor) -> None:
    issued = invitations.issue(bob, by=by, mail=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM participants_message")
        (stored,) = cursor.fetchone()
    assert issued.secret not in stored
    assert Message.objects.get().secret == issued.secret


def test_an_opened_link_is_good_for_its_participant(bob: Participant, by: Actor) -> None:
    opened = open_link(issue(bob, by).secret, by)
    assert opened.invitation.participant == bob
    row = Invitation.objects.get()
    assert (row.uses, row.first_used_at == row.last_used_at) == (1, True)
    assert row.decide_state(timezone.now()) == InvitationState.OPENED
    assert Event.objects.filter(kind=EventKind.INVITATION_OPENED, participant=bob).exists()


def test_a_new_link_ends_the_older_one_and_says_so(bob: Participant, by: Actor) -> None:
    older, newer = issue(bob, by), issue(bob, by)
    with pytest.raises(InvitationRevoked, match="newest mail"):
        open_link(older.secret, by)
    assert open_link(newer.secret, by).invitation == newer.invitation


def test_a_session_ends_when_its_link_is_replaced(bob: Participant, by: Actor) -> None:
    guest = guests.find(issue(bob, by).invitation.pk)
    issue(bob, by)
    assert guest is not None
    again = guests.find(guest.invitation.pk)
    assert again is not None
    assert isinstance(guests.find_trouble(again), InvitationRevoked)


def test_a_revoked_link_says_so(bob: Participant, by: Actor) -> None:
    issued = issue(bob, by)
    assert invitations.revoke(issued.invitation, by=by)
    assert not invitations.revoke(issued.invitation, by=by)
    with pytest.raises(InvitationRevoked, match="revoked"):
        open_link(issued.secret, by)
    assert Event.objects.filter(kind=EventKind.INVITATION_REVOKED).count() == 1


def test_revoking_keeps_the_mail_from_being_sent(bob: Participant, by: Actor) -> None:
    invitations.revoke(invitations.issue(bob, by=by, mail=True).invitation, by=by)
    message = Message.objects.get()
    assert (message.state, message.secret) == (MessageState.DROPPED, None)


def test_a_link_expires_when_the_setting_says(bob: Participant, by: Actor, settings: LazySettings) -> None:
    settings.INVITATION_LIFETIME = 3600
    with time_machine.travel(NOW, tick=False) as clock:
        issued = issue(bob, by)
        clock.shift(timedelta(seconds=3599))
        open_link(issued.secret, by)
        clock.shift(timedelta(seconds=1))
        with pytest.raises(InvitationExpired):
            open_link(issued.secret, by)


def test_one_invitation_may_expire_sooner(bob: Participant, by: Actor) -> None:
    until = timezone.now() + timedelta(hours=2)
    assert issue(bob, by, expires_at=until).invitation.expires_at == until


@pytest.mark.parametrize("ahead", [timedelta(seconds=-1), timedelta(days=400)], ids=["past", "far"])
def test_an_expiry_in_the_past_or_far_ahead_is_refused(bob: Participant, by: Actor, ahead: timedelta) -> None:
    with pytest.raises(ExpiryPast):
        issue(bob, by, expires_at=timezone.now() + ahead)
    assert not Invitation.objects.exists()


@pytest.mark.parametrize(
    "secret", ["rci_nothing-like-it", "", "x" * 5000, "\ud800"], ids=["other", "none", "long", "odd"]
)
def test_an_unknown_secret_is_unknown(bob: Participant, by: Actor, secret: str) -> None:
    issue(bob, by)
    with pytest.raises(InvitationUnknown):
        open_link(secret, by)


def test_any_device_may_open_it_unless_the_setting_says_otherwise(bob: Participant, by: Actor) -> None:
    secret = issue(bob, by).secret
    open_link(secret, by, device="telephone")
    open_link(secret, by, device="laptop")
    assert Invitation.objects.get().uses == 2


def test_only_the_first_device_may_open_it_where_the_setting_says_so(
    bob: Participant, by: Actor, settings: LazySettings
) -> None:
    settings.INVITATION_DEVICES = "first"
    secret = issue(bob, by).secret
    open_link(secret, by, device="telephone")
    with pytest.raises(InvitationUsed):
        open_link(secret, by, device="laptop")
    open_link(secret, by, device="telephone")
    assert Invitation.objects.get().uses == 2


def test_the_first_device_is_remembered_under_either_setting(
    bob: Participant, by: Actor, settings: LazySettings
) -> None:
    secret = issue(bob, by).secret
    open_link(secret, by, device="telephone")
    settings.INVITATION_DEVICES = "first"
    open_link(secret, by, device="telephone")
    with pytest.raises(InvitationUsed):
        open_link(secret, by, device="laptop")


def test_somebody_signed_in_is_asked_first_and_uses_nothing_up(
    bob: Participant, by: Actor, settings: LazySettings
) -> None:
    settings.INVITATION_DEVICES = "first"
    secret, grace = issue(bob, by).secret, UserFactory(first_name="Grace", last_name="Example")
    with pytest.raises(SignedInAsOther) as told:
        open_link(secret, by, user=grace, device="theirs")
    assert (told.value.data["name"], told.value.data["signed_in"]) == ("Bob Example", "Grace Example")
    assert Invitation.objects.get().uses == 0
    open_link(secret, by, user=grace, device="another", replacing=True)


def test_their_own_invitation_keeps_somebody_signed_in(by: Actor) -> None:
    row = EnrolledFactory()
    assert open_link(issue(row, by).secret, by, user=row.person.user).by_user


def test_a_removed_participant_can_not_open_theirs_until_restored(bob: Participant, by: Actor) -> None:
    secret = issue(bob, by).secret
    removal.mark_all_of(bob.person, by=by)
    with pytest.raises(NotAdmitted) as told:
        open_link(secret, by)
    assert told.value.code == "removed"
    bob.refresh_from_db()
    removal.mark_restored(bob, by=by)
    open_link(secret, by)


def test_a_guest_is_admitted_to_their_own_meeting_only(bob: Participant, by: Actor) -> None:
    other = MadeMeetingFactory(admission="signed_in")
    guest = guests.Guest(issue(bob, by).invitation)
    assert guests.judge(guest, bob.meeting_id, timezone.now())[0].code == "ok"
    assert guests.judge(guest, other.pk, timezone.now())[0].code == "not_enrolled"
    assert guests.judge(guest, bob.pk, timezone.now())[0].code == "not_found"
    with pytest.raises(NotAdmitted):
        guests.join(guest, other.pk, by=by)
    assert not Participant.objects.filter(meeting=other).exists()


def test_mail_without_a_mail_server_is_refused_before_anything_is_made(
    bob: Participant, by: Actor, settings: LazySettings
) -> None:
    settings.MAIL_ENABLED = False
    with pytest.raises(MailUnready) as told:
        invitations.issue(bob, by=by, mail=True)
    assert told.value.data["reason"] == "EMAIL_URL is not set."
    assert not Invitation.objects.exists()


def test_mail_without_an_address_is_refused(by: Actor) -> None:
    row = EnrolledFactory(person=GuestFactory(email=""))
    with pytest.raises(AddressMissing):
        invitations.issue(row, by=by, mail=True)
    assert issue(row, by).secret


def test_nobody_removed_is_invited(bob: Participant, by: Actor) -> None:
    removal.mark_all_of(bob.person, by=by)
    with pytest.raises(ParticipantRemoved):
        issue(bob, by)


def test_all_are_sent_a_new_link_in_few_statements(by: Actor, django_assert_max_num_queries: object) -> None:
    meeting = MadeMeetingFactory()
    rows = [EnrolledFactory(meeting=meeting, person=GuestFactory()) for _ in range(30)]
    EnrolledFactory(meeting=meeting, person=GuestFactory(email=""))
    first = issue(rows[0], by)
    with django_assert_max_num_queries(14):  # type: ignore[operator]
        assert invitations.send_all(Participant.objects.filter(meeting=meeting), by=by) == 30
    assert Message.objects.waiting().count() == 30
    with pytest.raises(InvitationRevoked):
        open_link(first.secret, by)


def test_only_those_without_a_working_link_are_sent_one(bob: Participant, by: Actor) -> None:
    carol = EnrolledFactory(meeting=bob.meeting, person=GuestFactory())
    kept = issue(bob, by)
    rows = invitations.list_uninvited(Participant.objects.filter(meeting=bob.meeting))
    assert invitations.send_all(rows, by=by) == 1
    assert Message.objects.get().participant == carol
    open_link(kept.secret, by)


def test_an_error_of_an_invitation_says_what_to_do() -> None:
    for kind in (InvitationUnknown, InvitationRevoked, InvitationExpired, InvitationUsed):
        error: RollcallError = kind()
        assert error.code.startswith("invitation_")
        assert "organiser" in str(error)
