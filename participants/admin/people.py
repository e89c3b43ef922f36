import uuid
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from participants.admin import badges
from participants.admin.access import find_origin, may, read_actor
from participants.admin.erasing import Forgets
from participants.admin.filters import BlockedFilter
from participants.admin.history import list_history_of_person
from participants.admin.merging import describe_candidates, describe_merger
from participants.admin.verifying import describe_email
from participants.errors import MergeRefused
from participants.models import Participant, Person
from participants.services import linking, people, rights
from participants.states import OCCUPYING, REMOVABLE


class BlockForm(forms.Form):
    reason = forms.CharField(
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="For staff; the person is not told.",
    )


class PersonAdmin(Forgets):
    change_form_template = "admin/participants/person/change_form.html"
    list_display = ("who", "account", "access", "meetings", "custom_participant_id", "since")
    list_filter = (BlockedFilter, "created_at")
    search_fields = ("display_name", "email", "user__username", "custom_participant_id")
    search_help_text = "Name, e-mail, username or custom participant id"
    list_select_related = ("user",)
    ordering = ("display_name", "id")
    fieldsets = (
        (None, {"fields": ("display_name", "email", "account", "custom_participant_id", "known_on")}),
        ("Access", {"fields": ("access", "blocked_on", "block_reason", "meetings")}),
    )
    readonly_fields = ("account", "access", "meetings", "known_on", "blocked_on")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Person]:
        held = Q(participants__state__in=OCCUPYING)
        rows = super().get_queryset(request)
        if request.resolver_match and request.resolver_match.url_name == "participants_person_changelist":
            # Their own page stays, for the history; nobody looks for them in a list.
            rows = rows.filter(merged_into=None)
        return rows.select_related("user", "merged_into").annotate(
            held=Count("participants", filter=held), shows_rows=Value(may(request, "view_participant"))
        )

    @admin.display(description="person", ordering="display_name")
    def who(self, row: Person) -> SafeString:
        return badges.render_person(row)

    @admin.display(description="user", ordering="user__username")
    def account(self, row: Person) -> SafeString:
        if row.user is None:
            return badges.render_badge("Guest", "info", "Known by name and e-mail, without a user account.")
        return format_html('<span class="rc-code">{}</span>', row.user.get_username())

    @admin.display(ordering="blocked_at")
    def access(self, row: Person) -> SafeString:
        if row.erased_at:
            return badges.render_badge("Erased", "quiet")
        if row.merged_into_id:
            return badges.render_badge("Merged", "quiet", "An emptied guest, kept for its history.")
        if row.blocked_at:
            return badges.render_badge("Blocked", "bad", row.block_reason)
        if not row.is_active:
            return badges.render_badge("Deactivated", "wait", "The user account is deactivated.")
        return badges.render_badge("Active", "good")

    @admin.display(ordering="held")
    def meetings(self, row: Person) -> SafeString:
        count = getattr(row, "held", 0)
        if not getattr(row, "shows_rows", False):
            return format_html("{}", count)
        url = f"{reverse('admin:participants_participant_changelist')}?person__id__exact={row.pk}"
        return format_html('<a class="rc-count" href="{}">{}</a>', url, count) if count else badges.NOTHING

    @admin.display(description="known since", ordering="created_at")
    def since(self, row: Person) -> SafeString:
        return badges.render_moment(row.created_at, timezone.now())

    @admin.display(description="known since")
    def known_on(self, row: Person) -> str:
        return badges.write_time(row.created_at)

    @admin.display(description="blocked on")
    def blocked_on(self, row: Person) -> str:
        return badges.write_time(row.blocked_at) or "–"

    def get_urls(self) -> list[URLPattern]:
        wrap, name = self.admin_site.admin_view, "participants_person"
        own = [
            path("<uuid:pk>/block/", wrap(self.block_view), name=f"{name}_block"),
            path("<uuid:pk>/unblock/", wrap(self.unblock_view), name=f"{name}_unblock"),
            path("<uuid:pk>/merge/<uuid:guest_pk>/", wrap(self.merge_view), name=f"{name}_merge"),
        ]
        return own + super().get_urls()

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        person = context["original"]
        may_block = rights.holds(request.user, "block_person") and not person.erased_at and not person.merged_into_id
        shows = rights.holds(request.user, "view_event") or rights.holds(request.user, "view_participant")
        history = list_history_of_person(person, timezone.now()) if shows else None
        context.update(title=str(person), subtitle=None, may_block=may_block, history=history)
        may_erase = rights.holds(request.user, "erase_person") and not person.erased_at and not person.merged_into_id
        context.update(may_erase=may_erase, may_export=rights.holds(request.user, "export_person"))
        context.update(describe_candidates(request, person))
        if person.user is not None:
            context.update(describe_email(request, person.user))
        return super().render_change_form(request, context, *args, **kwargs)

    def block_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        person = self._find_for_blocking(request, pk)
        form = BlockForm(request.POST or None)
        if form.is_valid():
            report = people.block(person, reason=form.cleaned_data["reason"], by=read_actor(request))
            self.say(request, _describe_block(person, len(report.done), len(report.waiting)), good=not report.waiting)
            return self.go_to("change", person.pk)
        rows = Participant.objects.filter(person=person, state__in=REMOVABLE).select_related("meeting")
        return self._ask(request, person, "block", rows=rows.order_by("meeting__title"), form=form)

    def unblock_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        person = self._find_for_blocking(request, pk)
        if request.method == "POST":
            lifted = people.unblock(person, by=read_actor(request))
            text = "is unblocked. Enrolments are not restored by themselves." if lifted else "was not blocked."
            self.say(request, f"{person} {text}", good=lifted)
            return redirect(find_origin(request) or self.link("change", person.pk))
        return self._ask(request, person, "unblock")

    def merge_view(self, request: HttpRequest, pk: uuid.UUID, guest_pk: uuid.UUID) -> HttpResponse:
        if not rights.holds(request.user, "merge_person"):
            raise PermissionDenied
        person, guest = self.find_or_404(request, pk), self.find_or_404(request, guest_pk)
        if request.method == "POST":
            try:
                merger = linking.merge(guest, person, by=read_actor(request))
            except MergeRefused as error:
                self.say(request, f"Nothing was merged. {error}", good=False)
            else:
                self.say(request, describe_merger(merger), good=True)
            return self.go_to("change", person.pk)
        merger = linking.plan_merger(guest, person)
        context = self.give_context(request, f"Merge {guest} into {person}?", original=person, merger=merger)
        return render(request, "admin/participants/person/merge.html", context)

    def _find_for_blocking(self, request: HttpRequest, pk: uuid.UUID) -> Person:
        if not rights.holds(request.user, "block_person"):
            raise PermissionDenied
        return self.find_or_404(request, pk)

    def _ask(self, request: HttpRequest, person: Person, verb: str, **more: Any) -> HttpResponse:
        title = f"{verb.capitalize()} {person}?"
        context = self.give_context(request, title, original=person, verb=verb, **more)
        return render(request, "admin/participants/person/confirm.html", context)


def _describe_block(person: Person, done: int, waiting: int) -> str:
    if not done and not waiting:
        return f"{person} is blocked. They were enrolled in no meeting."
    text = f"{person} is blocked and refused everywhere from now on. "
    text += f"Deleted at RealtimeKit in {done} of {done + waiting} meetings."
    return text + (" The rest is tried again until it holds." if waiting else "")
