"""A token for a trusted back end: judged as a join is, and audited (design 5)."""

from django.utils import timezone

from participants.models import Actor, EventKind, Participant
from participants.models.event import record
from participants.services import admission, joining
from participants.services.joining import Admitted


def issue(row: Participant, *, by: Actor, renew: bool = False) -> Admitted:
    """The participant's token, cached or refreshed. Raises as ``joining.join``."""
    admission.judge_row(row, timezone.now()).enforce()
    admitted = joining.admit(row, by=by, renew=renew)
    record(EventKind.ISSUED, by, participant=row)
    return admitted
