"""Pulling what is there: presets, meetings, and who is in each. Our wishes are never overwritten.

A title or status changed elsewhere is brought back by converging; what differs about people is shown and left to
staff (``services.drift``).
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from participants import conf
from participants.errors import HeldBack, Misconfigured, RollcallError
from participants.gateway import background, get_client
from participants.models import Actor, EventKind, Meeting
from participants.models.event import record
from participants.models.meeting import should_be_active
from participants.realtimekit import Deadline, RealtimeKit
from participants.realtimekit import Meeting as RemoteMeeting
from participants.services import presets
from participants.services.mirrors import mirror
from participants.services.trouble import translated
from participants.states import MeetingState, MeetingStatus

SECONDS = 60.0
_LAG = timedelta(minutes=2)
REFERENCE = "[rc-"
"""In the title of a meeting of ours that is just being made."""
TITLE_LIMIT = 100


@dataclass
class Counts:
    """What a sync saw. ``rosters`` are meetings whose participants were read, ``left`` those it did not come to;
    ``trouble`` is why some could not be read."""

    presets: int
    meetings: int
    imported: int
    gone: int
    rosters: int = 0
    left: int = 0
    participants: int = 0
    missing: int = 0
    trouble: str = ""


@background()
def pull(
    *,
    by: Actor,
    deadline: Deadline | None = None,
    client: RealtimeKit | None = None,
    rosters: bool = True,
    importing: bool | None = None,
) -> Counts:
    """Sync presets and meetings, then with ``rosters`` the participants of as many meetings as the time allows.

    The next sync begins where this one ends. ``importing`` is whether meetings made elsewhere become ours, by
    default as ``SYNC_IMPORTS_MEETINGS`` says. Raises Busy or Misconfigured when presets or meetings can't be read,
    and then writes nothing of that list.
    """
    deadline = deadline or Deadline.after(SECONDS)
    client = client or get_client()
    # However long the participants may take: a pause or an outage is told of soon.
    soon = Deadline.after(min(SECONDS, deadline.remaining()))
    preset_count = presets.sync(deadline=soon, client=client)
    with translated():
        remote = client.meetings.list(deadline=soon)
    importing = conf.imports_meetings() if importing is None else importing
    imported, gone = _store_meetings(remote, by, importing)
    counts = Counts(preset_count, len(remote), imported, gone)
    if rosters:
        _pull_rosters(counts, by, deadline, client)
    return counts


def _pull_rosters(counts: Counts, by: Actor, deadline: Deadline, client: RealtimeKit) -> None:
    """Meeting by meeting, the one read longest ago first. One that can't be read stops no other."""
    made = Meeting.objects.filter(state=MeetingState.CREATED, gone_at=None)
    rows = list(made.order_by(F("participants_synced_at").asc(nulls_first=True), "pk"))
    for number, meeting in enumerate(rows):
        if deadline.expired:
            counts.left = len(rows) - number
            return
        # Taken by its own time stamp: of two syncs at once, each reads the meetings that the other does not.
        mine = Meeting.objects.filter(pk=meeting.pk, participants_synced_at=meeting.participants_synced_at)
        if not mine.update(participants_synced_at=timezone.now()):
            continue
        try:
            seen = mirror(meeting, by=by, deadline=deadline, client=client)
        except RollcallError as error:
            counts.trouble = counts.trouble or str(error.data.get("reason", error))
            # A meeting that RealtimeKit does not know concerns itself alone.
            if isinstance(error, Misconfigured) and "meeting_id" in error.data:
                continue
            if deadline.remaining() and not isinstance(error, HeldBack | Misconfigured):
                continue
            counts.left = len(rows) - number
            if number:
                # It had only what the others left of the time, so it comes first the next time. One that can't be
                # read in the whole of it must not keep the others waiting.
                Meeting.objects.filter(pk=meeting.pk).update(participants_synced_at=meeting.participants_synced_at)
            return
        counts.rosters += 1
        counts.participants += seen.seen
        counts.missing += seen.gone


def _store_meetings(remote: list[RemoteMeeting], by: Actor, importing: bool) -> tuple[int, int]:
    now = timezone.now()
    with transaction.atomic():
        known = set(Meeting.objects.exclude(realtimekit_id=None).values_list("realtimekit_id", flat=True))
        imported = 0
        for item in remote:
            if item.id in known:
                _refresh(item)
            elif importing and REFERENCE not in (item.title or ""):
                adopt(item, by)
                imported += 1
        # A meeting made a moment ago may be missing from the list (contract 18, row 32).
        absent = Meeting.objects.filter(state=MeetingState.CREATED, gone_at=None, created_at__lt=now - _LAG)
        gone = absent.exclude(realtimekit_id__in=[item.id for item in remote]).update(gone_at=now)
        record(EventKind.SYNCED, by, meetings=len(remote), imported=imported, gone=gone)
    return imported, gone


def _refresh(item: RemoteMeeting) -> None:
    # Not while somebody is pushing a change: the list may be older than what they are writing.
    rows = Meeting.objects.filter(realtimekit_id=item.id).unleased()
    if item.status is not None:
        status = read_status(item)
        # A room that we are to close is closed once its session is ended as well (design 2.6). Should a worker have
        # been killed between the two, INACTIVE alone must not pass for done.
        ended = rows if status != MeetingStatus.INACTIVE else rows.filter(should_be_active(timezone.now()))
        ended.update(applied_status=status)
    rows.update(
        applied_title=shorten(item.title),
        raw=dict(item.raw),
        seen_at=timezone.now(),
        gone_at=None,
    )


def adopt(item: RemoteMeeting, by: Actor) -> Meeting:
    """Our row for a meeting made elsewhere, open to nobody until somebody is enrolled; inside a transaction."""
    applied = shorten(item.title)
    title = applied.partition(f" {REFERENCE}")[0] or applied
    inactive = read_status(item) == MeetingStatus.INACTIVE
    meeting = Meeting.objects.create(
        state=MeetingState.CREATED,
        realtimekit_id=item.id,
        title=title,
        applied_title=applied,
        status=MeetingStatus.INACTIVE if inactive else MeetingStatus.ACTIVE,
        applied_status=read_status(item),
        raw=dict(item.raw),
        seen_at=timezone.now(),
    )
    record(EventKind.MEETING_CREATED, by, meeting=meeting, imported=True)
    return meeting


def shorten(title: str | None) -> str:
    """A remote title as ours hold it; what differs from it in spaces or length alone is not drift to be pushed."""
    return " ".join((title or "").split())[:TITLE_LIMIT] or "Untitled meeting"


def read_status(item: RemoteMeeting) -> str:
    """In our words; a list may leave it out, and a room is ACTIVE until somebody closes it (contract 6)."""
    return (item.status or MeetingStatus.ACTIVE).upper()[:32]
