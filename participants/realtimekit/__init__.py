"""A client for the Cloudflare RealtimeKit REST API. Plain Python over requests; knows nothing of Django."""

from participants.realtimekit.calls import Attempt, Credentials
from participants.realtimekit.client import RealtimeKit
from participants.realtimekit.connections import BoundedAdapter, BoundedHTTPConnection, BoundedHTTPSConnection
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
from participants.realtimekit.events import WebhookBody, WebhookEvent, WebhookPeer
from participants.realtimekit.keysource import KeySource
from participants.realtimekit.pacing import HELD_BACK, Pacer, Urgency
from participants.realtimekit.records import (
    App,
    IssuedParticipant,
    Meeting,
    Participant,
    Peer,
    Preset,
    Session,
    Webhook,
)
from participants.realtimekit.signature import PublicKey, Signature
from participants.realtimekit.tokens import ParticipantToken, read_expiry

__all__ = [
    "HELD_BACK",
    "Absent",
    "App",
    "Attempt",
    "BoundedAdapter",
    "BoundedHTTPConnection",
    "BoundedHTTPSConnection",
    "Credentials",
    "Deadline",
    "FailureKind",
    "IssuedParticipant",
    "KeySource",
    "Meeting",
    "Misconfigured",
    "NotDelivered",
    "OutcomeUnknown",
    "Pacer",
    "Participant",
    "ParticipantToken",
    "Peer",
    "Preset",
    "PublicKey",
    "RealtimeKit",
    "RealtimeKitError",
    "Refused",
    "Session",
    "Signature",
    "Urgency",
    "Webhook",
    "WebhookBody",
    "WebhookEvent",
    "WebhookPeer",
    "read_expiry",
]
