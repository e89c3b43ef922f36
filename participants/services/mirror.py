"""News of sessions and connections, merged into our rows. A delivery or a listing is news, not the truth.

Merging is idempotent, independent of order and safe when many do it at once: the session's row is locked while
something is learnt of it or of anybody in it. What nobody told is estimated from what is known, marked so, and
estimated anew whenever more is known:

- a session began with the first time known of anybody in it;
- who is not known to have left did so when the session ended, or later if they joined later;
- who left but is not known to have joined was there from the beginning;
- an estimated end of a session moves behind everything known to have happened in it. A reported end stays: a start
  told afterwards reopens nothing.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, Max, Min, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce, Greatest, Least
from django.utils import timezone

from participants.models import Actor, Attendance, Meeting, Participant, Session
from participants.services import presence, rolls, samepeople
from participants.services.merging import Told, fit, take_earlier, take_later, take_text, tell
from participants.services.scrubbing import ERASED
from participants.services.witness import Witness
from participants.states import KnownBy

CHUNK = 500
PULL_AFTER_END = timedelta(minutes=2)
"""By then the deliveries of an ended session have come, or won't."""
LOOK_AGAIN = timedelta(minutes=15)
"""How long a session is live before somebody asks whether it still is."""
_FRESH = timedelta(minutes=1)
_BY = Actor(via="mirror")
UNREPORTED = ("", KnownBy.ESTIMATED)
_SESSION_COLUMNS = (
    *("meeting_id", "remote_meeting_id", "title", "started_at", "started_known_by", "ended_at", "ended_known_by"),
    *("end_reason", "opens_at", "closes_at", "pull_due_at"),
)
_PEER_COLUMNS = (
    *("participant", "custom_participant_id", "name", "preset_name", "joined_at", "joined_known_by", "left_at"),
    *("left_known_by", "is_recorder"),
)


@dataclass(frozen=True)
class SessionNews:
    """What is told of a session. ``session_id`` is RealtimeKit's, ``meeting_id`` may be blank if it was left out.

    Give ``ended_at`` only where the news is that it ended: an end, once told, stays.
    """

    session_id: str
    meeting_id: str
    title: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: str = ""


@dataclass(frozen=True)
class PeerNews:
    """What is told of one connection. Blank and None mean "not told"."""

    peer_id: str
    custom_participant_id: str = ""
    name: str = ""
    preset_name: str = ""
    joined_at: datetime | None = None
    left_at: datetime | None = None
    is_recorder: bool = False


def merge_session(news: SessionNews, *, known_by: KnownBy) -> Session:
    """Learn of a session. Raises ValueError where the news names none."""
    session, _ = _merge(news, (), known_by)
    return session


def merge_peer(news: SessionNews, peer: PeerNews, *, known_by: KnownBy) -> Attendance:
    """Learn of one connection, and of its session. Raises ValueError where the news names either not."""
    return merge_peers(news, (peer,), known_by=known_by)[0]


def merge_peers(news: SessionNews, peers: Sequence[PeerNews], *, known_by: KnownBy) -> list[Attendance]:
    """``merge_peer`` for many connections of one session, in few statements; the rows in the order given.

    An estimate of when somebody joined or left is not taken: the rules above make a better one.
    """
    merged: dict[str, Attendance] = {}
    for start in range(0, len(peers), CHUNK):
        _, rows = _merge(news, peers[start : start + CHUNK], known_by)
        merged |= rows
    return [merged[fit(peer.peer_id)] for peer in peers]


def _merge(
    news: SessionNews, peers: Collection[PeerNews], known_by: KnownBy
) -> tuple[Session, dict[str, Attendance]]:
    if not news.session_id or not all(peer.peer_id for peer in peers):
        raise ValueError("News of a session and its connections has to name them.")
    with transaction.atomic():
        session = _find(news)
        before, bounds, witness = _read_row(session, _SESSION_COLUMNS), _read_bounds(session), Witness(session)
        _learn(session, news, known_by)
        rows, people = _merge_rows(session, peers, known_by, witness)
        _estimate_bounds(session, rows.values())
        _save(session, before)
        if _read_bounds(session) != bounds:
            witness.see_all_leave()
            _estimate_times(session)
            link_people(session)
            rows = {row.peer_id: row for row in session.attendances.filter(peer_id__in=list(rows))} if rows else {}
            presence.recompute(session)
        elif people:
            presence.recompute(session, people)
        witness.tell()
    rolls.roll(session)
    return session, rows


def _find(news: SessionNews) -> Session:
    """The session's row, made if need be, locked without its key: what refers to it need not wait."""
    locked = Session.objects.select_for_update(no_key=True).filter(realtimekit_id=fit(news.session_id))
    session = locked.first()
    if session is None:
        # Two may learn of it at once; whoever comes second finds the first one's row.
        made = Session(realtimekit_id=fit(news.session_id), remote_meeting_id=fit(news.meeting_id))
        made.pull_due_at = timezone.now() + LOOK_AGAIN
        Session.objects.bulk_create([made], ignore_conflicts=True)
        session = locked.get()
    return session


def _read_bounds(session: Session) -> tuple[Any, ...]:
    return session.started_at, session.ended_at, session.meeting_id, session.opens_at, session.closes_at


def _learn(session: Session, news: SessionNews, known_by: KnownBy) -> None:
    session.remote_meeting_id = take_text(session.remote_meeting_id, fit(news.meeting_id))
    session.title = take_text(session.title, fit(news.title))
    session.end_reason = take_text(session.end_reason, fit(news.end_reason)[:64])
    _set_start(session, take_earlier(_read_start(session), tell(news.started_at, known_by)))
    before = session.ended_at
    _set_end(session, take_later(_read_end(session), tell(news.ended_at, known_by)))
    # Whoever pulls arranges for the next pull as well.
    if session.ended_at != before and known_by != KnownBy.PULLED:
        session.pull_due_at = timezone.now() + PULL_AFTER_END
    if session.meeting_id is None and session.remote_meeting_id:
        meeting = Meeting.objects.filter(realtimekit_id=session.remote_meeting_id).first()
        if meeting is not None:
            attach(session, meeting)


def attach(session: Session, meeting: Meeting) -> None:
    """Note whose run it is, and the window as it is now: later changes of the schedule are of later sessions."""
    session.meeting = meeting
    session.opens_at, session.closes_at = meeting.opens_at, meeting.closes_at


def _read_start(session: Session) -> Told:
    return Told(session.started_at, session.started_known_by)


def _read_end(session: Session) -> Told:
    return Told(session.ended_at, session.ended_known_by)


def _set_start(session: Session, told: Told) -> None:
    session.started_at, session.started_known_by = told


def _set_end(session: Session, told: Told) -> None:
    session.ended_at, session.ended_known_by = told


def _estimate_bounds(session: Session, rows: Iterable[Attendance]) -> None:
    """Where nobody told when the session began or ended, what is known of people says so."""
    start, end = _read_start(session), _read_end(session)
    if start.is_reported and (end.at is None or end.is_reported):
        return
    known = session.attendances.aggregate(Min("joined_at"), Min("left_at"), Max("joined_at"), Max("left_at"))
    times = [time for time in known.values() if time]
    times += [time for row in rows for time in (row.joined_at, row.left_at) if time]
    if not start.is_reported:
        first = min([*times, *([end.at] if end.at else [])], default=None)
        _set_start(session, take_earlier(start, tell(first, KnownBy.ESTIMATED)))
    if end.at is not None and not end.is_reported:
        _set_end(session, take_later(end, tell(max(times, default=None), KnownBy.ESTIMATED)))


def _save(session: Session, before: tuple[Any, ...]) -> None:
    """Thousands of joins bring no news of the session: it is not written for each of them."""
    now = timezone.now()
    if _read_row(session, _SESSION_COLUMNS) != before or not session.seen_at or now - session.seen_at > _FRESH:
        session.seen_at = now
        session.save(update_fields=[*_SESSION_COLUMNS, "seen_at", "updated_at"])


def _merge_rows(
    session: Session, peers: Collection[PeerNews], known_by: KnownBy, witness: Witness
) -> tuple[dict[str, Attendance], set[uuid.UUID]]:
    """Rows of these connections as they now are, by peer id, and whom they concern; call with the session locked."""
    if not peers:
        return {}, set()
    keys = {fit(peer.peer_id) for peer in peers}
    rows = {row.peer_id: row for row in session.attendances.filter(peer_id__in=keys)}
    before = {key: _read_row(row, _PEER_COLUMNS) for key, row in rows.items()}
    people = {row.participant_id for row in rows.values()}
    inside = {key for key, row in rows.items() if row.left_at is None}
    for peer in peers:
        row = rows.setdefault(fit(peer.peer_id), Attendance(session=session, peer_id=fit(peer.peer_id)))
        _learn_peer(row, peer, known_by)
    _link(session, rows.values())
    for key, row in rows.items():
        _estimate_row(session, row)
        witness.see(row, is_new=key not in before, was_inside=key in inside)
    Attendance.objects.bulk_create([row for key, row in rows.items() if key not in before], batch_size=CHUNK)
    changed = [rows[key] for key, old in before.items() if _read_row(rows[key], _PEER_COLUMNS) != old]
    for row in changed:
        row.updated_at = timezone.now()
    if changed:
        Attendance.objects.bulk_update(changed, [*_PEER_COLUMNS, "updated_at"], batch_size=CHUNK)
    has_gaps = session.ended_at is not None and not all(map(_is_told, rows.values()))
    if has_gaps and session.pull_due_at is None and known_by != KnownBy.PULLED:
        session.pull_due_at = timezone.now() + PULL_AFTER_END
    people |= {row.participant_id for row in rows.values()}
    return rows, {key for key in people if key is not None}


def _read_row(row: Session | Attendance, columns: Iterable[str]) -> tuple[Any, ...]:
    return tuple(getattr(row, "participant_id" if name == "participant" else name) for name in columns)


def _is_told(row: Attendance) -> bool:
    return row.joined_known_by not in UNREPORTED and row.left_known_by not in UNREPORTED


def _learn_peer(row: Attendance, peer: PeerNews, known_by: KnownBy) -> None:
    row.custom_participant_id = take_text(row.custom_participant_id, fit(peer.custom_participant_id))
    row.name = take_text(row.name, fit(peer.name))
    row.preset_name = take_text(row.preset_name, fit(peer.preset_name))
    row.is_recorder = row.is_recorder or peer.is_recorder
    if known_by == KnownBy.ESTIMATED:
        return
    joined = take_earlier(Told(row.joined_at, row.joined_known_by), tell(peer.joined_at, known_by))
    left = take_later(Told(row.left_at, row.left_known_by), tell(peer.left_at, known_by))
    (row.joined_at, row.joined_known_by), (row.left_at, row.left_known_by) = joined, left


def _link(session: Session, rows: Iterable[Attendance]) -> None:
    """Say whose connections they are; recorders and custom ids that we do not know are nobody's."""
    wanted = {row.custom_participant_id for row in rows} - {""}
    found: dict[str, Participant] = {}
    if session.meeting_id and wanted:
        known = Participant.objects.filter(meeting=session.meeting_id, custom_participant_id__in=wanted)
        rows_known = list(known.select_related("person").defer("token"))
        kept = samepeople.find_kept(rows_known)
        found = {each.custom_participant_id: kept.get(each.pk, each) for each in rows_known}
    for row in rows:
        row.participant = None if row.is_recorder else found.get(row.custom_participant_id)
        if row.participant is not None and row.participant.person.erased_at is not None:
            row.name = ERASED  # RealtimeKit goes on telling it for months


def link_people(session: Session) -> None:
    """``_link`` for everybody of a session who is nobody's yet; call with the session locked."""
    known = Participant.objects.filter(
        meeting=session.meeting_id, custom_participant_id=OuterRef("custom_participant_id")
    )
    rows = session.attendances.filter(participant=None, is_recorder=False).exclude(custom_participant_id="")
    rows.filter(Exists(known)).update(participant=Subquery(known.values("pk")[:1]), updated_at=timezone.now())
    samepeople.unite(session, by=_BY)


def _estimate_row(session: Session, row: Attendance) -> None:
    """The rules of the module's head for one connection, as ``_estimate_times`` has them for all."""
    if row.joined_known_by in UNREPORTED:
        left = row.left_at if row.left_known_by not in UNREPORTED else None
        times = [time for time in (left, session.started_at) if time]
        row.joined_at, row.joined_known_by = tell(min(times, default=None), KnownBy.ESTIMATED)
    if row.left_known_by in UNREPORTED:
        ended = session.ended_at and max(session.ended_at, row.joined_at or session.ended_at)
        row.left_at, row.left_known_by = tell(ended, KnownBy.ESTIMATED)


def _estimate_times(session: Session) -> None:
    """Estimate anew what nobody told of people's joining and leaving, the session's bounds having moved."""
    now = timezone.now()
    rows = Attendance.objects.filter(session=session)
    joins = rows.filter(joined_known_by__in=UNREPORTED)
    if session.started_at is not None:
        guess = {"joined_known_by": KnownBy.ESTIMATED, "updated_at": now}
        started = Value(session.started_at)
        joins.filter(left_known_by__in=UNREPORTED).update(joined_at=started, **guess)
        joins.exclude(left_known_by__in=UNREPORTED).update(joined_at=Least(F("left_at"), started), **guess)
    if session.ended_at is not None:
        ended = Value(session.ended_at)
        later = Greatest(Coalesce(F("joined_at"), ended), ended)
        leaves = rows.filter(left_known_by__in=UNREPORTED)
        leaves.update(left_at=later, left_known_by=KnownBy.ESTIMATED, updated_at=now)
