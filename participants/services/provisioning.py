"""Whom a sign-in provider's subject is here: known, joined to a user by a verified address, or made.

The provider's ``sub`` is what somebody is known by, for ever and per issuer. An address counts only where the
provider says that it is verified; one that is not is not even kept, or whoever types somebody else's would be
enrolled in their place.
"""

import re
from dataclasses import dataclass
from uuid import uuid4

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_noop

from participants.errors import EmailTaken, SignInFailed
from participants.models import Actor, EventKind, ExternalIdentity, Person, VerifiedEmail
from participants.models.event import record
from participants.services import linking

_USERNAME = re.compile(r"[\w.@+-]{1,150}")


@dataclass(frozen=True)
class Subject:
    """What a provider vouches for. ``email`` is blank unless it is verified; ``username`` unless it may be used."""

    issuer: str
    sub: str
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    username: str = ""


def admit(subject: Subject) -> SocialAccount:
    """The subject's account, with its user. Raises SignInFailed for somebody who may not come in so."""
    account = _find(subject)
    if account is None:
        try:
            with transaction.atomic():
                account = SocialAccount.objects.create(
                    provider=subject.issuer, uid=subject.sub, user=_choose_user(subject)
                )
        except IntegrityError:
            # Another request of theirs came first; what this one made is rolled back.
            account = _find(subject)
            if account is None:
                raise
    user: User = account.user
    if not user.is_active:
        raise SignInFailed(
            "sign_in_inactive",
            gettext_noop("Your account here is deactivated. Ask an administrator."),
            status=403,
        )
    _follow(user, subject)
    return account


def _find(subject: Subject) -> SocialAccount | None:
    rows = SocialAccount.objects.select_related("user")
    return rows.filter(provider=subject.issuer, uid=subject.sub).first()


def _choose_user(subject: Subject) -> User:
    """Who came by bearer token is known already. Else a local user is joined only if the same address is verified
    here too, or accounts could be taken over."""
    issuers = (subject.issuer, f"{subject.issuer}/")
    known = ExternalIdentity.objects.select_related("user").filter(issuer__in=issuers, subject=subject.sub).first()
    if known is not None:
        return known.user
    if subject.email:
        mark = VerifiedEmail.objects.current().select_related("user").filter(email=subject.email).first()
        if mark is not None:
            _record_joining(mark.user, subject)
            return mark.user
        if User.objects.filter(email__iexact=subject.email).exists():
            raise SignInFailed(
                "sign_in_email_in_use",
                gettext_noop(
                    "There is an account with your e-mail address here, and nobody has confirmed that it is yours. "
                    "Sign in with its password, or ask an administrator to verify its address: after that this way "
                    "leads to the same account."
                ),
                status=409,
            )
    return _make_user(subject)


def _record_joining(user: User, subject: Subject) -> None:
    person = Person.objects.filter(user=user).first()
    by = Actor(via="sign-in", user=user)
    record(EventKind.PROVIDER_JOINED, by, person=person, user=user.get_username(), issuer=subject.issuer)


def _make_user(subject: Subject) -> User:
    username = subject.username
    if not _USERNAME.fullmatch(username) or User.objects.filter(username__iexact=username).exists():
        username = f"idp-{uuid4().hex[:16]}"
    user = User(username=username, email=subject.email)
    user.first_name, user.last_name = subject.first_name[:150], subject.last_name[:150]
    user.set_unusable_password()
    user.save()
    return user


def _follow(user: User, subject: Subject) -> None:
    """Name and address follow the provider, of users that came from it; those with a password keep theirs."""
    if not user.has_usable_password():
        _follow_names(user, subject)
    if subject.email and subject.email == user.email.lower():
        try:
            linking.note_verified(user, subject.email, by=Actor(via="sign-in", user=user))
        except EmailTaken:
            return  # they may come in all the same; whose address it is, staff decide


def _follow_names(user: User, subject: Subject) -> None:
    wanted = {"first_name": subject.first_name[:150], "last_name": subject.last_name[:150]}
    is_new = bool(subject.email) and subject.email != user.email.lower()
    if is_new and not User.objects.filter(email__iexact=subject.email).exclude(pk=user.pk).exists():
        wanted["email"] = subject.email
    changed = [name for name, value in wanted.items() if value and getattr(user, name) != value]
    if changed:
        for name in changed:
            setattr(user, name, wanted[name])
        user.save(update_fields=changed)  # by save, since its signal has the person follow
