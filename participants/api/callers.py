"""Who calls, as far as rights go: a user or an API key. DRF reads its default permission here while it starts."""

from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from participants.models import ApiKey
from participants.services import rights
from participants.services.rights import SCOPE_RIGHTS, Caller
from participants.states import KeyScope


class PersonNeeded(PermissionDenied):
    default_detail = "An API key is nobody who could do this. Issue a participant's token instead."
    default_code = "person_needed"


class ScopeMissing(PermissionDenied):
    default_code = "scope_missing"

    def __init__(self, *scopes: KeyScope) -> None:
        super().__init__(f"This API key lacks the scope {' or '.join(repr(scope.value) for scope in scopes)}.")


class IsPerson(BasePermission):
    """A signed-in user: what a view asks for unless it says otherwise, so that no key gets further by default."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if isinstance(request.auth, ApiKey):
            raise PersonNeeded
        return bool(request.user.is_authenticated)


def read_caller(request: Request) -> Caller:
    """Whose rights count: the key's, else the user's."""
    found: ApiKey | User | AnonymousUser = request.auth if isinstance(request.auth, ApiKey) else request.user
    return found


def check_scope(caller: Caller, *needed: str) -> None:
    """Raises ScopeMissing for a key that has none of these rights for any meeting, whatever is there."""
    if isinstance(caller, ApiKey) and not rights.list_rights(caller).intersection(needed):
        raise ScopeMissing(*(scope for scope, given in SCOPE_RIGHTS.items() if given.intersection(needed)))
