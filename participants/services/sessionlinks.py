"""Sessions of meetings, and connections of participants, that we came to know only after them."""

import uuid

from django.db import transaction
from django.db.models import Exists, OuterRef

from participants.models import Attendance, Meeting, Participant, Session
from participants.services import mirror, presence, rolls
from participants.services.witness import Witness

LIMIT = 200
"""Sessions of one pass; the next pass finds the others."""


def link_all() -> int:
    """Link whatever can be linked by now; how many sessions changed."""
    return sum(map(_link_session, [*_find_without_meeting(), *_find_with_strangers()]))


def _find_without_meeting() -> list[uuid.UUID]:
    known = Meeting.objects.filter(realtimekit_id=OuterRef("remote_meeting_id"))
    rows = Session.objects.filter(Exists(known), meeting=None).exclude(remote_meeting_id="")
    return list(rows.values_list("pk", flat=True)[:LIMIT])


def _find_with_strangers() -> list[uuid.UUID]:
    known = Participant.objects.filter(
        meeting=OuterRef("session__meeting"), custom_participant_id=OuterRef("custom_participant_id")
    )
    rows = Attendance.objects.filter(Exists(known), participant=None, is_recorder=False)
    found = rows.exclude(custom_participant_id="").order_by().values_list("session", flat=True).distinct()
    return list(found[:LIMIT])


def _link_session(pk: uuid.UUID) -> bool:
    with transaction.atomic():
        session = Session.objects.select_for_update(no_key=True).get(pk=pk)
        witness = Witness(session)
        if session.meeting_id is None:
            meeting = Meeting.objects.filter(realtimekit_id=session.remote_meeting_id).first()
            if meeting is None:
                return False
            mirror.attach(session, meeting)
            session.save(update_fields=["meeting", "opens_at", "closes_at", "updated_at"])
        mirror.link_people(session)
        presence.recompute(session)
        witness.tell()
    rolls.roll(session)
    return True
