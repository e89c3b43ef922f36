"""The index page: what is going on in numbers and short lists, each a way to the rows behind it."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from participants.admin.access import may
from participants.admin.badges import Tone
from participants.admin.history import Entry, describe_event
from participants.admin.reportpages import link_list
from participants.admin.zones import read_reader_zone
from participants.models import Event
from participants.services import budget, hooks, overview, reports, rights, savedreports
from participants.services.reports import SUBJECTS
from participants.states import MeetingStatus, ParticipantState

EVENTS_SHOWN = 8


@dataclass(frozen=True)
class Card:
    label: str
    value: str
    url: str
    tone: Tone
    hint: str


def sees_lists(request: HttpRequest) -> bool:
    """Whether there is a list that the user may ask questions of. Managers may of each."""
    user: Any = request.user
    return any(rights.holds(user, found.right) for found in SUBJECTS.values()) or may(request, "view_presence")


def describe(request: HttpRequest) -> dict[str, Any]:
    """What the index shows beside Django's own. The number of queries does not grow with the rows."""
    user: Any = request.user
    now = timezone.now()
    zone = read_reader_zone(request)
    may_attend = may(request, "view_presence")
    weeks = overview.list_weeks(user, now, zone) if may_attend else []
    return {
        "cards": list_cards(request),
        "latest_events": list_events(request),
        "live": overview.list_live(user) if may(request, "view_session") else None,
        "opening": overview.list_opening(user, now) if may(request, "view_meeting") else None,
        "failed": overview.list_failed(user) if may(request, "view_participant") else None,
        "weeks": weeks if any(week.sessions for week in weeks) else [],
        "may_attend": may_attend,
        "budget": budget.read_state() if rights.holds(user, "view_connection") else None,
        "saved_reports": [
            (report, f"{link_list(report.subject)}?{report.query}") for report in savedreports.list_for(user)[:8]
        ],
        "zone": zone,
        "now": now,
    }


def list_cards(request: HttpRequest) -> list[Card]:
    """Only what the user may see, counted over the rows they may see."""
    cards: list[Card] = []
    if may(request, "view_meeting"):
        now = timezone.now()
        opened = Q(opens_at=None) | Q(opens_at__lte=now)
        open_now = opened & (Q(closes_at=None) | Q(closes_at__gt=now)) & Q(status=MeetingStatus.ACTIVE)
        count, more = reports.count(rights.list_meetings(request.user).filter(open_now))
        url = reverse("admin:participants_meeting_changelist") + "?now=open"
        cards.append(
            Card("Meetings open now", _write(count, more), url, "good" if count else "quiet", "People can join these")
        )
    if may(request, "view_participant"):
        cards += _count_participants(request)
    if rights.holds(request.user, "manage_hooks"):
        cards += _count_hooks()
    return cards


def list_events(request: HttpRequest) -> list[Entry]:
    if not rights.holds(request.user, "view_event"):
        return []
    now = timezone.now()
    return [
        describe_event(e, now, about=True) for e in Event.objects.select_related("person", "meeting")[:EVENTS_SHOWN]
    ]


def _count_hooks() -> list[Card]:
    """Outgoing webhooks that need somebody, while there are any."""
    count = hooks.list_troubled().count()
    url = reverse("admin:participants_hook_changelist")
    if not count:
        return []
    return [Card("Webhooks failing", f"{count}", url, "bad", "Receivers do not take what they are told")]


def _count_participants(request: HttpRequest) -> list[Card]:
    url = reverse("admin:participants_participant_changelist")
    rows = rights.list_participants(request.user)
    wanted: list[tuple[ParticipantState, str, Tone, str]] = [
        (ParticipantState.ENROLLED, "Enrolled", "good", "Known here and at RealtimeKit"),
        (ParticipantState.PENDING, "Pending", "wait", "RealtimeKit is still to be told"),
        (ParticipantState.FAILED, "Failed", "bad", "Refused by RealtimeKit; need you"),
    ]
    counts = {state: reports.count(rows.filter(state=state)) for state, *_ in wanted}
    return [
        Card(label, _write(*counts[state]), f"{url}?state={state}", tone if counts[state][0] else "quiet", hint)
        for state, label, tone, hint in wanted
    ]


def _write(count: int, more: bool) -> str:
    """Exact up to ten thousand, as in the lists."""
    return f"{count:,}+" if more else f"{count}"
