"""What our admin pages share: they are read-only unless they say so, and delete nothing."""

import uuid
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from participants.services.people import parse_id

M = TypeVar("M", bound=Model)

if TYPE_CHECKING:
    _Admin = ModelAdmin
else:

    class _Admin(ModelAdmin):
        """Generic only in the stubs."""

        def __class_getitem__(cls, model):
            return cls


class ReadOnly(_Admin[M]):
    """A list and a page that show and change nothing."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        try:
            return super().get_changelist_instance(request)
        except (OverflowError, ValueError, DataError):
            # A filter of a hand-written address, such as the year 99999, fails no sooner than in the query.
            raise IncorrectLookupParameters from None

    def response_action(self, request: HttpRequest, queryset: QuerySet[M], *args: Any, **kwargs: Any) -> Any:
        if not all(parse_id(key) for key in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            self.say(request, "Nothing was done: the choice of rows can't be read.", good=False)
            return None
        return super().response_action(request, queryset, *args, **kwargs)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> M | None:
        """Django goes to the index when there is none, as if nothing had been asked."""
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            return row
        key = parse_id(object_id)
        if key is not None and self.model._default_manager.filter(pk=key).exists():
            raise PermissionDenied
        raise Http404(f"There is no such {self.opts.verbose_name}.")

    def find_or_404(self, request: HttpRequest, pk: uuid.UUID) -> M:
        """The row among those this user may see."""
        row = self.get_queryset(request).filter(pk=pk).first()
        if row is None or not self.has_view_permission(request, row):
            raise Http404(f"There is no such {self.opts.verbose_name}, or you may not see it.")
        return row

    def give_context(self, request: HttpRequest, title: str, **more: Any) -> dict[str, Any]:
        """The context of a page of ours beside Django's."""
        return {**self.admin_site.each_context(request), "opts": self.opts, "title": title, **more}

    def go_to(self, name: str, *args: Any) -> HttpResponse:
        return redirect(self.link(name, *args))

    def link(self, name: str, *args: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args)

    def say(self, request: HttpRequest, text: str, *, good: bool) -> None:
        messages.add_message(request, messages.SUCCESS if good else messages.WARNING, text)
