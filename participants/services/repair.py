"""Making the mirror right in spite of lost deliveries: asking RealtimeKit what was, and ending what hangs.

What to do is in the rows: ``pull_due_at`` says when somebody should ask about a session, and whoever moves it on by a
guarded UPDATE does so; should they die, it is due again a few minutes later. A session is due soon after its end,
every quarter of an hour while it is live, and again, less and less often, as long as something about it is estimated.
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from participants.errors import HeldBack, Misconfigured, RollcallError
from participants.gateway import background, get_client
from participants.models import Actor, Chore, EventKind, Session
from participants.models.event import record
from participants.realtimekit import Absent, Deadline, Peer, RealtimeKit, RealtimeKitError, Refused
from participants.realtimekit import Session as RemoteSession
from participants.services import livesessions, mirror
from participants.services.merging import looks_like_recorder
from participants.services.mirror import CHUNK, LOOK_AGAIN, UNREPORTED, PeerNews, SessionNews
from participants.services.trouble import explain, next_try, translated
from participants.states import KnownBy, MeetingState

logger = logging.getLogger(__name__)

SECONDS = 60.0
"""How long a pass goes on taking sessions."""
SESSION_SECONDS = 30.0
LIMIT = 200
"""Sessions whose keys are read together."""
CHORE = "sessions"
FIRST_LOOK = timedelta(days=7)
OVERLAP = timedelta(days=1)
"""Lists are read from this long before the last reading: a session is listed by its beginning and may be late."""
MEMORY = timedelta(days=180)
"""RealtimeKit forgets sessions after that (contract 2.5)."""
GRACE = timedelta(minutes=5)
"""A closed room is emptied by the schedule itself; what is live for longer hangs."""
IDLE = timedelta(hours=12)
"""A session this old with nobody in it hangs, whatever the schedule (contract 3)."""
AGAIN = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
"""When to ask again about an ended session that has gaps; then they stay estimated."""
SURRENDER = 5
"""Attempts to have a session ended or found, after which its end is estimated."""


@dataclass
class Counts:
    """Sessions asked about, and those that could not be; ``trouble`` is for staff."""

    pulled: int = 0
    failed: int = 0
    trouble: str = ""


def never() -> bool:
    return False


@background()
def pull_due(
    *,
    by: Actor,
    deadline: Deadline | None = None,
    is_stopping: Callable[[], bool] = never,
    client: RealtimeKit | None = None,
) -> Counts:
    """Ask about every session that is due. Raises nothing remote; what can't be asked now stays due."""
    deadline, counts = deadline or Deadline.after(SECONDS), Counts()
    for pk in _find_due():
        if deadline.expired or is_stopping():
            break
        step = Deadline.after(min(SESSION_SECONDS, deadline.remaining()))
        try:
            counts.pulled += pull(pk, by=by, deadline=step, client=client)
        except RollcallError as error:
            counts.failed += 1
            counts.trouble = str(error.data.get("reason", error))
            # Account, budget and breaker stand in the way of all sessions alike.
            if isinstance(error, HeldBack | Misconfigured):
                break
    return counts


def _find_due() -> Iterator[uuid.UUID]:
    """Each session that is due, once, the longest waiting first; by the chunk, since whoever asks moves it on."""
    seen: set[uuid.UUID] = set()
    due = Session.objects.filter(pull_due_at__lte=timezone.now()).order_by("pull_due_at", "pk")
    while keys := [pk for pk in due.values_list("pk", flat=True)[: LIMIT + len(seen)] if pk not in seen][:LIMIT]:
        seen.update(keys)
        yield from keys


def pull(pk: uuid.UUID, *, by: Actor, deadline: Deadline, client: RealtimeKit | None = None) -> bool:
    """Ask about one session that is due, and merge the answer; False where somebody else is at it.

    Raises Busy, HeldBack and Misconfigured.
    """
    client = client or get_client()
    claim = _claim(pk, deadline)
    if claim is None:
        return False
    session = Session.objects.select_related("meeting").get(pk=pk)
    try:
        hangs = _ask(session, by, deadline, client)
    except RealtimeKitError as error:
        told = explain(error)
        changes = {"last_error_code": error.code[:64], "pull_due_at": next_try(session.pull_attempts)}
        if isinstance(told, HeldBack):  # nobody was called
            changes |= {"pull_attempts": max(0, session.pull_attempts - 1)}
        _held(pk, claim).update(**changes)
        raise told from None
    _schedule(pk, claim, hangs=hangs)
    return True


@background()
def find_missed(*, deadline: Deadline, client: RealtimeKit | None = None) -> int:
    """Look through RealtimeKit's latest sessions for such as we never heard of, or not of their end; how many.

    Raises Busy, HeldBack and Misconfigured.
    """
    now = timezone.now()
    done_at = Chore.objects.filter(name=CHORE).values_list("done_at", flat=True).first()
    since = done_at - OVERLAP if done_at else now - FIRST_LOOK
    with translated():
        remote = (client or get_client()).sessions.list_since(max(since, now - MEMORY), deadline=deadline)
    return _take_missed(remote)


def _take_missed(remote: Iterable[RemoteSession]) -> int:
    wanted = {each.id: each for each in remote if each.meeting_id}
    ended = dict(_read_ends(list(wanted)))
    missed = [each for key, each in wanted.items() if key not in ended or (ended[key] is None and _is_over(each))]
    for each in missed:
        _merge(each)
    keys = [each.id for each in missed]
    for start in range(0, len(keys), CHUNK):
        Session.objects.filter(realtimekit_id__in=keys[start : start + CHUNK]).update(pull_due_at=timezone.now())
    return len(missed)


def _read_ends(keys: list[str]) -> Iterable[tuple[str | None, datetime | None]]:
    for start in range(0, len(keys), CHUNK):
        rows = Session.objects.filter(realtimekit_id__in=keys[start : start + CHUNK])
        yield from rows.values_list("realtimekit_id", "ended_at")


def _claim(pk: uuid.UUID, deadline: Deadline) -> datetime | None:
    until = timezone.now() + timedelta(seconds=deadline.remaining() + 60.0)
    due = Session.objects.filter(pk=pk, pull_due_at__lte=timezone.now())
    return until if due.update(pull_due_at=until, pull_attempts=F("pull_attempts") + 1) else None


def _held(pk: uuid.UUID, claim: datetime) -> QuerySet[Session]:
    """The row, unless a delivery has meanwhile said that there is more to ask about."""
    return Session.objects.filter(pk=pk, pull_due_at=claim)


def _ask(session: Session, by: Actor, deadline: Deadline, client: RealtimeKit) -> bool:
    """Merge what RealtimeKit says of the session; True where it hangs, or is not to be found."""
    remote_id = str(session.realtimekit_id)
    try:
        remote = client.sessions.get(remote_id, deadline=deadline)
    except (Absent, Refused) as error:
        # One answer may be a slip, or a mistyped account; an end that is estimated gives way to a reported one.
        Session.objects.filter(pk=session.pk).update(last_error_code=error.code[:64])
        if session.is_live and session.pull_attempts >= SURRENDER:
            _estimate_end(session, timezone.now())
        return True
    _merge(remote)
    hangs = not _is_over(remote) and _hangs(session, remote)
    if hangs:
        remote = _end(session, by, deadline, client)
    if _is_over(remote) or _is_out_of_step(session, remote):
        peers = client.sessions.participants(remote_id, deadline=deadline)
        mirror.merge_peers(_tell_session(remote), [_tell_peer(peer) for peer in peers], known_by=KnownBy.PULLED)
        Session.objects.filter(pk=session.pk).update(pulled_at=timezone.now(), raw=remote.raw, last_error_code="")
    return hangs and not _is_over(remote)


def _merge(remote: RemoteSession) -> None:
    session = mirror.merge_session(_tell_session(remote), known_by=KnownBy.PULLED)
    if _is_over(remote) and session.is_live:
        _estimate_end(session, timezone.now())


def _tell_session(remote: RemoteSession) -> SessionNews:
    return SessionNews(
        session_id=remote.id,
        meeting_id=remote.meeting_id or "",
        title=remote.title or "",
        started_at=remote.started_at,
        ended_at=remote.ended_at,
    )


def _tell_peer(peer: Peer) -> PeerNews:
    return PeerNews(
        peer_id=peer.id,
        custom_participant_id=peer.custom_participant_id or "",
        name=peer.name or "",
        preset_name=peer.preset_name or "",
        joined_at=peer.joined_at,
        left_at=peer.left_at,
        is_recorder=looks_like_recorder(custom_participant_id=peer.custom_participant_id, name=peer.name),
    )


def _is_over(remote: RemoteSession) -> bool:
    return remote.ended_at is not None or (remote.status or "").upper() == "ENDED"


def _is_out_of_step(session: Session, remote: RemoteSession) -> bool:
    """Whether a live session has people in it of whom we don't know, or have lost some."""
    inside = session.attendances.filter(left_at=None).count()
    return session.pulled_at is None or remote.live_participants is None or inside != remote.live_participants


def _hangs(session: Session, remote: RemoteSession) -> bool:
    meeting, now = session.meeting, timezone.now()
    if meeting is None or meeting.state != MeetingState.CREATED:
        return False
    if not meeting.wants_active(now) and not meeting.wants_active(now - GRACE):
        return True
    started = remote.started_at or session.started_at
    return remote.live_participants == 0 and started is not None and started < now - IDLE


def _end(session: Session, by: Actor, deadline: Deadline, client: RealtimeKit) -> RemoteSession:
    """End what hangs, and say what RealtimeKit makes of it; in the end we believe our own eyes."""
    assert session.meeting is not None
    livesessions.empty(session.meeting, deadline=deadline, client=client)
    remote = client.sessions.get(str(session.realtimekit_id), deadline=deadline)
    _merge(remote)
    if _is_over(remote):
        record(EventKind.SESSION_ENDED, by, meeting=session.meeting, session=str(session.pk), reason="overrun")
    elif session.pull_attempts >= SURRENDER:
        closed_at = session.meeting.closes_at
        now = timezone.now()
        _estimate_end(session, min(closed_at, now) if closed_at else now)
    return remote


def _estimate_end(session: Session, moment: datetime) -> None:
    """Not before anything known of it: ``mirror`` sees to that."""
    news = SessionNews(str(session.realtimekit_id), session.remote_meeting_id, ended_at=moment)
    mirror.merge_session(news, known_by=KnownBy.ESTIMATED)


def _schedule(pk: uuid.UUID, claim: datetime, *, hangs: bool) -> None:
    session = Session.objects.get(pk=pk)
    now, attempts = timezone.now(), session.pull_attempts
    due: datetime | None = None
    if session.is_live:
        due = now + (GRACE if hangs else LOOK_AGAIN)
        attempts = attempts if hangs else 0
    elif _has_gaps(session) and attempts <= len(AGAIN):
        due = now + AGAIN[max(attempts, 1) - 1]
    _held(pk, claim).update(pull_due_at=due, pull_attempts=attempts)


def _has_gaps(session: Session) -> bool:
    if session.started_known_by in UNREPORTED or session.ended_known_by in UNREPORTED or session.pulled_at is None:
        return True
    told = Q(joined_known_by__in=UNREPORTED) | Q(left_known_by__in=UNREPORTED)
    return session.attendances.filter(told).exists()
