"""Phones get lost: recovery codes, another phone, a reset, and keys that are rotated."""

import pytest
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from participants.models import Event, EventKind
from participants.services import secondfactor
from tests.factories import StaffFactory, UserFactory
from tests.signin.apps import App, set_up
from tests.signin.browsing import Surfer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("staff_mfa")]
CODE_PAGE, SET_UP_PAGE = "/accounts/2fa/code/", "/accounts/2fa/set-up/"


def test_a_recovery_code_counts_once(surfer: Surfer, boss: User) -> None:
    surfer.sign_in("boss", next="/admin/")
    _, codes = set_up(surfer)
    fresh = Surfer(surfer.base)
    fresh.sign_in("boss")
    fresh.send(CODE_PAGE, code=codes[0])
    assert fresh.username == "boss"
    other = Surfer(surfer.base)
    other.sign_in("boss")
    other.send(CODE_PAGE, code=codes[0])
    assert other.username is None
    other.send(CODE_PAGE, code=codes[1])
    assert other.username == "boss"


def test_recovery_codes_are_shown_once_with_a_file_of_them(surfer: Surfer, boss: User) -> None:
    surfer.sign_in("boss", next="/admin/")
    _, codes = set_up(surfer)
    file = surfer.page.text.partition('href="data:text/plain')[2].partition('"')[0]
    assert all(code in file for code in codes)
    assert "download=" in surfer.page.text
    assert "no-store" in surfer.page.headers["Cache-Control"]
    surfer.open("/accounts/2fa/recovery-codes/")
    assert not any(code in surfer.page.text for code in codes)
    assert "10 of 10 are unused" in surfer.page.text


def test_new_recovery_codes_undo_the_old_ones(surfer: Surfer, boss: User) -> None:
    surfer.sign_in("boss", next="/admin/")
    _, codes = set_up(surfer)
    surfer.open("/accounts/2fa/recovery-codes/new/")
    surfer.send("/accounts/2fa/recovery-codes/new/")
    assert surfer.screen == "recovery_codes"
    assert not any(code in surfer.page.text for code in codes)
    fresh = Surfer(surfer.base)
    fresh.sign_in("boss")
    fresh.send(CODE_PAGE, code=codes[0])
    assert fresh.username is None
    assert Event.objects.filter(kind=EventKind.CODES_MADE, actor=boss).count() == 1


def test_a_removed_one_is_set_up_anew_before_anything_else(surfer: Surfer, app: App) -> None:
    surfer.open("/accounts/2fa/remove/")
    surfer.send("/accounts/2fa/remove/")
    assert not Authenticator.objects.exists()
    surfer.open("/admin/")
    assert surfer.path.startswith("/accounts/confirm/")  # the password, since this session's proof is gone
    surfer.send(surfer.path, password="wrong")
    assert "The password is wrong." in surfer.page.text
    surfer.send(surfer.path, password="secret-pass-1")
    assert surfer.path.startswith(SET_UP_PAGE)
    set_up(surfer)
    assert surfer.open("/admin/").status_code == 200
    assert Event.objects.filter(kind=EventKind.FACTOR_REMOVED).count() == 1


def test_a_reset_takes_it_away_and_signs_out_everywhere(surfer: Surfer, boss: User, app: App) -> None:
    bystander = Surfer(surfer.base)
    UserFactory(username="ada")
    bystander.sign_in("ada")
    call_command("reset_mfa", "boss")
    assert not Authenticator.objects.exists()
    assert (surfer.username, bystander.username) == (None, "ada")
    event = Event.objects.get(kind=EventKind.FACTOR_RESET)
    assert (event.data, event.via) == ({"user": "boss"}, "command")
    surfer.sign_in("boss", next="/admin/")
    assert surfer.path.startswith(SET_UP_PAGE)


def test_a_reset_of_nothing_or_of_nobody_says_so(boss: User, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("reset_mfa", "boss")
    assert "has no second factor" in capsys.readouterr().out
    with pytest.raises(CommandError, match="nobody"):
        call_command("reset_mfa", "nobody")


def test_a_secret_that_no_key_decrypts_is_nobody_s(fresh: Surfer, app: App, settings: LazySettings) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = ["YSBrZXkgb2YgdGhpcnR5LXR3byBieXRlcywgZXhhY3Q="]
    fresh.sign_in("boss")
    fresh.send(CODE_PAGE, code=app.show(1))
    assert fresh.username is None
    fresh.send(CODE_PAGE, code=App("").show(1))
    assert fresh.username is None


def test_secrets_move_to_a_new_key_with_the_tokens(fresh: Surfer, app: App, settings: LazySettings) -> None:
    old = settings.TOKEN_ENCRYPTION_KEYS
    new = ["YSBrZXkgb2YgdGhpcnR5LXR3byBieXRlcywgZXhhY3Q="]
    settings.TOKEN_ENCRYPTION_KEYS = [*new, *old]
    call_command("rotate_token_keys")
    settings.TOKEN_ENCRYPTION_KEYS = new
    fresh.sign_in("boss")
    fresh.send(CODE_PAGE, code=app.show(1))
    assert fresh.username == "boss"


def test_superusers_reset_on_the_list_of_users_and_others_do_not(surfer: Surfer, app: App) -> None:
    boss = User.objects.get()
    staff = StaffFactory(username="clerk", permissions=["view_user", "change_user"])
    page = "/admin/auth/user/"
    assert "Reset second factor" in surfer.open(page).text
    form = {"action": "reset_factor", "_selected_action": str(boss.pk)}
    surfer.send(page, **form)
    assert "signed out everywhere" in surfer.page.text
    assert secondfactor.has_one(boss)
    clerk = Surfer(surfer.base)
    clerk.sign_in("clerk", next="/admin/")
    set_up(clerk)
    assert "Reset second factor" not in clerk.open(page).text
    clerk.send(page, **form, post="yes")
    assert secondfactor.has_one(boss)
    surfer.send(page, action="reset_factor", _selected_action=str(staff.pk), post="yes")
    assert not secondfactor.has_one(staff)
    assert clerk.username is None
    assert Event.objects.get(kind=EventKind.FACTOR_RESET).actor == boss
