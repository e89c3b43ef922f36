from typing import Any

from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from participants.admin.access import may


class PeopleAutocomplete(AutocompleteJsonView):
    """Django's, which also lets those look up users who may enrol people without a right to the users' pages."""

    def has_perm(self, request: HttpRequest, obj: Model | None = None) -> bool:
        looks_up_users = self.model_admin.model is User
        return bool(super().has_perm(request, obj)) or (looks_up_users and may(request, "add_participant"))

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        return rows.filter(is_active=True) if self.model_admin.model is User else rows

    def serialize_result(self, obj: Model, to_field_name: str) -> dict[str, str]:
        shown: dict[str, str] = super().serialize_result(obj, to_field_name)
        if isinstance(obj, User):
            parts = (obj.get_full_name(), obj.get_username(), obj.email)
            shown["text"] = " · ".join(dict.fromkeys(part for part in parts if part))
        return shown
