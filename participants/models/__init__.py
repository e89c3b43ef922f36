from participants.models.accessrequest import AccessRequest
from participants.models.apikey import ApiKey
from participants.models.batch import Batch, BatchRow
from participants.models.budget import Budget
from participants.models.chore import Chore
from participants.models.consent import ConsentText
from participants.models.delivery import Delivery, WebhookKey
from participants.models.drift import DriftItem, DriftReport
from participants.models.event import Actor, Event, EventKind
from participants.models.hook import Hook, HookMessage
from participants.models.idempotentcall import IdempotentCall
from participants.models.identity import ExternalIdentity
from participants.models.invitation import Invitation
from participants.models.mailtext import MailText
from participants.models.meeting import Meeting
from participants.models.message import Message
from participants.models.participant import Participant
from participants.models.person import Person
from participants.models.preset import Preset
from participants.models.report import Export, SavedReport
from participants.models.session import Attendance, Presence, Session
from participants.models.verifiedemail import VerifiedEmail

__all__ = [
    "AccessRequest",
    "Actor",
    "ApiKey",
    "Attendance",
    "Batch",
    "BatchRow",
    "Budget",
    "Chore",
    "ConsentText",
    "Delivery",
    "DriftItem",
    "DriftReport",
    "Event",
    "EventKind",
    "Export",
    "ExternalIdentity",
    "Hook",
    "HookMessage",
    "IdempotentCall",
    "Invitation",
    "MailText",
    "Meeting",
    "Message",
    "Participant",
    "Person",
    "Presence",
    "Preset",
    "SavedReport",
    "Session",
    "VerifiedEmail",
    "WebhookKey",
]
