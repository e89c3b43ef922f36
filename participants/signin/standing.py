"""How far a signed-in session has come: a password, or a provider, is only the first step for staff."""

from enum import StrEnum

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest

from participants import conf
from participants.errors import EmailUnverified, SecondFactorNeeded
from participants.services import confirming, secondfactor

POWERS = ("admin/", "api/v1/manage/")
"""Routes that somebody who has to set a second factor up, and has not, does not reach. The rest is an attendee's."""
_CONFIRMED = "rollcall_confirmed"


class Standing(StrEnum):
    """``asked``: has a second factor that this session has not shown. ``unverified``: has to confirm their e-mail
    address first. ``missing``: has to set a second factor up before anything is managed."""

    FREE = "free"
    ASKED = "asked"
    UNVERIFIED = "unverified"
    MISSING = "missing"


def judge(request: HttpRequest, user: User | AnonymousUser) -> Standing:
    """Costs a query only for those who are not through yet."""
    if isinstance(user, AnonymousUser):
        return Standing.FREE
    owes = secondfactor.is_needed(user) and not any(
        step.get("method") == "mfa" for step in get_authentication_records(request, user)
    )
    if owes and secondfactor.has_one(user):
        return Standing.ASKED
    if _owes_confirmation(request, user):
        return Standing.UNVERIFIED
    return Standing.MISSING if owes else Standing.FREE


def demand(request: HttpRequest, user: User) -> None:
    """For the API by a session. Raises SecondFactorNeeded or EmailUnverified."""
    standing = judge(request, user)
    if standing == Standing.UNVERIFIED:
        raise EmailUnverified
    route = request.resolver_match.route if request.resolver_match else ""
    if standing == Standing.ASKED or (standing == Standing.MISSING and route.startswith(POWERS)):
        raise SecondFactorNeeded


def note_first_step(request: HttpRequest, user: User) -> None:
    """A sign-in counts as the password that setting a second factor up asks for, while it is fresh."""
    if secondfactor.is_needed(user):
        record_authentication(request, user, "password", reauthenticated=True)


def note_provider_step(request: HttpRequest, user: User) -> None:
    """The provider asked for a second factor itself, as the setting says."""
    if secondfactor.is_needed(user):
        record_authentication(request, user, "mfa", type="provider")


def _owes_confirmation(request: HttpRequest, user: User) -> bool:
    """The session remembers the address that was found confirmed, so that joins don't ask each time."""
    if not conf.requires_verified_email() or request.session.get(_CONFIRMED) == user.email:
        return False
    if confirming.is_needed(user):
        return True
    request.session[_CONFIRMED] = user.email
    return False
