from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from participants.admin.access import may

if TYPE_CHECKING:
    _PeopleField = forms.ModelMultipleChoiceField[User]
else:
    _PeopleField = forms.ModelMultipleChoiceField  # generic only in the stubs


class PeopleAutocomplete(AutocompleteJsonView):
    """Django's, which also lets those look up users who may enrol people without a right to the users' pages."""

    def has_perm(self, request: HttpRequest, obj: Model | None = None) -> bool:
        looks_up_users = self.model_admin.model is User
        return bool(super().has_perm(request, obj)) or (looks_up_users and may(request, "add_participant"))

    def process_request(self, request: HttpRequest) -> tuple[Any, ...]:
        term, *rest = super().process_request(request)
        return term.replace("\0", ""), *rest  # PostgreSQL refuses NUL

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        return rows.filter(is_active=True) if self.model_admin.model is User else rows

    def serialize_result(self, obj: Model, to_field_name: str) -> dict[str, str]:
        shown: dict[str, str] = super().serialize_result(obj, to_field_name)
        if isinstance(obj, User):
            shown["text"] = label_user(obj)
        return shown


class PeopleSelect(AutocompleteSelectMultiple):
    """Django's, which fails where an id sent is none. No user has 0, which the field refuses in words."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        return [key if _is_id(key) else "0" for key in super().value_from_datadict(data, files, name)]


class PeopleField(_PeopleField):
    """People who were chosen look as they did in the list they were chosen from."""

    def label_from_instance(self, obj: User) -> str:
        return label_user(obj)


def label_user(user: User) -> str:
    parts = (user.get_full_name(), user.get_username(), user.email)
    return " · ".join(dict.fromkeys(part for part in parts if part))


def _is_id(key: str) -> bool:
    return key.isascii() and key.isdecimal() and len(key) < 11 and int(key) < 2**31
