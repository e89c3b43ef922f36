"""How far a signed-in session has come: a password, or a provider, is only the first step for staff."""

from enum import StrEnum

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest

from participants.errors import SecondFactorNeeded
from participants.services import secondfactor

POWERS = ("admin/", "api/v1/manage/")
"""Routes that somebody who has to set a second factor up, and has not, does not reach. The rest is an attendee's."""


class Standing(StrEnum):
    """``asked``: has a second factor that this session has not shown. ``missing``: has to set one up first."""

    FREE = "free"
    ASKED = "asked"
    MISSING = "missing"


def judge(request: HttpRequest, user: User | AnonymousUser) -> Standing:
    """Costs a query only for staff who are not through yet."""
    if isinstance(user, AnonymousUser) or not secondfactor.is_needed(user):
        return Standing.FREE
    if any(step.get("method") == "mfa" for step in get_authentication_records(request, user)):
        return Standing.FREE
    return Standing.ASKED if secondfactor.has_one(user) else Standing.MISSING


def demand(request: HttpRequest, user: User) -> None:
    """For the API by a session. Raises SecondFactorNeeded."""
    standing = judge(request, user)
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
