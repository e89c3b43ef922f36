"""The encrypted token column."""

import base64
import logging

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.exceptions import FieldError
from django.db import connection

from participants.models import Participant
from participants.models.fields import decrypt, encrypt, rotate
from tests.factories import ParticipantFactory

pytestmark = pytest.mark.django_db
OLD, NEW = (base64.urlsafe_b64encode(letter * 32).decode() for letter in (b"o", b"n"))
TOKEN = "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"


def read_stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT token FROM participants_participant")
        (stored,) = cursor.fetchone()
    return str(stored)


@pytest.fixture
def row(settings: LazySettings) -> Participant:
    settings.TOKEN_ENCRYPTION_KEYS = [OLD]
    made: Participant = ParticipantFactory(token=TOKEN)
    return made


def test_the_database_holds_ciphertext_and_the_attribute_the_text(row: Participant) -> None:
    row.refresh_from_db()
    assert row.token == TOKEN
    assert "eyJ" not in read_stored()
    assert Fernet(OLD).decrypt(read_stored().encode()).decode() == TOKEN


def test_an_update_encrypts_too(row: Participant) -> None:
    Participant.objects.update(token="another")
    assert "another" not in read_stored()
    assert Participant.objects.values_list("token", flat=True).get() == "another"


def test_equal_texts_have_different_ciphertexts() -> None:
    assert encrypt(TOKEN) != encrypt(TOKEN)


def test_an_old_key_still_decrypts_and_the_first_encrypts(row: Participant, settings: LazySettings) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [NEW, OLD]
    row.refresh_from_db()
    assert row.token == TOKEN
    row.save()
    settings.TOKEN_ENCRYPTION_KEYS = [NEW]
    row.refresh_from_db()
    assert row.token == TOKEN


def test_what_no_key_decrypts_reads_as_none_and_is_logged_without_the_text(
    row: Participant, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    stored = read_stored()
    settings.TOKEN_ENCRYPTION_KEYS = [NEW]
    with caplog.at_level(logging.WARNING):
        row.refresh_from_db()
    assert row.token is None
    assert "TOKEN_ENCRYPTION_KEYS" in caplog.text
    assert stored not in caplog.text


@pytest.mark.parametrize("garbage", ["", "plain text", "gAAAAA", "é", TOKEN])
def test_garbage_in_the_column_reads_as_none(garbage: str) -> None:
    assert decrypt(garbage) is None
    assert rotate(garbage) is None


def test_without_keys_one_is_derived_from_the_secret_key(settings: LazySettings) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = []
    ciphertext = encrypt(TOKEN)
    assert decrypt(ciphertext) == TOKEN
    settings.SECRET_KEY = "another secret key of sufficient length"
    assert decrypt(ciphertext) is None


def test_rotating_encrypts_under_the_first_key(settings: LazySettings) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [OLD]
    ciphertext = encrypt(TOKEN)
    settings.TOKEN_ENCRYPTION_KEYS = [NEW, OLD]
    rotated = rotate(ciphertext)
    assert rotated
    assert Fernet(NEW).decrypt(rotated.encode()).decode() == TOKEN


@pytest.mark.parametrize("lookup", ["token", "token__exact", "token__contains", "token__in", "token__startswith"])
def test_a_token_cannot_be_looked_up(row: Participant, lookup: str) -> None:
    value = [TOKEN] if lookup.endswith("in") and "contains" not in lookup else TOKEN
    with pytest.raises(FieldError):
        Participant.objects.filter(**{lookup: value}).exists()


def test_rows_with_and_without_a_token_are_told_apart(row: Participant) -> None:
    bare = ParticipantFactory()
    assert Participant.objects.filter(token__isnull=True).get() == bare
    assert Participant.objects.filter(token__isnull=False).get() == row
