"""Who calls in the matrix of the API, and what is there when they do."""

import copy
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from participants.models import Actor, Meeting, Participant, Session
from participants.services import invitations
from participants.services.invitations import Issued
from participants.states import ExpirySource, ParticipantState
from tests.api.callers import PEOPLE, PERMISSIONS
from tests.api.conftest import sign_in
from tests.api.keymatrix import KEY_CALLERS, call_with_key
from tests.api.matrix_of_invitations import queue_mail
from tests.factories import (
    AdminFactory,
    BatchFactory,
    DriftReportFactory,
    EnrolledFactory,
    HookMessageFactory,
    MadeMeetingFactory,
    PresenceFactory,
    StaffFactory,
    UserFactory,
)

CALLERS = (*PEOPLE, *KEY_CALLERS)

WITHOUT_ARGUMENTS = {
    *("me", "my-meetings", "my-attendance", "manage-meetings", "manage-connection", "manage-attendance"),
    *("manage-attendance-export", "manage-hooks", "redeem"),
}


@dataclass
class Scene:
    """One meeting with one participant, as it is before every call."""

    meeting: Meeting
    participant: Participant

    @cached_property
    def invitation(self) -> Issued:
        return invitations.issue(self.participant, by=Actor(via="tests"), mail=False)

    def find_arguments(self, name: str) -> dict[str, Any]:
        if name.startswith("manage-participant") and name != "manage-participants":
            return {"participant_id": self.participant.pk}
        if name in ("manage-invitation", "manage-invitation-resend"):
            return {"invitation_id": self.invitation.invitation.pk}
        if name == "manage-message-retry":
            return {"message_id": queue_mail(self.participant).pk}
        if name.startswith("manage-batch"):
            return {"batch_id": BatchFactory(meeting=self.meeting).pk}
        if name.startswith("manage-drift"):
            DriftReportFactory(meeting=self.meeting)
        if name == "manage-attendance-correction":
            session = Session.objects.create(realtimekit_id=str(self.meeting.pk), meeting=self.meeting)
            return {"presence_id": PresenceFactory(session=session, participant=self.participant).pk}
        if name in WITHOUT_ARGUMENTS:
            return {}
        if name.startswith("manage-hook"):
            message = HookMessageFactory()
            return {"message_id": message.pk} if name == "manage-hook-message" else {"hook_id": message.hook_id}
        return {"meeting_id": self.meeting.pk}


@dataclass
class Cast:
    """A scene and its callers."""

    scene: Scene
    clients: dict[str, Client]

    def call(self, caller: str) -> Client:
        """As they were made, whatever became of their cookies in an earlier call."""
        client = copy.copy(self.clients[caller])
        client.cookies = copy.deepcopy(client.cookies)
        return client


def make_cast(state: ParticipantState) -> Cast:
    scene = build_scene(state)
    return Cast(scene, {caller: become(caller, scene) for caller in CALLERS})


def build_scene(state: ParticipantState) -> Scene:
    now = timezone.now()
    token = {
        "token": "a token",
        "token_issued_at": now,
        "token_expires_at": now + timedelta(days=100),
        "token_expiry_source": ExpirySource.JWT,
    }
    row = EnrolledFactory(state=state, **token)
    return Scene(row.meeting, row)


def become(caller: str, scene: Scene) -> Client:
    if caller == "anonymous":
        return Client()
    if caller in KEY_CALLERS:
        return call_with_key(caller, scene.meeting)
    if caller == "enrolled":
        assert scene.participant.person.user
        return sign_in(scene.participant.person.user)
    if caller == "guest":
        # Nobody removed is anybody's guest; then it is the guest of another participant.
        removed = scene.participant.state == ParticipantState.REMOVED
        own = Scene(scene.meeting, EnrolledFactory(meeting=scene.meeting)) if removed else scene
        client, secret = APIClient(), {"secret": own.invitation.secret}
        assert client.post(reverse("api:redeem"), secret, format="json").status_code == 200
        return client
    user = _make_user(caller)
    if caller in {"manager", "deactivated"}:
        scene.meeting.managers.add(user)
    if caller == "other_manager":
        MadeMeetingFactory().managers.add(user)
    client = sign_in(user)
    if caller == "deactivated":
        User.objects.filter(pk=user.pk).update(is_active=False)
    return client


def _make_user(caller: str) -> User:
    user: User
    if caller == "superuser":
        user = AdminFactory()
    elif caller in PERMISSIONS:
        user = StaffFactory(permissions=[caller])
    elif caller == "staff":
        user = StaffFactory()
    else:
        user = UserFactory()
    return user
