"""A token for a trusted back end: judged as a join is, and audited (design 5)."""

import uuid

from participants.models import Actor, EventKind, Participant
from participants.models.event import record
from participants.services import joining
from participants.services.joining import Admitted


def issue(row: Participant, *, by: Actor, renew: bool = False, agrees_to: uuid.UUID | None = None) -> Admitted:
    """The participant's token, cached or refreshed. Raises as ``joining.join``.

    ``agrees_to`` is the consent text that the back end was told its user agrees to.
    """
    admitted = joining.enter(row, by=by, renew=renew, agrees_to=agrees_to)
    record(EventKind.ISSUED, by, participant=row)
    return admitted
