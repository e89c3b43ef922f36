"""Histories of lessons: played at a sandbox, and what they come to by its own book and by our rows.

A history is a list of steps, so that a test can draw one and make it smaller. Moments are whole milliseconds, as on
RealtimeKit's wire, and so both books have to agree exactly.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import time_machine

from participants.models import Attendance, Participant, Presence, Session
from participants.sandbox import Sandbox
from participants.sandbox.courier import Parcel

Deed = Literal["join", "leave", "leave_all", "end"]
AWAY = timedelta(seconds=5)
"""Who is away for longer, and comes back, has rejoined."""
EMPTYING = timedelta(seconds=61)
"""By then a room that the last one left has ended (contract 3)."""


@dataclass(frozen=True)
class Room:
    """A meeting, and those who may come, by RealtimeKit's ids."""

    meeting_id: str
    guests: Sequence[str]


@dataclass(frozen=True)
class Step:
    """So many milliseconds after the step before: a guest opens a tab, closes their oldest, closes all; or the host
    ends the session. ``room`` and ``who`` are places in lists, counted round."""

    after: int
    room: int
    who: int
    deed: Deed


@dataclass(frozen=True)
class Stay:
    """What one person's tabs in one session come to."""

    first_joined_at: datetime
    last_left_at: datetime
    seconds: int
    connections: int
    rejoins: int


@dataclass(frozen=True)
class Run:
    meeting_id: str
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class Tab:
    session_id: str
    custom_id: str
    joined_at: datetime | None
    left_at: datetime | None


@dataclass(frozen=True)
class Book:
    """Runs by session id, tabs by peer id, stays of people we know by session id and custom id."""

    runs: dict[str, Run]
    tabs: dict[str, Tab]
    stays: dict[tuple[str, str], Stay]


def intercept(sandbox: Sandbox) -> None:
    """From now on whatever the sandbox would deliver is for ``list_parcels`` instead."""
    sandbox.mishaps.add("lose", times=None)


def list_parcels(sandbox: Sandbox) -> list[Parcel]:
    """What was intercepted, signed as it was when it happened."""
    return [sending.parcel for sending in sandbox.deliveries.all()]


def play(sandbox: Sandbox, rooms: Sequence[Room], steps: Iterable[Step], begins: datetime) -> datetime:
    """Play all steps, then empty every room; the moment at which all is over. ``begins`` has whole milliseconds."""
    moment = begins
    with time_machine.travel(begins, tick=False) as clock:
        for step in steps:
            moment += timedelta(milliseconds=step.after)
            clock.move_to(moment)
            room = rooms[step.room % len(rooms)]
            _take(sandbox, room, room.guests[step.who % len(room.guests)], step.deed)
        for number, room in enumerate(rooms):
            moment += timedelta(milliseconds=1001)
            clock.move_to(moment)
            _close(sandbox, room, by_host=number % 2 == 0)
        moment += EMPTYING
        clock.move_to(moment)
        sandbox.world.close_emptied()
    return moment


def _take(sandbox: Sandbox, room: Room, guest: str, deed: Deed) -> None:
    world = sandbox.world
    if deed == "join":
        world.join(room.meeting_id, guest)
        return
    session = world.session(room.meeting_id)
    if session is None:
        return
    theirs = [peer.id for peer in session.present if peer.participant_id == guest]
    if deed == "end":
        world.end_session(room.meeting_id)
    elif deed == "leave_all":
        world.leave_all(room.meeting_id, guest)
    elif theirs:
        world.leave(theirs[0])


def _close(sandbox: Sandbox, room: Room, *, by_host: bool) -> None:
    session = sandbox.world.session(room.meeting_id)
    if session is not None and by_host:
        sandbox.world.end_session(room.meeting_id)
    elif session is not None:
        for peer in session.present:
            sandbox.world.leave(peer.id)


def read_truth(sandbox: Sandbox) -> Book:
    """By the sandbox's book. People are counted moment by moment, unlike anywhere in the product."""
    sessions = sandbox.world.sessions.all()
    known = set(Participant.objects.values_list("meeting__realtimekit_id", "custom_participant_id"))
    stays: dict[tuple[str, str], list[Tab]] = defaultdict(list)
    tabs: dict[str, Tab] = {}
    for session in sessions:
        for peer in session.peers:
            tab = Tab(session.id, peer.custom_participant_id, peer.joined_at, peer.left_at)
            tabs[peer.id] = tab
            if (session.meeting_id, peer.custom_participant_id) in known:
                stays[session.id, peer.custom_participant_id].append(tab)
    return Book(
        {session.id: Run(session.meeting_id, session.created_at, session.ended_at) for session in sessions},
        tabs,
        {key: _count(found) for key, found in stays.items()},
    )


def _count(tabs: list[Tab]) -> Stay:
    changes: dict[datetime, int] = defaultdict(int)
    for tab in tabs:
        assert tab.joined_at is not None
        assert tab.left_at is not None
        changes[tab.joined_at] += 1
        changes[tab.left_at] -= 1
    moments = sorted(changes)
    open_tabs, rejoins, present = 0, 0, timedelta()
    away_since, last = None, moments[0]
    for moment in moments:
        if open_tabs:
            present += moment - last
        elif away_since is not None and moment - away_since > AWAY:
            rejoins += 1
        open_tabs += changes[moment]
        away_since, last = (None if open_tabs else moment), moment
    return Stay(moments[0], moments[-1], round(present.total_seconds()), len(tabs), rejoins)


def read_rows() -> Book:
    """By our rows. Fails where somebody is still counted as present."""
    runs = Session.objects.values_list("realtimekit_id", "remote_meeting_id", "started_at", "ended_at")
    columns = ("peer_id", "session__realtimekit_id", "custom_participant_id", "joined_at", "left_at")
    came = Presence.objects.exclude(first_joined_at=None).select_related("session", "participant")
    stays = {}
    for row in came.defer("session__raw", "participant__token"):
        assert row.first_joined_at is not None
        assert row.last_left_at is not None, f"{row} is not over"
        key = str(row.session.realtimekit_id), row.participant.custom_participant_id
        seconds, connections = row.measured_seconds, row.connections
        stays[key] = Stay(row.first_joined_at, row.last_left_at, seconds, connections, row.rejoins)
    return Book(
        {str(key): Run(meeting, started, ended) for key, meeting, started, ended in runs},
        {key: Tab(str(session), *told) for key, session, *told in Attendance.objects.values_list(*columns)},
        stays,
    )


def check(sandbox: Sandbox) -> Book:
    """Our rows say exactly what was played; the truth. Raises AssertionError with what differs."""
    truth, rows = read_truth(sandbox), read_rows()
    for name in ("runs", "tabs", "stays"):
        played, seen = getattr(truth, name), getattr(rows, name)
        assert seen.keys() == played.keys(), f"{name}: {sorted(seen.keys() ^ played.keys())[:5]}"
        differing = {key: (played[key], seen[key]) for key in played if played[key] != seen[key]}
        assert not differing, f"{len(differing)} {name} differ: {list(differing.items())[:3]}"
    return truth
