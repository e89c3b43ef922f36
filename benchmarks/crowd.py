"""Makes many signed-in people in a stack's database, in its environment: ``benchmarks.crowd COUNT [MEETING]``.

Prints one session key a line. With a meeting they are enrolled in it and hold a token that lasts.
"""

import base64
import json
import os
import sys
import uuid
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402 - needs the settings
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402
from django.utils import timezone  # noqa: E402

from participants.models import Meeting, Participant, Person  # noqa: E402
from participants.states import ExpirySource, ParticipantState, Source  # noqa: E402

LASTS = timedelta(days=90)
CHUNK = 1_000


def main() -> None:
    count, room = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
    first = User.objects.count()
    names = (f"crowd{first + number}" for number in range(count))
    users = User.objects.bulk_create(
        (User(username=name, first_name=name.title(), email=f"{name}@example.org", password="!") for name in names),
        batch_size=CHUNK,
    )
    people = Person.objects.bulk_create(
        (Person(user=user, display_name=user.first_name, email=user.email) for user in users), batch_size=CHUNK
    )
    if room:
        enrol(Meeting.objects.select_related("default_preset").get(pk=room), people)
    sessions = [sign_in(user) for user in users]
    Session.objects.bulk_create(sessions, batch_size=CHUNK)
    sys.stdout.writelines(f"{session.session_key}\n" for session in sessions)


def enrol(meeting: Meeting, people: list[Person]) -> None:
    now = timezone.now()
    assert meeting.default_preset is not None
    Participant.objects.bulk_create(
        (
            Participant(
                meeting=meeting,
                person=person,
                custom_participant_id=person.custom_participant_id,
                preset=meeting.default_preset,
                source=Source.BULK,
                state=ParticipantState.ENROLLED,
                realtimekit_id=str(uuid.uuid4()),
                applied_preset=meeting.default_preset.name,
                applied_name=person.display_name,
                token=make_token(person),
                token_issued_at=now,
                token_expires_at=now + LASTS,
                token_expiry_source=ExpirySource.JWT,
            )
            for person in people
        ),
        batch_size=CHUNK,
    )


def make_token(person: Person) -> str:
    """As long as RealtimeKit's; nobody will be shown it."""
    parts = [{"alg": "RS256", "typ": "JWT"}, {"participantId": person.custom_participant_id, "filling": "x" * 200}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "y" * 342])


def sign_in(user: User) -> Session:
    store = SessionStore()
    data = {
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: "participants.signin.backends.LocalBackend",
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }
    key = uuid.uuid4().hex
    return Session(session_key=key, session_data=store.encode(data), expire_date=timezone.now() + timedelta(days=1))


if __name__ == "__main__":
    main()
