"""Participants by the state of their cached token: the rule of ``tokencache.inspect``, in SQL."""

from datetime import datetime

from django.db.models import DurationField, ExpressionWrapper, F, Q, QuerySet, Value

from participants import conf
from participants.models import Participant
from participants.services.tokencache import USABLE_MARGIN

TOKEN_STATES = {"fresh": "Fresh", "usable": "Usable", "expired": "Expired", "none": "None"}


def find_by_token(rows: QuerySet[Participant], state: str, now: datetime) -> QuerySet[Participant]:
    """Those whose token is in one of TOKEN_STATES. A token that can't be decrypted counts by its expiry here."""
    none = Q(token__isnull=True) | Q(token_expires_at=None)
    if state == "none":
        return rows.filter(none)
    rows = rows.exclude(none)
    usable = Q(token_expires_at__gt=now + USABLE_MARGIN)
    if state == "expired":
        return rows.exclude(usable)
    rows = rows.filter(usable).annotate(
        token_left=ExpressionWrapper(F("token_expires_at") - Value(now), output_field=DurationField()),
        token_age=ExpressionWrapper(Value(now) - F("token_issued_at"), output_field=DurationField()),
    )
    # More than a tenth of the lifetime is left when nine times what is left exceeds the age.
    tenth = Q(token_age__lt=ExpressionWrapper(F("token_left") * Value(9), output_field=DurationField()))
    fresh = Q(token_expires_at__gt=now + conf.read_min_remaining()) | tenth
    return rows.filter(fresh) if state == "fresh" else rows.exclude(fresh)
