"""Sessions that the demo says were held before it was started, so that its reports have something to show."""

from datetime import datetime, timedelta

from participants.demo import cast
from participants.models import Meeting, Participant, Session
from participants.services import mirror
from participants.services.mirror import PeerNews, SessionNews
from participants.states import KnownBy

_BEFORE = timedelta(days=1)


def seed(now: datetime) -> None:
    """Each once; what is there already stays as it is."""
    for past in cast.PAST:
        known = Session.objects.filter(realtimekit_id=str(past.id)).exists()
        meeting = Meeting.objects.filter(pk=past.room.id).exclude(realtimekit_id=None).first()
        if meeting is not None and not known:
            _hold(past, meeting, _find_start(past, meeting, now))


def _find_start(past: cast.Past, meeting: Meeting, now: datetime) -> datetime:
    if past.ago is None and meeting.opens_at is not None:
        return meeting.opens_at
    day = now - (past.ago or timedelta(days=1))
    return day.replace(hour=9, minute=0, second=0, microsecond=0)


def _hold(past: cast.Past, meeting: Meeting, began: datetime) -> None:
    rows = Participant.objects.filter(meeting=meeting).select_related("person__user", "preset")
    # They were enrolled for it: who is enrolled only later is not missed at a session.
    rows.filter(created_at__gt=began - _BEFORE).update(created_at=began - _BEFORE)
    by_name = {row.person.user.username: row for row in rows if row.person.user}
    news = SessionNews(
        session_id=str(past.id),
        meeting_id=str(meeting.realtimekit_id),
        title=meeting.title,
        started_at=began,
        ended_at=began + timedelta(minutes=past.minutes),
    )
    peers = []
    for place, (username, joined, left) in enumerate(past.visits):
        row = by_name.get(username)
        if row is not None:
            peers.append(
                PeerNews(
                    peer_id=f"{past.id}-{place}",
                    custom_participant_id=row.custom_participant_id,
                    name=row.effective_name,
                    preset_name=row.preset.name,
                    joined_at=began + timedelta(minutes=joined),
                    left_at=began + timedelta(minutes=left),
                )
            )
    mirror.merge_peers(news, peers, known_by=KnownBy.WEBHOOK)
    # The sandbox has never heard of it, so there is nothing to be asked about it.
    Session.objects.filter(realtimekit_id=str(past.id)).update(pull_due_at=None, pulled_at=began)
