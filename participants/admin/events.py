"""The history of everything: who did what to whom, from where, through what. Looked at, asked, taken along."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from participants.admin import badges
from participants.admin.attendance import render_who
from participants.admin.history import describe_event
from participants.admin.reportlists import ReportList
from participants.models import Event
from participants.services import rights
from participants.services.auditquestions import THROUGH
from participants.services.reports import SUBJECTS
from participants.states import ReportSubject


class EventAdmin(ReportList[Event]):
    change_list_template = "admin/participants/event/change_list.html"
    subject = SUBJECTS[ReportSubject.EVENTS]
    list_display = ("when", "what", "who", "person_", "meeting_", "details")
    list_display_links = ("what",)
    search_fields = ("pk",)  # has the field shown; where words are looked for is in services.wordsearch
    search_help_text = "Who did it, person, meeting, request id or network"
    ordering = subject.order
    has_periods = has_totals = False
    fields = (
        *("happened", "what", "who", "through", "address", "person_", "meeting_", "participant"),
        *("request_id", "details"),
    )
    readonly_fields = ("happened", "what", "who", "through", "person_", "meeting_", "details")

    def has_view_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return rights.holds(request.user, "view_event")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def dress(self, request: HttpRequest, rows: QuerySet[Event]) -> QuerySet[Event]:
        rows = rows.select_related("person", "meeting", "participant__person", "participant__meeting")
        large = ("raw", "token", "meeting__raw")
        return rows.defer("meeting__raw", *(f"participant__{name}" for name in large))

    @admin.display(ordering="created_at")
    def when(self, row: Event) -> SafeString:
        return badges.render_moment(row.created_at, timezone.now())

    @admin.display(description="when")
    def happened(self, row: Event) -> str:
        return badges.write_time(row.created_at)

    @admin.display(description="event", ordering="kind")
    def what(self, row: Event) -> SafeString:
        entry = describe_event(row, timezone.now())
        return badges.render_badge(entry.title, entry.tone)

    @admin.display(description="by")
    def who(self, row: Event) -> SafeString:
        return render_who(describe_event(row, timezone.now()).who, row.address)

    @admin.display
    def through(self, row: Event) -> str:
        return THROUGH.get(row.via, row.via)

    @admin.display(description="person")
    def person_(self, row: Event) -> str:
        return str(row.person) if row.person else "–"

    @admin.display(description="meeting")
    def meeting_(self, row: Event) -> str:
        return str(row.meeting) if row.meeting else "–"

    @admin.display
    def details(self, row: Event) -> SafeString:
        entry = describe_event(row, timezone.now())
        return format_html_join(" ", '<span class="rc-pair"><b>{}</b> {}</span>', entry.details)
