"""The index page's cards: what is going on, in four numbers, each a way to the rows behind it."""

from dataclasses import dataclass

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from participants.admin.access import may
from participants.admin.badges import Tone
from participants.admin.history import Entry, describe_event
from participants.models import Event
from participants.services import rights
from participants.states import MeetingStatus, ParticipantState

EVENTS_SHOWN = 8


@dataclass(frozen=True)
class Card:
    label: str
    value: int
    url: str
    tone: Tone
    hint: str


def list_cards(request: HttpRequest) -> list[Card]:
    """Only what the user may see, counted over the rows they may see."""
    cards: list[Card] = []
    if may(request, "view_meeting"):
        now = timezone.now()
        opened = Q(opens_at=None) | Q(opens_at__lte=now)
        open_now = opened & (Q(closes_at=None) | Q(closes_at__gt=now)) & Q(status=MeetingStatus.ACTIVE)
        count = rights.list_meetings(request.user).filter(open_now).count()
        url = reverse("admin:participants_meeting_changelist") + "?now=open"
        cards.append(Card("Meetings open now", count, url, "good" if count else "quiet", "People can join these"))
    if may(request, "view_participant"):
        cards += _count_participants(request)
    return cards


def list_events(request: HttpRequest) -> list[Entry]:
    if not rights.holds(request.user, "view_event"):
        return []
    now = timezone.now()
    return [
        describe_event(e, now, about=True) for e in Event.objects.select_related("person", "meeting")[:EVENTS_SHOWN]
    ]


def _count_participants(request: HttpRequest) -> list[Card]:
    url = reverse("admin:participants_participant_changelist")
    rows = rights.list_participants(request.user)
    wanted: list[tuple[ParticipantState, str, Tone, str]] = [
        (ParticipantState.ENROLLED, "Enrolled", "good", "Known here and at RealtimeKit"),
        (ParticipantState.PENDING, "Pending", "wait", "RealtimeKit is still to be told"),
        (ParticipantState.FAILED, "Failed", "bad", "Refused by RealtimeKit; need you"),
    ]
    counts = {state: rows.filter(state=state).count() for state, *_ in wanted}
    return [
        Card(label, counts[state], f"{url}?state__exact={state}", tone if counts[state] else "quiet", hint)
        for state, label, tone, hint in wanted
    ]
