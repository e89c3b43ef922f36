"""Every key is changed while people go on joining: at each step old and new processes read what the other wrote."""

import base64
import io
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.core.signing import dumps, loads
from django.test import Client

from participants.models import Actor, Participant
from participants.sandbox import Sandbox
from participants.services import keys
from tests.factories import HookFactory, ParticipantFactory, UserFactory

pytestmark = pytest.mark.django_db
FIRST, SECOND = "the first secret, long enough to be one", "the second secret, long enough to be one"
OLD, NEW = (base64.urlsafe_b64encode(letter * 32).decode() for letter in (b"o", b"n"))


def run(settings: LazySettings, secret: str, *fallbacks: str, keys: list[str] | None = None) -> None:
    """As a process that was started with these."""
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = secret, list(fallbacks)
    settings.TOKEN_ENCRYPTION_KEYS = keys or []


def read(row: Participant) -> str | None:
    return str(Participant.objects.get(pk=row.pk).token)


def test_the_django_secret_is_changed_step_by_step(settings: LazySettings, by: Actor) -> None:
    run(settings, FIRST)
    browser = Client()
    browser.force_login(UserFactory())
    link, row = dumps("a link"), ParticipantFactory(token="one")
    run(settings, FIRST, SECOND)  # step 1: all know both
    assert read(row) == "one"
    run(settings, SECOND, FIRST)  # step 2: new ones write with the second, which those of step 1 read
    other = ParticipantFactory(token="two")
    assert (read(row), loads(link), browser.get("/api/v1/me/").status_code) == ("one", "a link", 200)
    run(settings, FIRST, SECOND)
    assert read(other) == "two"
    run(settings, SECOND, FIRST)
    assert keys.count_others() == 1
    call_command("rotate_token_keys", stdout=io.StringIO())  # step 3
    run(settings, SECOND)  # step 4
    assert (read(row), read(other), keys.count_others()) == ("one", "two", 0)


def test_a_page_that_asks_several_things_at_once_stays_signed_in(settings: LazySettings) -> None:
    run(settings, FIRST)
    browser, beside = Client(), Client()
    browser.force_login(UserFactory())
    key = browser.cookies["sessionid"].value
    beside.cookies.load({"sessionid": key})
    run(settings, SECOND, FIRST)
    answers = [each.get("/api/v1/me/") for each in (browser, beside)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert {each.cookies["sessionid"].value for each in (browser, beside)} == {key}
    run(settings, FIRST, SECOND)  # a process that was not restarted yet
    assert beside.get("/api/v1/me/").status_code == 200
    run(settings, SECOND, FIRST)
    assert browser.get("/api/v1/me/").status_code == 200
    run(settings, SECOND)
    assert beside.get("/api/v1/me/").status_code == 200


def test_a_sign_in_still_changes_the_key_of_the_session(settings: LazySettings) -> None:
    run(settings, FIRST)
    user = UserFactory()
    browser = Client()
    browser.force_login(user)
    before = browser.cookies["sessionid"].value
    run(settings, SECOND, FIRST)
    browser.force_login(user)
    assert browser.cookies["sessionid"].value != before


def test_own_keys_are_taken_up_in_place_of_the_derived_one(settings: LazySettings, by: Actor) -> None:
    run(settings, FIRST)
    row = ParticipantFactory(token="one")
    run(settings, FIRST, keys=[NEW])
    assert read(row) == "one"
    keys.rotate_tokens(by=by)
    run(settings, SECOND, keys=[NEW])
    assert read(row) == "one"


def test_the_check_fails_until_everything_is_under_the_first_key(settings: LazySettings) -> None:
    run(settings, FIRST, keys=[OLD])
    ParticipantFactory(token="one")
    HookFactory(secret="two")
    run(settings, FIRST, keys=[NEW, OLD])
    with pytest.raises(CommandError, match="2 stored secrets"):
        call_command("rotate_token_keys", "--check", stdout=io.StringIO())
    call_command("rotate_token_keys", stdout=io.StringIO())
    call_command("rotate_token_keys", "--check", stdout=io.StringIO())
    run(settings, FIRST, keys=[NEW])
    assert Participant.objects.get().token == "one"


@pytest.mark.django_db(transaction=True)
def test_a_new_api_token_is_tried_before_the_switch(sandbox: Sandbox, settings: LazySettings, tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(f"{sandbox.api_token}\n")
    bad.write_text("not-the-token-at-all")
    settings.REALTIMEKIT_API_TOKEN = "the-token-in-force"
    out = io.StringIO()
    call_command("check_api_token", str(good), stdout=out)
    with pytest.raises(CommandError, match="can't be used"):
        call_command("check_api_token", str(bad), stdout=out)
    assert {call.method for call in sandbox.requests.all()} == {"GET"}
    assert "failed: The API token is valid" in out.getvalue()
    assert not any(secret in out.getvalue() for secret in (sandbox.api_token, "not-the-token", "the-token-in-force"))


def test_no_token_is_taken_from_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        call_command("check_api_token")
    with pytest.raises(CommandError, match="can't be read"):
        call_command("check_api_token", str(tmp_path / "nothing"))
