"""The outbox as staff see it: what was sent to whom, what failed and why."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from participants.admin import badges
from participants.admin.access import may, read_actor
from participants.admin.badges import Tone
from participants.admin.filters import MeetingFilter
from participants.admin.mixins import ReadOnly
from participants.errors import RollcallError
from participants.models import Message
from participants.services import outbox, rights
from participants.states import MessageState

_TONES: dict[str, Tone] = {
    MessageState.WAITING: "wait",
    MessageState.SENT: "good",
    MessageState.FAILED: "bad",
    MessageState.DROPPED: "quiet",
}
DROPPED = {
    "removed": "They were removed before it was sent.",
    "restored": "They were restored before it was sent.",
    "revoked": "The invitation was revoked before it was sent.",
    "replaced": "A newer invitation was made before it was sent.",
    "expired": "The invitation expired before it was sent.",
    "erased": "The person was erased.",
}
"""Why a mail was not sent, by its code."""


def render_mail_state(state: str, hint: str = "") -> SafeString:
    return badges.render_badge(MessageState(state).label, _TONES[state], hint)


class OfMeeting(MeetingFilter):
    right, path = "view_message", "meeting"


class MessageAdmin(ReadOnly[Message]):
    change_list_template = "admin/participants/message/change_list.html"
    list_display = ("what", "to", "in_meeting", "state_", "why", "tries", "when")
    list_filter = ("state", "kind", OfMeeting)
    list_select_related = ("meeting", "person")
    search_fields = ("address", "person__display_name", "subject")
    search_help_text = "Address, name or subject"
    ordering = ("-created_at", "-id")
    actions = ("retry_chosen",)
    fields = (
        "what",
        "to",
        "in_meeting",
        "subject",
        "state_",
        "why",
        "tries",
        "queued_on",
        "sent_on",
        "next_on",
        "doubt",
    )
    readonly_fields = (
        "what",
        "to",
        "in_meeting",
        "state_",
        "why",
        "tries",
        "queued_on",
        "sent_on",
        "next_on",
        "doubt",
    )

    def has_view_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:
        return may(request, "view_message", obj.meeting if obj else None)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return may(request, "retry_message")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        meetings = rights.list_meetings(request.user, "view_message").values("pk")
        rows = Message.objects.filter(meeting__in=meetings).select_related("meeting", "person")
        return rows.defer("secret", "meeting__raw").order_by(*self.ordering)

    @admin.display(description="about", ordering="kind")
    def what(self, row: Message) -> str:
        return row.get_kind_display()

    @admin.display(description="to", ordering="address")
    def to(self, row: Message) -> SafeString:
        shown = '<span class="rc-name">{}</span><span class="rc-sub">{}</span>'
        return format_html(shown, row.person, row.address)

    @admin.display(description="meeting", ordering="meeting__title")
    def in_meeting(self, row: Message) -> str:
        return row.meeting.title

    @admin.display(description="state", ordering="state")
    def state_(self, row: Message) -> SafeString:
        return render_mail_state(row.state, row.last_error_detail)

    @admin.display(description="reason")
    def why(self, row: Message) -> SafeString:
        if row.state == MessageState.DROPPED:
            return format_html("{}", DROPPED.get(row.last_error_code, row.last_error_code))
        if not row.last_error_code:
            return badges.NOTHING
        return format_html('{} <span class="rc-code">{}</span>', row.last_error_detail, row.last_error_code)

    @admin.display(description="tries", ordering="attempts")
    def tries(self, row: Message) -> int:
        return row.attempts

    @admin.display(description="when", ordering="created_at")
    def when(self, row: Message) -> SafeString:
        return badges.render_moment(row.sent_at or row.created_at, timezone.now())

    @admin.display(description="queued on")
    def queued_on(self, row: Message) -> str:
        return badges.write_time(row.created_at)

    @admin.display(description="sent on")
    def sent_on(self, row: Message) -> str:
        return badges.write_time(row.sent_at) or "–"

    @admin.display(description="next try")
    def next_on(self, row: Message) -> str:
        return badges.write_time(row.next_attempt_at) or "–"

    @admin.display(description="in doubt")
    def doubt(self, row: Message) -> str:
        return "The mail server may have taken it; it is sent again." if row.outcome_unknown else "No"

    @admin.action(description="Send again", permissions=["retry"])
    def retry_chosen(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        meetings = rights.list_meetings(request.user, "retry_message").values("pk")
        chosen = Message.objects.filter(pk__in=queryset.values("pk"), meeting__in=meetings)
        try:
            count = outbox.retry(chosen, by=read_actor(request))
        except RollcallError as error:
            self.say(request, f"{error} A failed invitation is sent anew from the list of invitations.", good=False)
            return
        self.say(request, f"{count} mail{'' if count == 1 else 's'} will be sent again.", good=True)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        obstacle = outbox.find_obstacle()
        return super().changelist_view(request, {**(extra_context or {}), "obstacle": obstacle})
