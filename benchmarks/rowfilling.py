"""Adds what ``seed_reports`` leaves out, for ``benchmarks.rowsizes``: tokens, events and deliveries."""

import hashlib
import json
import os
import sys
import uuid

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.utils import timezone  # noqa: E402 - needs the settings

from benchmarks.crowd import CHUNK, LASTS, make_token  # noqa: E402
from participants.models import Actor, Delivery, EventKind, Participant  # noqa: E402
from participants.models.event import record_many  # noqa: E402
from participants.states import DeliveryState  # noqa: E402


def main() -> None:
    count, now = int(sys.argv[1]), timezone.now()
    rows = list(Participant.objects.select_related("person", "meeting").order_by("pk")[:count])
    for row in rows:
        row.token, row.token_issued_at, row.token_expires_at = make_token(row.person), now, now + LASTS
    Participant.objects.bulk_update(rows, ["token", "token_issued_at", "token_expires_at"], batch_size=CHUNK)
    by = Actor(via="worker")
    for kind in (EventKind.ENROLLED, EventKind.REFRESHED):
        record_many(kind, by, rows)
    Delivery.objects.bulk_create((make_delivery(row) for row in rows), batch_size=CHUNK)


def make_delivery(row: Participant) -> Delivery:
    """As RealtimeKit tells that somebody joined, worked on since (contract 16.3)."""
    session, now = str(uuid.uuid4()), timezone.now()
    meeting = {
        "id": str(row.meeting.realtimekit_id),
        "title": row.meeting.title,
        "sessionId": session,
        "status": "LIVE",
        "createdAt": now.isoformat(),
        "startedAt": now.isoformat(),
        "organizedBy": {"id": str(uuid.uuid4()), "name": "School"},
    }
    participant = {
        "peerId": str(uuid.uuid4()),
        "userDisplayName": row.person.display_name,
        "customParticipantId": row.custom_participant_id,
        "presetName": "group_call_participant",
        "joinedAt": now.isoformat(),
    }
    body = {"event": "meeting.participantJoined", "meeting": meeting, "participant": participant}
    return Delivery(
        rtk_uuid=str(uuid.uuid4()),
        webhook_id=str(uuid.uuid4()),
        body_hash=hashlib.sha256(json.dumps(body).encode()).hexdigest(),
        body=body,
        headers={
            "content-type": "application/json",
            "rtk-uuid": str(uuid.uuid4()),
            "rtk-webhook-id": str(uuid.uuid4()),
        },
        event=str(body["event"]),
        remote_meeting_id=str(meeting["id"]),
        session_id_text=session,
        received_at=now,
        state=DeliveryState.DONE,
        outcome="merged",
        worked_at=now,
    )


if __name__ == "__main__":
    main()
