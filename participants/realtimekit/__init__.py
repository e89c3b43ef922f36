"""A client for the Cloudflare RealtimeKit REST API. Plain Python over requests; knows nothing of Django."""

from participants.realtimekit.calls import Credentials
from participants.realtimekit.client import RealtimeKit
from participants.realtimekit.deadlines import Deadline
from participants.realtimekit.errors import (
    Absent,
    FailureKind,
    Misconfigured,
    NotDelivered,
    OutcomeUnknown,
    RealtimeKitError,
    Refused,
)
from participants.realtimekit.pacing import HELD_BACK, Pacer, Urgency
from participants.realtimekit.records import (
    App,
    IssuedParticipant,
    Meeting,
    Participant,
    Peer,
    Preset,
    Session,
)
from participants.realtimekit.tokens import ParticipantToken, read_expiry

__all__ = [
    "HELD_BACK",
    "Absent",
    "App",
    "Credentials",
    "Deadline",
    "FailureKind",
    "IssuedParticipant",
    "Meeting",
    "Misconfigured",
    "NotDelivered",
    "OutcomeUnknown",
    "Pacer",
    "Participant",
    "ParticipantToken",
    "Peer",
    "Preset",
    "RealtimeKit",
    "RealtimeKitError",
    "Refused",
    "Session",
    "Urgency",
    "read_expiry",
]
