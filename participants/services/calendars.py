"""The calendar entry that goes with a mail (RFC 5545, 5546): one per participant, brought up to date by later mails.

An entry needs a start, so a meeting without an opening time has none.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr

from participants.models import Message, Participant
from participants.states import MessageState


@dataclass(frozen=True)
class Entry:
    """``method`` is REQUEST or CANCEL; ``content_hash`` of what the entry says, by which a change is known."""

    method: str
    content: str
    sequence: int
    content_hash: str


def build(row: Participant, *, address: str, link: str, sender: str, is_over: bool, now: datetime) -> Entry | None:
    """The entry for one mail; None where there is nothing to put into a calendar, nor to take out of it.

    ``is_over``: the person is not enrolled any more. ``link`` stands in the entry.
    """
    meeting = row.meeting
    last = _find_last(row)
    cancelled = is_over or meeting.opens_at is None
    if cancelled and last is None:
        return None
    said = f"{meeting.title}|{meeting.opens_at}|{meeting.closes_at}|{cancelled}"
    content_hash = hashlib.sha256(said.encode()).hexdigest()
    sequence = 0
    if last is not None and last.sequence is not None:
        sequence = last.sequence + (last.entry_hash != content_hash)
    method = "CANCEL" if cancelled else "REQUEST"
    content = _write(row, method, sequence, address, link, sender, now)
    return Entry(method, content, sequence, content_hash)


def _find_last(row: Participant) -> Message | None:
    """The mail with the latest entry that they have, or may have."""
    rows = Message.objects.filter(participant=row, sequence__isnull=False)
    known = rows.filter(state=MessageState.SENT) | rows.filter(outcome_unknown=True)
    return known.order_by("-sequence", "-created_at").first()


def _write(row: Participant, method: str, sequence: int, address: str, link: str, sender: str, now: datetime) -> str:
    from icalendar import Calendar, Event, vCalAddress  # takes a while to load, and few processes write mails

    meeting = row.meeting
    calendar, entry = Calendar(), Event()
    calendar.add("prodid", "-//Rollcall//Meetings//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    entry.add("uid", f"{row.pk}@rollcall")
    entry.add("sequence", sequence)
    entry.add("dtstamp", now.astimezone(UTC))
    entry.add("summary", meeting.title)
    entry.add("status", "CANCELLED" if method == "CANCEL" else "CONFIRMED")
    if meeting.opens_at is not None:
        entry.add("dtstart", meeting.opens_at.astimezone(UTC))
        if meeting.closes_at is not None:
            entry.add("dtend", meeting.closes_at.astimezone(UTC))
    if method == "REQUEST":
        entry.add("url", link)
        entry.add("location", link)
        entry.add("description", f"Join: {link}")
    organizer = vCalAddress(f"mailto:{parseaddr(sender)[1]}")
    attendee = vCalAddress(f"mailto:{address}")
    attendee.params["cn"] = row.effective_name
    attendee.params["rsvp"] = "FALSE"
    entry.add("organizer", organizer)
    entry.add("attendee", attendee)
    calendar.add_component(entry)
    return str(calendar.to_ical(), "utf-8")
