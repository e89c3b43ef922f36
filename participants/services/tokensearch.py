"""Participants by the state of their cached token: the rule of ``tokencache.inspect``, in SQL."""

from datetime import datetime

from django.db.models import DurationField, ExpressionWrapper, F, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.lookups import LessThan

from participants import conf
from participants.models import Participant
from participants.models.participant import NO_TOKEN
from participants.services.tokencache import USABLE_MARGIN

TOKEN_STATES = {"fresh": "Fresh", "usable": "Usable", "expired": "Expired", "none": "None"}
NONE = NO_TOKEN


def find_by_token(rows: QuerySet[Participant], state: str, now: datetime) -> QuerySet[Participant]:
    """Those whose token is in one of TOKEN_STATES. A token that can't be decrypted counts by its expiry here."""
    if state == "none":
        return rows.filter(NONE)
    rows = rows.filter(token__isnull=False)
    if state == "expired":
        return rows.filter(token_expires_at__lte=now + USABLE_MARGIN)
    if state == "fresh":
        return rows.filter(is_fresh(now))
    # What lasts longer is fresh whatever its age; saying so leaves few to look at.
    aging = Q(token_expires_at__gt=now + USABLE_MARGIN, token_expires_at__lte=now + conf.read_min_remaining())
    return rows.filter(aging).exclude(is_fresh(now))


def is_fresh(at: datetime | F) -> Q:
    """Whose token is fresh at a moment, or at each row's own. Says nothing of rows that have no token."""
    usable, remaining = at + USABLE_MARGIN, at + conf.read_min_remaining()
    # More than a tenth of the lifetime is left when nine times what is left exceeds the age.
    tenth = Q(LessThan(token_age(at), multiply(token_left(at), 9)))
    return Q(token_expires_at__gt=usable) & (Q(token_expires_at__gt=remaining) | tenth)


def token_age(at: datetime | F) -> Combinable:
    return duration(_moment(at) - F("token_issued_at"))


def token_left(at: datetime | F) -> Combinable:
    return duration(F("token_expires_at") - _moment(at))


def multiply(span: Combinable, factor: int) -> Combinable:
    return duration(span * Value(factor))


def duration(span: Combinable) -> Combinable:
    return ExpressionWrapper(span, output_field=DurationField())


def _moment(at: datetime | F) -> Combinable:
    return at if isinstance(at, F) else Value(at)
