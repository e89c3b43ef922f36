"""Pulling what is there: presets and meetings of the app. Our wishes are never overwritten; drift is pushed later."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from participants.gateway import background, get_client
from participants.models import Actor, EventKind, Meeting
from participants.models.event import record
from participants.realtimekit import Deadline, RealtimeKit
from participants.realtimekit import Meeting as RemoteMeeting
from participants.services import presets
from participants.services.trouble import translated
from participants.states import MeetingState, MeetingStatus

SECONDS = 60.0
_LAG = timedelta(minutes=2)
_REFERENCE = "[rc-"
TITLE_LIMIT = 100


@dataclass(frozen=True)
class Counts:
    presets: int
    meetings: int
    imported: int
    gone: int


@background()
def pull(*, by: Actor, deadline: Deadline | None = None, client: RealtimeKit | None = None) -> Counts:
    """Sync presets and meetings. Raises Busy or Misconfigured, and then writes nothing of that list."""
    deadline = deadline or Deadline.after(SECONDS)
    client = client or get_client()
    preset_count = presets.sync(deadline=deadline, client=client)
    with translated():
        remote = client.meetings.list(deadline=deadline)
    imported, gone = _store_meetings(remote, by)
    return Counts(preset_count, len(remote), imported, gone)


def _store_meetings(remote: list[RemoteMeeting], by: Actor) -> tuple[int, int]:
    now = timezone.now()
    with transaction.atomic():
        known = set(Meeting.objects.exclude(realtimekit_id=None).values_list("realtimekit_id", flat=True))
        imported = 0
        for item in remote:
            if item.id in known:
                _refresh(item)
            elif _REFERENCE not in (item.title or ""):
                _adopt(item, by)
                imported += 1
        # A meeting made a moment ago may be missing from the list (contract 18, row 32).
        absent = Meeting.objects.filter(state=MeetingState.CREATED, gone_at=None, created_at__lt=now - _LAG)
        gone = absent.exclude(realtimekit_id__in=[item.id for item in remote]).update(gone_at=now)
        record(EventKind.SYNCED, by, meetings=len(remote), imported=imported, gone=gone)
    return imported, gone


def _refresh(item: RemoteMeeting) -> None:
    # Not while somebody is pushing a change: the list may be older than what they are writing.
    told = {} if item.status is None else {"applied_status": _read_status(item)}
    Meeting.objects.filter(realtimekit_id=item.id).unleased().update(
        **told,
        applied_title=_shorten(item.title),
        raw=dict(item.raw),
        seen_at=timezone.now(),
        gone_at=None,
    )


def _adopt(item: RemoteMeeting, by: Actor) -> None:
    title = _shorten(item.title)
    inactive = _read_status(item) == MeetingStatus.INACTIVE
    meeting = Meeting.objects.create(
        state=MeetingState.CREATED,
        realtimekit_id=item.id,
        title=title,
        applied_title=title,
        status=MeetingStatus.INACTIVE if inactive else MeetingStatus.ACTIVE,
        applied_status=_read_status(item),
        raw=dict(item.raw),
        seen_at=timezone.now(),
    )
    record(EventKind.MEETING_CREATED, by, meeting=meeting, imported=True)


def _shorten(title: str | None) -> str:
    """A remote title as ours hold it; what differs from it in spaces or length alone is not drift to be pushed."""
    return " ".join((title or "").split())[:TITLE_LIMIT] or "Untitled meeting"


def _read_status(item: RemoteMeeting) -> str:
    """In our words; a list may leave it out, and a room is ACTIVE until somebody closes it (contract 6)."""
    return (item.status or MeetingStatus.ACTIVE).upper()[:32]
