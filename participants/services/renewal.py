"""Warm tokens: whoever may come through the door finds a fresh token waiting (design 4, last paragraph).

Which rows are due is read from the rows, each time anew. A pass takes a few of them, the most pressing first,
so that a school whose tokens all end on one day is renewed over hours and not at once.
"""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.db.models import F, Max, Q, QuerySet, Value
from django.db.models.lookups import LessThan
from django.utils import timezone

from participants import conf
from participants.models import Actor, Meeting, Participant
from participants.realtimekit import Deadline, RealtimeKit
from participants.services import admission, tokens
from participants.services.admission import Case
from participants.services.tokencache import USABLE_MARGIN
from participants.services.tokensearch import NONE, duration, is_fresh, multiply, token_age, token_left
from participants.states import MeetingState, MeetingStatus, ParticipantState

LEAD = timedelta(days=1)
"""How long before a token stops being fresh its renewal is due: an outage shorter than this goes unnoticed."""
LAST_HOUR = timedelta(hours=1)
ONCE_A_MINUTE = timedelta(seconds=60)
OPENS = F("meeting__opens_at")


def find_due(now: datetime, *, limit: int, due_only: bool) -> list[uuid.UUID]:
    """Rows to renew now, the most pressing first, ``limit`` at most.

    First whoever could join at this moment and has no fresh token, then those who will have none when their
    meeting opens (soonest first), then those of open meetings whose token soon stops being fresh.
    ``due_only`` leaves out who was tried within the last minute, and waits for ``next_attempt_at``.
    """
    rows = _renewable(now, due_only)
    searches = (_find_cold(rows, now), _find_cold_at_opening(rows, now), _find_cooling(rows, now))
    return list(islice(_chain_distinct(searches, limit), limit))


def renew(row: Participant, *, deadline: Deadline, by: Actor, client: RealtimeKit) -> bool:
    """Fetch a new token, if the judge would let this person in when the meeting opens. Raises as ``tokens.refresh``.

    False when nobody is to be let in, somebody else holds the row, or RealtimeKit no longer knows the participant.
    """
    now = timezone.now()
    at, meeting = max(now, row.meeting.opens_at or now), row.meeting
    # Nobody is told the token, and who has yet to agree finds a warm one once they have.
    if not admission.judge(Case(meeting, row.person, row, at, agrees_to=meeting.consent_id)).admitted:
        return False
    before = row.token_issued_at
    if not tokens.refresh(row, deadline=deadline, by=by, client=client):
        return False
    row.refresh_from_db(fields=["token_issued_at"])
    return row.token_issued_at not in (None, before)


def _renewable(now: datetime, due_only: bool) -> QuerySet[Participant]:
    """What the judge would say yes to, as far as SQL can tell, so that the rest takes up no place in the limit."""
    rows = Participant.objects.due(now) if due_only else Participant.objects.unleased()
    lately = Q(refresh_tried_at__gt=now - ONCE_A_MINUTE)
    # Where tokens are never fresh, however new, even a pass by hand asks no more than once a minute.
    rows = rows.exclude(lately if due_only else lately & Q(last_error_code=""))
    active_user = Q(person__user=None) | Q(person__user__is_active=True)
    not_over = Q(meeting__closes_at=None) | Q(meeting__closes_at__gt=now)
    return rows.filter(
        active_user,
        not_over,
        state=ParticipantState.ENROLLED,
        person__blocked_at=None,
        person__erased_at=None,
        meeting__state=MeetingState.CREATED,
        meeting__status=MeetingStatus.ACTIVE,
        meeting__gone_at=None,
    )


def _find_cold(rows: QuerySet[Participant], now: datetime) -> QuerySet[Participant]:
    """Of open meetings: not fresh now. A meeting just opened comes before one that is always open."""
    cold = NONE | (_ends_near(now) & ~is_fresh(now))
    opened = rows.filter(Q(meeting__opens_at=None) | Q(meeting__opens_at__lte=now))
    return opened.filter(cold).order_by(OPENS.desc(nulls_last=True), "token_expires_at", "pk")


def _find_cold_at_opening(rows: QuerySet[Participant], now: datetime) -> QuerySet[Participant]:
    """Of scheduled meetings: not fresh when they open, where a new token is worth its call.

    It is if it would still be fresh then, judged by the lifetime of the last one fetched; if none was fetched
    since the participant was added; and in the last hour if nothing fresh is left to come in with.
    """
    lifetime = duration(F("token_expires_at") - F("token_issued_at"))
    lasts = Q(LessThan(multiply(duration(OPENS - Value(now)), 10), multiply(lifetime, 9)))
    nearly_open = Q(meeting__opens_at__lte=now + LAST_HOUR) & ~is_fresh(now)
    worth_it = lasts | Q(refresh_tried_at=None) | nearly_open
    latest = Meeting.objects.filter(opens_at__gt=now).aggregate(latest=Max("opens_at"))["latest"]
    cold = NONE | (_ends_near(latest or now) & worth_it & ~is_fresh(OPENS))
    scheduled = rows.filter(meeting__opens_at__gt=now)
    return scheduled.filter(cold).order_by(OPENS, "token_expires_at", "pk")


def _find_cooling(rows: QuerySet[Participant], now: datetime) -> QuerySet[Participant]:
    """Of open meetings: soon no longer fresh, and past half their life, since short-lived ones always end soon."""
    soon = now + LEAD
    past_half = Q(LessThan(token_left(now), token_age(now)))
    opened = rows.filter(Q(meeting__opens_at=None) | Q(meeting__opens_at__lte=now)).exclude(NONE)
    return opened.filter(_ends_near(soon), past_half & ~is_fresh(soon)).order_by("token_expires_at", "pk")


def _ends_near(at: datetime) -> Q:
    """Follows from not being fresh at that moment, and is what the index on the expiry can answer."""
    return Q(token_expires_at__lte=at + max(USABLE_MARGIN, conf.read_min_remaining()))


def _chain_distinct(searches: tuple[QuerySet[Participant], ...], limit: int) -> Iterator[uuid.UUID]:
    """Keys of one search after the other; a later one is not asked while the earlier ones suffice."""
    seen: set[uuid.UUID] = set()
    for search in searches:
        for pk in search.values_list("pk", flat=True)[:limit]:
            if pk not in seen:
                seen.add(pk)
                yield pk
