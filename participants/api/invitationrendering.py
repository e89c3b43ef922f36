"""Guests, invitations, mails and access requests to the dictionaries that go over the wire."""

from datetime import datetime

from participants.api.rendering import Body, render_error, render_time
from participants.models import AccessRequest, Invitation, Message, Person
from participants.services.accessrequests import Decision, Standing
from participants.services.guests import Guest
from participants.states import MessageState


def render_guest(guest: Guest, csrf_token: str) -> Body:
    """``me/`` of somebody who has no account, in the same shape."""
    row, person = guest.participant, guest.participant.person
    return {
        "id": None,
        "username": "",
        "name": guest.name,
        "email": person.email,
        "is_staff": False,
        "person": str(person.pk),
        # Of the enrolment, which is all that the session is good for.
        "custom_participant_id": row.custom_participant_id,
        "blocked": person.blocked_at is not None,
        "guest": {
            "participant": str(row.pk),
            "meeting": str(row.meeting_id),
            "expires_at": render_time(guest.invitation.expires_at),
        },
        "csrf_token": csrf_token,
        "rights": [],
        "manages": [],
    }


def render_standing(standing: Standing) -> Body:
    latest = standing.latest
    return {
        "may_ask": standing.may_ask,
        "state": latest.state if latest else None,
        "answer": latest.answer if latest else "",
        "asked_at": render_time(latest.created_at) if latest else None,
    }


def render_invitation(row: Invitation, now: datetime) -> Body:
    participant = row.participant
    return {
        "id": str(row.pk),
        "meeting": str(participant.meeting_id),
        "participant": str(participant.pk),
        "name": participant.effective_name,
        "email": participant.person.email,
        "state": row.decide_state(now).value,
        "expires_at": render_time(row.expires_at),
        "first_used_at": render_time(row.first_used_at),
        "last_used_at": render_time(row.last_used_at),
        "uses": row.uses,
        "revoked_at": render_time(row.revoked_at),
        "created_at": render_time(row.created_at),
    }


def render_message(row: Message) -> Body:
    waits = row.state == MessageState.WAITING
    return {
        "id": str(row.pk),
        "kind": row.kind,
        "state": row.state,
        "meeting": str(row.meeting_id),
        "person": str(row.person_id),
        "participant": str(row.participant_id) if row.participant_id else None,
        "address": row.address,
        "subject": row.subject,
        "attempts": row.attempts,
        "next_attempt_at": render_time(row.next_attempt_at) if waits else None,
        "last_error": render_error(row),
        "sent_at": render_time(row.sent_at),
        "created_at": render_time(row.created_at),
    }


def render_request(row: AccessRequest) -> Body:
    """As the person who asked sees it."""
    return {
        "id": str(row.pk),
        "meeting": str(row.meeting_id),
        "state": row.state,
        "message": row.message,
        "answer": row.answer,
        "created_at": render_time(row.created_at),
        "decided_at": render_time(row.decided_at),
    }


def render_managed_request(row: AccessRequest) -> Body:
    return {
        **render_request(row),
        "person": _render_person(row.person),
        "participant": str(row.participant_id) if row.participant_id else None,
        "decided_by": row.decided_by.get_username() if row.decided_by else None,
    }


def render_decision(decision: Decision) -> Body:
    trouble = decision.trouble
    return {
        "request": str(decision.request.pk),
        "done": decision.done,
        "participant": str(decision.request.participant_id) if decision.request.participant_id else None,
        "code": "" if trouble is None else trouble.code,
        "detail": "" if trouble is None else str(trouble),
    }


def _render_person(person: Person) -> Body:
    return {
        "id": str(person.pk),
        "user": person.user_id,
        "username": person.user.get_username() if person.user else None,
        "name": person.display_name,
        "email": person.email,
        "blocked": person.blocked_at is not None,
    }
