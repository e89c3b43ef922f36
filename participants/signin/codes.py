"""Codes of an authenticator app: each is taken once, whichever process is asked."""

from typing import Any

from allauth.core import context
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.base.forms import ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from django.core.exceptions import ValidationError
from django.db import transaction

USED = "This code is wrong or was used already. Wait for the next one and try again."
_LAST = "last_step"


class CodeForm(ReauthenticateForm):  # type: ignore[misc]  # allauth ships no types
    """Allauth's, which remembers used codes in the cache: that is one process's own where none is shared."""

    def clean_code(self) -> str:
        code = str(super().clean_code())
        if self.authenticator.type == Authenticator.Type.TOTP and not take(self.authenticator, code):
            raise ValidationError(USED, code="incorrect_code")
        return code

    def save(self) -> None:
        super().save()
        context.request.session.cycle_key()  # as at every other step up


def take(authenticator: Any, code: str) -> bool:
    """False for a code of a half minute whose code, or a later one, was taken before."""
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
        secret = decrypt(row.data["secret"])
        steps = [
            step
            for step in yield_hotp_counters_from_time()
            if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step)))
        ]
        if not steps or min(steps) <= row.data.get(_LAST, 0):
            return False
        row.data[_LAST] = min(steps)
        row.save(update_fields=["data"])
    authenticator.data = row.data  # what is stored next of it must not undo this
    return True
