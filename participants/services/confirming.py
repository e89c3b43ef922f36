"""Users confirm their e-mail address by a link that is sent to it (design 5: a setting, off by default)."""

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.core.cache import cache
from django.core.mail import send_mail
from django.utils.translation import gettext, gettext_noop

from participants import conf
from participants.errors import EmailUnverified
from participants.models import Actor
from participants.services import linking, rights
from participants.states import VerifiedBy

LIFETIME = 24 * 3600
"""Seconds that a link is good for."""
PAUSE = 60
"""Seconds between two mails to a user."""
_SALT = "rollcall.confirm-email"


def is_needed(user: User) -> bool:
    """Not of users without an address, nor of those who may vouch for addresses themselves."""
    if not conf.requires_verified_email() or not user.email.strip():
        return False
    return not rights.holds(user, "verify_email") and not linking.is_verified(user)


def make_key(user: User) -> str:
    return signing.dumps([user.pk, user.email.strip().lower()], salt=_SALT)


def send_link(user: User, address: str) -> bool:
    """In the active language. False when one was sent less than a minute ago. Raises OSError when the mail can't be
    handed over."""
    name = f"confirm-email:{user.pk}"
    if not cache.add(name, 1, timeout=PAUSE):
        return False
    text = gettext(
        "Hello %(name)s,\n\nopen this link in the browser that you are signed in with, to confirm that this address "
        "is yours:\n\n%(address)s\n\nIt is good for a day. If you did not ask for it, do nothing.\n"
    ) % {"name": user.get_full_name() or user.get_username(), "address": address}
    try:
        send_mail(gettext("Confirm your e-mail address"), text, settings.DEFAULT_FROM_EMAIL, [user.email])
    except OSError:
        cache.delete(name)
        raise
    return True


def confirm(user: User, key: str) -> None:
    """Whoever is signed in as the user, and reads the address's mail. Raises EmailUnverified or EmailTaken.

    Signed in, since else anybody who is sent a link for somebody else's account would give it their address.
    """
    try:
        pk, email = signing.loads(key, salt=_SALT, max_age=LIFETIME)
    except (signing.BadSignature, ValueError, TypeError):
        raise EmailUnverified(gettext_noop("This link is broken or too old. Have a new one sent.")) from None
    if pk != user.pk or email != user.email.strip().lower():
        raise EmailUnverified(gettext_noop("This link is for another account or address. Have one sent for yours."))
    linking.note_verified(user, email, VerifiedBy.MAIL, by=Actor(via="sign-in", user=user))
