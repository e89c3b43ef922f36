"""Invitations, mails, access requests and mail texts on the admin pages."""

import re

import pytest
from django.conf import LazySettings
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.urls import reverse

from participants.models import AccessRequest, Actor, Invitation, MailText, Message, Participant
from participants.services import invitations, mailtexts, outbox
from participants.states import InvitationState, MessageState, RequestState
from tests.admin.conftest import sign_in
from tests.factories import EnrolledFactory, GuestFactory, PersonFactory, StaffFactory

pytestmark = pytest.mark.django_db
LINK = re.compile(r"http://testserver/m/[0-9a-f-]+/#(rci_[A-Za-z0-9_-]+)")


@pytest.fixture(autouse=True)
def _mail(settings: LazySettings) -> None:
    settings.MAIL_ENABLED, settings.ROLLCALL_PUBLIC_URL = True, "https://rollcall.example.org"
    settings.REALTIMEKIT_API_TOKEN = ""


@pytest.fixture
def bob(db: None) -> Participant:
    row: Participant = EnrolledFactory(person=GuestFactory(display_name="Bob Example", email="bob@example.org"))
    return row


def link(name: str, *args: object) -> str:
    return reverse(f"admin:participants_{name}", args=args)


def act(client: Client, model: str, action: str, *rows: object, **more: str) -> str:
    form = {"action": action, "index": "0", ACTION_CHECKBOX_NAME: [getattr(row, "pk", "") for row in rows], **more}
    return client.post(link(f"{model}_changelist"), form, follow=True).content.decode()


def test_staff_invite_somebody_by_mail(staff: Client, bob: Participant, by: Actor) -> None:
    form = {"name": "Carol Example", "email": "carol@example.org", "step": "mail", "until": ""}
    page = staff.post(link("invitation_send", bob.meeting_id), form).content.decode()
    assert "The invitation of Carol Example will be mailed to carol@example.org" in page
    assert "rci_" not in page
    outbox.work(by=by)
    assert mail.outbox[0].to == ["carol@example.org"]


def test_a_link_to_copy_is_shown_in_that_answer_alone(staff: Client, bob: Participant) -> None:
    form = {"name": "Carol Example", "email": "carol@example.org", "step": "link"}
    answer = staff.post(link("invitation_send", bob.meeting_id), form)
    found = LINK.search(answer.content.decode())
    assert found
    assert "no-store" in answer["Cache-Control"]
    row = Invitation.objects.get()
    for path in (link("invitation_changelist"), link("invitation_change", row.pk), link("event_changelist")):
        assert found[1] not in staff.get(path).content.decode()
    assert found[1] not in str(dict(staff.session))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("email", "nobody", "valid email"),
        ("name", "", "required"),
        ("until", "2020-01-01", "must expire in the future"),
    ],
    ids=["address", "name", "expiry"],
)
def test_a_form_that_is_wrong_says_where_and_makes_nobody(
    staff: Client, bob: Participant, field: str, value: str, said: str
) -> None:
    form = {"name": "Carol", "email": "carol@example.org", "step": "mail", field: value}
    page = staff.post(link("invitation_send", bob.meeting_id), form).content.decode()
    assert said in page
    assert not Invitation.objects.exists()


def test_without_a_mail_server_only_a_link_is_offered(
    staff: Client, bob: Participant, settings: LazySettings
) -> None:
    settings.MAIL_ENABLED = False
    page = staff.get(link("invitation_send", bob.meeting_id)).content.decode()
    assert "EMAIL_URL is not set." in page
    assert "Send the invitation" not in page
    assert "Make a link to copy" in page


def test_somebody_enrolled_is_invited_from_their_own_page(staff: Client, bob: Participant) -> None:
    own = staff.get(link("participant_change", bob.pk)).content.decode()
    assert link("invitation_of", bob.pk) in own
    staff.post(link("invitation_of", bob.pk), {"step": "mail"})
    assert Message.objects.get().address == "bob@example.org"
    assert "a new one replaces it" in staff.get(link("invitation_of", bob.pk)).content.decode()


def test_the_list_says_what_each_link_is_good_for_and_whether_it_was_mailed(
    staff: Client, bob: Participant, by: Actor
) -> None:
    invitations.issue(bob, by=by, mail=True)
    outbox.work(by=by)
    page = staff.get(link("invitation_changelist") + f"?meeting={bob.meeting_id}").content.decode()
    for words in ("Bob Example", "bob@example.org", "Not opened yet", "Sent", "Invite everybody who is enrolled"):
        assert words in page
    assert "Bob Example" not in staff.get(link("invitation_changelist") + "?state=revoked").content.decode()


def test_chosen_invitations_are_sent_again_or_revoked(staff: Client, bob: Participant, by: Actor) -> None:
    issued = invitations.issue(bob, by=by, mail=False)
    assert "1 invitation will be mailed." in act(staff, "invitation", "resend_chosen", issued.invitation)
    newest = Invitation.objects.get(revoked_at=None)
    assert newest != issued.invitation
    assert "1 invitation revoked." in act(staff, "invitation", "revoke_chosen", newest)
    states = {row.decide_state(row.created_at) for row in Invitation.objects.all()}
    assert states == {InvitationState.REPLACED, InvitationState.REVOKED}


def test_everybody_or_whoever_has_no_link_is_invited(staff: Client, bob: Participant, by: Actor) -> None:
    EnrolledFactory(meeting=bob.meeting, person=GuestFactory())
    EnrolledFactory(meeting=bob.meeting, person=GuestFactory(email=""))
    invitations.issue(bob, by=by, mail=False)
    address = link("invitation_all", bob.meeting_id)
    page = staff.get(address).content.decode()
    assert "Invite the 1 without a link" in page
    assert "Send all 2 a new link" in page
    staff.post(address, {"step": "missing"})
    assert Message.objects.count() == 1
    staff.post(address, {"step": "all"})
    assert Message.objects.waiting().count() == 2


def test_a_list_is_invited_through_enrol_many(staff: Client, bob: Participant) -> None:
    address = link("meeting_enrol_many", bob.meeting_id)
    page = staff.get(f"{address}?invite").content.decode()
    assert re.search(r'<input[^>]*name="invite"[^>]*checked', page)
    form = {"people": "Carol <carol@example.com>\ndan@example.com", "pre_enrol": "on", "invite": "on"}
    look = staff.post(address, {**form, "step": "look"}).content.decode()
    assert '<input type="hidden" name="invite" value="on">' in look
    staff.post(address, {**form, "step": "start"})
    assert set(Message.objects.values_list("address", flat=True)) == {"carol@example.com", "dan@example.com"}


def test_a_failed_mail_shows_why_and_is_sent_again(staff: Client, bob: Participant) -> None:
    about = {"meeting": bob.meeting, "person": bob.person, "participant": bob, "address": "bob@example.org"}
    row = Message.objects.create(
        kind="enrolled",
        state="failed",
        last_error_code="recipient_refused",
        last_error_detail="550 no such user",
        **about,
    )
    page = staff.get(link("message_changelist")).content.decode()
    assert "550 no such user" in page
    assert staff.get(link("message_change", row.pk)).status_code == 200
    assert "1 mail will be sent again." in act(staff, "message", "retry_chosen", row)
    row.refresh_from_db()
    assert row.state == MessageState.WAITING


@pytest.fixture
def asked(bob: Participant) -> AccessRequest:
    row: AccessRequest = AccessRequest.objects.create(
        meeting=bob.meeting, person=PersonFactory(), message="I am new here."
    )
    return row


def test_a_request_is_looked_at_and_approved_with_a_message(staff: Client, asked: AccessRequest) -> None:
    assert "I am new here." in staff.get(link("accessrequest_changelist")).content.decode()
    page = act(staff, "accessrequest", "approve_chosen", asked)
    assert "Message to them" in page
    assert AccessRequest.objects.get().state == RequestState.OPEN
    act(staff, "accessrequest", "approve_chosen", asked, post="yes", answer="Welcome.")
    asked.refresh_from_db()
    assert (asked.state, asked.answer, asked.participant is not None) == (RequestState.APPROVED, "Welcome.", True)


def test_many_requests_are_denied_at_once(staff: Client, asked: AccessRequest) -> None:
    other = AccessRequest.objects.create(meeting=asked.meeting, person=PersonFactory())
    page = act(staff, "accessrequest", "deny_chosen", asked, other, post="yes", answer="")
    assert page.count("They are told.") == 2
    assert "None of these requests is open" in act(staff, "accessrequest", "deny_chosen", asked, other)


def test_the_page_of_one_request_leads_to_the_decision(staff: Client, asked: AccessRequest) -> None:
    page = staff.get(link("accessrequest_change", asked.pk)).content.decode()
    assert 'value="approve_chosen"' in page


def test_the_meeting_tells_of_invitations_and_requests(staff: Client, asked: AccessRequest, by: Actor) -> None:
    invitations.issue(Participant.objects.get(), by=by, mail=True)
    page = staff.get(link("meeting_change", asked.meeting_id)).content.decode()
    for words in ("1 in force", "1 mail", "1 open request", "Send notices", "Take access requests"):
        assert words in page


def test_a_mail_text_is_looked_at_saved_and_put_back(staff: Client) -> None:
    address = reverse("admin:mail_text", args=["invitation"])
    form = {"subject": "Come along to {meeting}", "text": "Dear {name},\n\n{link}"}
    look = staff.post(address, {**form, "step": "look"}).content.decode()
    assert "Come along to Algebra, group 7" in look
    assert "Dear Ada Example," in look
    assert not MailText.objects.exists()
    staff.post(address, {**form, "step": "save"})
    assert mailtexts.find("invitation").subject == "Come along to {meeting}"
    assert "Yours" in staff.get(reverse("admin:mail_texts")).content.decode()
    staff.post(address, {"step": "reset"})
    assert not MailText.objects.exists()


def test_an_unknown_placeholder_is_refused_at_its_field(staff: Client) -> None:
    form = {"subject": "Hello", "text": "{link} {secret}", "step": "save"}
    page = staff.post(reverse("admin:mail_text", args=["invitation"]), form).content.decode()
    assert "There is no {secret} here." in page
    assert not MailText.objects.exists()


@pytest.mark.parametrize("kind", ["nothing", "Invitation"])
def test_an_unknown_mail_is_not_found(staff: Client, kind: str) -> None:
    assert staff.get(reverse("admin:mail_text", args=[kind])).status_code == 404


PAGES = {
    "view_invitation": ["invitation_changelist"],
    "view_message": ["message_changelist"],
    "view_accessrequest": ["accessrequest_changelist"],
}


@pytest.mark.parametrize("right", PAGES)
def test_each_list_needs_its_own_right(right: str, bob: Participant) -> None:
    for needed, names in PAGES.items():
        for name in names:
            assert sign_in(right).get(link(name)).status_code == (200 if needed == right else 403)


def test_mail_texts_need_their_right() -> None:
    for name, args in (("mail_texts", []), ("mail_text", ["removed"])):
        assert sign_in("view_message").get(reverse(f"admin:{name}", args=args)).status_code == 403
        assert sign_in("change_mailtext").get(reverse(f"admin:{name}", args=args)).status_code == 200


def test_inviting_somebody_new_needs_both_rights(bob: Participant) -> None:
    address = link("invitation_send", bob.meeting_id)
    assert sign_in("send_invitation").get(address).status_code == 403
    assert sign_in("send_invitation", "add_participant").get(address).status_code == 200
    for name, pk in (("invitation_of", bob.pk), ("invitation_all", bob.meeting_id)):
        assert sign_in("send_invitation").get(link(name, pk)).status_code == 200
        assert sign_in("view_invitation").get(link(name, pk)).status_code == 403


def test_managers_see_and_revoke_those_of_their_own_meetings_only(bob: Participant, by: Actor) -> None:
    other: Participant = EnrolledFactory(person=GuestFactory(display_name="Dan Example"))
    own = invitations.issue(bob, by=by, mail=False).invitation
    foreign = invitations.issue(other, by=by, mail=False).invitation
    manager: User = StaffFactory()
    bob.meeting.managers.add(manager)
    client = Client()
    client.force_login(manager)
    page = client.get(link("invitation_changelist")).content.decode()
    assert "Bob Example" in page
    assert "Dan Example" not in page
    assert client.post(link("invitation_revoke", foreign.pk)).status_code == 404
    assert client.get(link("invitation_of", other.pk)).status_code == 403
    client.post(link("invitation_revoke", own.pk))
    assert Invitation.objects.filter(revoked_at=None).get() == foreign


def test_looking_changes_nothing(staff: Client, bob: Participant, by: Actor) -> None:
    issued = invitations.issue(bob, by=by, mail=False).invitation
    staff.get(link("invitation_revoke", issued.pk))
    staff.get(link("invitation_of", bob.pk) + "?step=link")
    staff.get(link("invitation_all", bob.meeting_id) + "?step=all")
    assert Invitation.objects.get().revoked_at is None
