"""Rotating the encryption keys of stored tokens."""

import base64
import io

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection

from participants.models import Actor, Event, EventKind, Participant
from participants.services import keys
from participants.services.keys import Rotation
from tests.factories import HookFactory, ParticipantFactory

pytestmark = pytest.mark.django_db
OLD, NEW, LOST = (base64.urlsafe_b64encode(letter * 32).decode() for letter in (b"o", b"n", b"l"))


def read_stored() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT token FROM participants_participant WHERE token IS NOT NULL")
        return [str(token) for (token,) in cursor.fetchall()]


@pytest.fixture
def rows(settings: LazySettings) -> list[Participant]:
    """Two tokens under the old key, one under a key that was lost, one row without; keys are new, then old."""
    settings.TOKEN_ENCRYPTION_KEYS = [LOST]
    lost = ParticipantFactory(token="lost")
    settings.TOKEN_ENCRYPTION_KEYS = [OLD]
    made: list[Participant] = [ParticipantFactory(token="one"), ParticipantFactory(token="two")]
    made += [lost, ParticipantFactory()]
    settings.TOKEN_ENCRYPTION_KEYS = [NEW, OLD]
    return made


def test_rotating_leaves_every_readable_token_under_the_first_key_alone(
    rows: list[Participant], by: Actor, settings: LazySettings
) -> None:
    assert keys.rotate_tokens(by=by) == Rotation(rotated=2, dropped=1)
    assert sorted(Fernet(NEW).decrypt(token.encode()) for token in read_stored()) == [b"one", b"two"]
    settings.TOKEN_ENCRYPTION_KEYS = [NEW]
    for row, token in zip(rows, ["one", "two", None, None], strict=True):
        row.refresh_from_db()
        assert row.token == token


def test_rotating_twice_is_harmless(rows: list[Participant], by: Actor) -> None:
    keys.rotate_tokens(by=by)
    assert keys.rotate_tokens(by=by) == Rotation(rotated=2, dropped=0)


def test_secrets_of_outgoing_webhooks_are_rotated_and_never_dropped(settings: LazySettings, by: Actor) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [LOST]
    lost = HookFactory(secret="lost")
    settings.TOKEN_ENCRYPTION_KEYS = [OLD]
    hook = HookFactory(secret="one", previous_secret="two")
    settings.TOKEN_ENCRYPTION_KEYS = [NEW, OLD]
    assert keys.rotate_tokens(by=by) == Rotation(rotated=2, dropped=0)
    settings.TOKEN_ENCRYPTION_KEYS = [NEW]
    hook.refresh_from_db()
    assert (hook.secret, hook.previous_secret) == ("one", "two")
    settings.TOKEN_ENCRYPTION_KEYS = [LOST]
    lost.refresh_from_db()
    assert lost.secret == "lost"


def test_a_rotation_is_on_record(rows: list[Participant], by: Actor) -> None:
    keys.rotate_tokens(by=by)
    assert Event.objects.get(kind=EventKind.KEYS_ROTATED).data == {"rotated": 2, "dropped": 1}


def test_the_command_says_how_many(rows: list[Participant]) -> None:
    out = io.StringIO()
    call_command("rotate_token_keys", stdout=out)
    assert "2" in out.getvalue()
    assert "1" in out.getvalue()
    assert not {"one", "two", "lost", NEW, OLD} & set(out.getvalue().split())
