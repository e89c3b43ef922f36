from participants.models.apikey import ApiKey
from participants.models.batch import Batch, BatchRow
from participants.models.budget import Budget
from participants.models.chore import Chore
from participants.models.drift import DriftItem, DriftReport
from participants.models.event import Actor, Event, EventKind
from participants.models.idempotentcall import IdempotentCall
from participants.models.identity import ExternalIdentity
from participants.models.meeting import Meeting
from participants.models.participant import Participant
from participants.models.person import Person
from participants.models.preset import Preset
from participants.models.verifiedemail import VerifiedEmail

__all__ = [
    "Actor",
    "ApiKey",
    "Batch",
    "BatchRow",
    "Budget",
    "Chore",
    "DriftItem",
    "DriftReport",
    "Event",
    "EventKind",
    "ExternalIdentity",
    "IdempotentCall",
    "Meeting",
    "Participant",
    "Person",
    "Preset",
    "VerifiedEmail",
]
