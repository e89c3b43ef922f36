"""Users' second factors on the list of users: superusers take one away that was lost."""

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from participants.admin.access import read_actor
from participants.services import secondfactor

if TYPE_CHECKING:
    _Admin = ModelAdmin[User]
else:
    _Admin = object

AT_ONCE = 20


class ResetsFactors(_Admin):
    """Goes before Django's ``UserAdmin``. Whoever may change users must not undo their protection by that."""

    def has_reset_factor_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    @admin.action(description="Reset second factor…", permissions=["reset_factor"])
    def reset_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        if not request.user.is_superuser:
            raise PermissionDenied
        users = list(queryset.order_by("username")[: AT_ONCE + 1])
        if len(users) > AT_ONCE:
            messages.error(request, f"Nothing was done: choose at most {AT_ONCE} users at once.")
            return None
        if request.POST.get("post") == "yes":
            done = [str(user) for user in users if secondfactor.reset(user, by=read_actor(request))]
            text = f"Second factor reset: {', '.join(done)}." if done else "None of them has a second factor."
            messages.add_message(request, messages.SUCCESS if done else messages.WARNING, text)
            return None
        hidden = [("action", "reset_factor"), *((ACTION_CHECKBOX_NAME, str(user.pk)) for user in users)]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Reset the second factor?",
            "entries": [(user, secondfactor.has_one(user)) for user in users],
            "hidden": hidden,
            "origin": reverse("admin:auth_user_changelist"),
        }
        return render(request, "admin/participants/account/reset_factor.html", context)
