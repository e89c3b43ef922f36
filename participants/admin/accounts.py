"""Users' own pages say what deactivating and deleting them did: a user who can't sign in is enrolled nowhere."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from participants.admin.access import find_origin
from participants.models import Participant
from participants.states import REMOVABLE, ParticipantState

if TYPE_CHECKING:
    _Admin = ModelAdmin[User]
else:
    _Admin = object


class TellsOfRemovals(_Admin):
    """Goes before Django's ``UserAdmin``. Removing itself follows from the signals, wherever a user is changed."""

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        affected = _list_enrolments([obj]) if change and not obj.is_active else []
        super().save_model(request, obj, form, change)
        _tell_in_the_end(request, affected)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        affected = _list_enrolments([obj])
        super().delete_model(request, obj)
        _tell_in_the_end(request, affected)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        affected = _list_enrolments(list(queryset))
        super().delete_queryset(request, queryset)
        _tell_in_the_end(request, affected)

    def response_change(self, request: HttpRequest, obj: User) -> HttpResponse:
        answer = super().response_change(request, obj)
        origin = "" if "_continue" in request.POST else find_origin(request)
        return redirect(origin) if origin else answer


def _list_enrolments(users: Sequence[User]) -> list[Any]:
    rows = Participant.objects.filter(person__user__in=users, state__in=REMOVABLE)
    return list(rows.values_list("pk", flat=True))


def _tell_in_the_end(request: HttpRequest, keys: list[Any]) -> None:
    """Once the signals' own work, which was queued before this, has told RealtimeKit after the transaction."""
    if keys:
        transaction.on_commit(lambda: _tell(request, keys))


def _tell(request: HttpRequest, keys: list[Any]) -> None:
    held = Participant.objects.filter(pk__in=keys, state=ParticipantState.REMOVED).count()
    here = f"{len(keys)} enrolment{'' if len(keys) == 1 else 's'} removed here"
    if held == len(keys):
        messages.success(request, f"{here} and at RealtimeKit.")
    else:
        messages.warning(request, f"{here}, {held} of them at RealtimeKit. The rest is told again until it holds.")
