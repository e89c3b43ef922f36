"""The rows of the matrix for invitations, mails and access requests, and what is sent to them."""

from collections.abc import Callable
from typing import Any

from participants.models import AccessRequest, Actor, Meeting, Message, Participant
from participants.services import outbox
from participants.services.outbox import Draft
from participants.states import MessageKind
from tests.factories import PersonFactory

Answers = dict[str, int]


def list_rows(expect: Callable[..., Answers], everybody: str, not_managing: str) -> dict[tuple[str, str], Answers]:
    return {
        # With the participant's link: whoever is signed in as somebody else is asked first.
        ("POST", "redeem"): expect(_409=everybody)
        | dict.fromkeys(("anonymous", "deactivated", "guest", "enrolled"), 200),
        ("GET", "access"): expect(_404=everybody),
        ("POST", "access"): expect(_201=everybody) | {"enrolled": 409},
        ("GET", "manage-invitations"): expect(
            _403=f"{not_managing} view_meeting", _404="other_manager staff", _200="manager view_invitation superuser"
        ),
        ("POST", "manage-invitations"): expect(
            _403=f"{not_managing} view_meeting", _404="other_manager staff", _201="manager send_invitation superuser"
        ),
        ("POST", "manage-invitations-resend"): expect(
            _403=f"{not_managing} view_meeting", _404="other_manager staff", _202="manager send_invitation superuser"
        ),
        ("GET", "manage-invitation"): expect(
            _403=not_managing, _404="other_manager staff", _200="manager view_invitation superuser"
        ),
        ("DELETE", "manage-invitation"): expect(
            _403=f"{not_managing} view_invitation",
            _404="other_manager staff",
            _200="manager revoke_invitation superuser",
        ),
        ("POST", "manage-invitation-resend"): expect(
            _403=f"{not_managing} view_invitation",
            _404="other_manager staff",
            _201="manager send_invitation superuser",
        ),
        ("GET", "manage-messages"): expect(
            _403=f"{not_managing} view_meeting", _404="other_manager staff", _200="manager view_message superuser"
        ),
        ("POST", "manage-message-retry"): expect(
            _403=f"{not_managing} view_message", _404="other_manager staff", _200="manager retry_message superuser"
        ),
        ("GET", "manage-access"): expect(
            _403=f"{not_managing} view_meeting",
            _404="other_manager staff",
            _200="manager view_accessrequest superuser",
        ),
        ("POST", "manage-access-decide"): expect(
            _403=f"{not_managing} view_meeting",
            _404="other_manager staff",
            _200="manager decide_accessrequest superuser",
        ),
    }


def queue_mail(row: Participant) -> Message:
    outbox.queue([Draft(MessageKind.ENROLLED, row)], by=Actor(via="tests"))
    return Message.objects.latest("created_at")


def _take_requests(meeting: Meeting) -> dict[str, Any]:
    Meeting.objects.filter(pk=meeting.pk).update(takes_requests=True)
    return {}


def _decide(meeting: Meeting) -> dict[str, Any]:
    asked = AccessRequest.objects.create(meeting=meeting, person=PersonFactory())
    return {"requests": [str(asked.pk)], "decision": "deny"}


INVITATION_BODIES: dict[tuple[str, str], Callable[[Any], dict[str, Any]]] = {
    ("POST", "access"): lambda scene: _take_requests(scene.meeting),
    ("POST", "manage-invitations"): lambda scene: {"participant": str(scene.participant.pk), "mail": False},
    ("POST", "manage-invitations-resend"): lambda scene: {"all": True},
    ("POST", "manage-access-decide"): lambda scene: _decide(scene.meeting),
}
