"""Who asks to be let in: approving or denying, one or many, with a message."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from participants.admin import badges
from participants.admin.access import may, read_actor
from participants.admin.badges import Tone
from participants.admin.filters import MeetingFilter
from participants.admin.mixins import ReadOnly
from participants.admin.wording import Line
from participants.models import AccessRequest
from participants.models.accessrequest import MESSAGE_LIMIT
from participants.services import accessrequests, rights
from participants.services.accessrequests import Decision
from participants.states import RequestState

AT_ONCE = 100
_TONES: dict[str, Tone] = {RequestState.OPEN: "wait", RequestState.APPROVED: "good", RequestState.DENIED: "quiet"}
APPROVE, DENY = "approve_chosen", "deny_chosen"


class OfMeeting(MeetingFilter):
    right, path = "view_accessrequest", "meeting"


class AnswerForm(forms.Form):
    answer = forms.CharField(
        required=False,
        max_length=MESSAGE_LIMIT,
        label="Message to them",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Shown on the join page, and mailed to those who have an address.",
    )


class AccessRequestAdmin(ReadOnly[AccessRequest]):
    change_form_template = "admin/participants/accessrequest/change_form.html"
    list_display = ("who", "in_meeting", "said", "state_", "when", "decided")
    list_filter = ("state", OfMeeting)
    search_fields = ("person__display_name", "person__email", "person__user__username", "meeting__title")
    search_help_text = "Name, e-mail address, username or meeting"
    ordering = ("-created_at", "-id")
    actions = (APPROVE, DENY)
    fields = ("who", "in_meeting", "said", "state_", "asked_on", "decided_on", "decided_by_", "answered")
    readonly_fields = fields

    def has_view_permission(self, request: HttpRequest, obj: AccessRequest | None = None) -> bool:
        return may(request, "view_accessrequest", obj.meeting if obj else None)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return may(request, "decide_accessrequest")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessRequest]:
        meetings = rights.list_meetings(request.user, "view_accessrequest").values("pk")
        related = ("meeting", "meeting__default_preset", "person", "person__user", "decided_by")
        rows = AccessRequest.objects.filter(meeting__in=meetings).select_related(*related)
        return rows.defer("meeting__raw", "meeting__default_preset__raw").order_by(*self.ordering)

    @admin.display(description="person", ordering="person__display_name")
    def who(self, row: AccessRequest) -> SafeString:
        return badges.render_person(row.person)

    @admin.display(description="meeting", ordering="meeting__title")
    def in_meeting(self, row: AccessRequest) -> str:
        return row.meeting.title

    @admin.display(description="message")
    def said(self, row: AccessRequest) -> SafeString:
        return format_html("{}", row.message) if row.message else badges.NOTHING

    @admin.display(description="state", ordering="state")
    def state_(self, row: AccessRequest) -> SafeString:
        return badges.render_badge(row.get_state_display(), _TONES[row.state], row.answer)

    @admin.display(description="asked", ordering="created_at")
    def when(self, row: AccessRequest) -> SafeString:
        return badges.render_moment(row.created_at, timezone.now())

    @admin.display(description="decided", ordering="decided_at")
    def decided(self, row: AccessRequest) -> SafeString:
        return badges.render_moment(row.decided_at, timezone.now())

    @admin.display(description="asked on")
    def asked_on(self, row: AccessRequest) -> str:
        return badges.write_time(row.created_at)

    @admin.display(description="decided on")
    def decided_on(self, row: AccessRequest) -> str:
        return badges.write_time(row.decided_at) or "–"

    @admin.display(description="by")
    def decided_by_(self, row: AccessRequest) -> str:
        return row.decided_by.get_username() if row.decided_by else "–"

    @admin.display(description="message to them")
    def answered(self, row: AccessRequest) -> str:
        return row.answer or "–"

    @admin.action(description="Approve…", permissions=["decide"])
    def approve_chosen(self, request: HttpRequest, queryset: QuerySet[AccessRequest]) -> HttpResponse | None:
        return self._decide(request, queryset, APPROVE)

    @admin.action(description="Deny…", permissions=["decide"])
    def deny_chosen(self, request: HttpRequest, queryset: QuerySet[AccessRequest]) -> HttpResponse | None:
        return self._decide(request, queryset, DENY)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        row: AccessRequest = context["original"]
        is_open = row.state == RequestState.OPEN
        context.update(
            title=f"{row.person} asks to be let in" if is_open else f"Request of {row.person}",
            subtitle=None,
            may_decide=is_open and may(request, "decide_accessrequest", row.meeting),
            checkbox=ACTION_CHECKBOX_NAME,
            approve=APPROVE,
            deny=DENY,
        )
        return super().render_change_form(request, context, *args, **kwargs)

    def _decide(self, request: HttpRequest, queryset: QuerySet[AccessRequest], action: str) -> HttpResponse | None:
        rows = list(queryset[: AT_ONCE + 1])
        if len(rows) > AT_ONCE:
            messages.error(request, f"Choose at most {AT_ONCE} requests at once.")
            return None
        allowed = [row for row in rows if may(request, "decide_accessrequest", row.meeting)]
        chosen = [row for row in allowed if row.state == RequestState.OPEN]
        left = len(rows) - len(chosen)
        confirmed = request.POST.get("post") == "yes"
        form = AnswerForm(request.POST if confirmed else None)
        if not confirmed or not chosen or not form.is_valid():
            return self._ask(request, action, chosen, left, form)
        act = accessrequests.approve if action == APPROVE else accessrequests.deny
        decisions = act(chosen, by=read_actor(request), answer=form.cleaned_data["answer"])
        return self._tell(request, action, [_describe(decision) for decision in decisions])

    def _ask(
        self, request: HttpRequest, action: str, chosen: list[AccessRequest], left: int, form: AnswerForm
    ) -> HttpResponse:
        verb = "Approve" if action == APPROVE else "Deny"
        whose = str(chosen[0].person) if len(chosen) == 1 else f"{len(chosen)} people"
        context = self.give_context(
            request,
            f"{verb} the request of {whose}?" if chosen else verb,
            verb=verb,
            action=action,
            chosen=chosen,
            left=left,
            form=form,
            checkbox=ACTION_CHECKBOX_NAME,
        )
        return render(request, "admin/participants/accessrequest/confirm.html", context)

    def _tell(self, request: HttpRequest, action: str, lines: list[Line]) -> HttpResponse | None:
        if len(lines) == 1:
            self.say(request, f"{lines[0].name}: {lines[0].text}", good=lines[0].good)
            return None
        verb = "Approve" if action == APPROVE else "Deny"
        context = self.give_context(request, f"{verb}: what happened", lines=lines)
        return render(request, "admin/participants/accessrequest/results.html", context)


def _describe(decision: Decision) -> Line:
    name, trouble = str(decision.request.person), decision.trouble
    if not decision.done:
        return Line(name, "Not decided", "bad", str(trouble))
    if decision.request.state == RequestState.DENIED:
        return Line(name, "Denied", "quiet", "They are told.")
    if trouble is not None:
        return Line(name, "Approved", "wait", f"Enrolled here; RealtimeKit does not know yet. {trouble}")
    return Line(name, "Approved", "good", "Enrolled, and told.")
