"""Erasing a person and handing out what is held about them, on the person's own page."""

import uuid

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, path

from participants.admin.access import read_actor
from participants.admin.mixins import ReadOnly
from participants.errors import EraseRefused
from participants.models import Person
from participants.services import dossiers, erasing, rights
from participants.services.erasing import Outcome

_AGREED = "erase"


class Forgets(ReadOnly[Person]):
    """The views, beside those of the person's page."""

    def get_urls(self) -> list[URLPattern]:
        wrap, name = self.admin_site.admin_view, "participants_person"
        own = [
            path("<uuid:pk>/erase/", wrap(self.erase_view), name=f"{name}_erase"),
            path("<uuid:pk>/export.json", wrap(self.export_view), name=f"{name}_export"),
        ]
        return own + super().get_urls()

    def export_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        if not rights.holds(request.user, "export_person"):
            raise PermissionDenied
        person = self.find_or_404(request, pk)
        answer = JsonResponse(
            dossiers.collect(person, by=read_actor(request)), json_dumps_params={"indent": 2, "ensure_ascii": False}
        )
        answer["Content-Disposition"] = f'attachment; filename="person-{person.pk}.json"'
        answer["Cache-Control"] = "no-store"
        return answer

    def erase_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        if not rights.holds(request.user, "erase_person"):
            raise PermissionDenied
        person, trouble = self.find_or_404(request, pk), ""
        if request.method == "POST":
            if request.POST.get("agreed") == _AGREED:
                try:
                    outcome = erasing.erase(person, by=read_actor(request))
                except EraseRefused as error:
                    self.say(request, f"Nothing was erased. {error}", good=False)
                else:
                    finished = outcome.finished and not outcome.removal.waiting
                    self.say(request, _describe(outcome), good=finished)
                return self.go_to("change", person.pk)
            trouble = "Tick the box to say that you mean it."
        context = self.give_context(request, f"Erase {person}?", original=person, trouble=trouble, agreed=_AGREED)
        context["outlook"] = erasing.foresee(person)
        return render(request, "admin/participants/person/erase.html", context, status=422 if trouble else 200)


def _describe(outcome: Outcome) -> str:
    done, waiting = len(outcome.removal.done), len(outcome.removal.waiting)
    text = "They are erased: refused everywhere from now on. "
    if done or waiting:
        text += f"Deleted at RealtimeKit in {done} of {done + waiting} meetings. "
    if waiting:
        text += "The rest is tried again until it holds. "
    return text + (
        "Nothing here names them any more." if outcome.finished else "A worker goes on searching the rows."
    )
