"""Sessions: live runs of meetings, each with how many came."""

from django.contrib import admin
from django.db.models import QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from participants.admin import badges
from participants.admin.access import may
from participants.admin.attendance import render_number, render_who, write_local
from participants.admin.reportlists import ReportList
from participants.models import Session
from participants.services import rights
from participants.services.reports import SUBJECTS
from participants.states import KnownBy, ReportSubject


class SessionAdmin(ReportList[Session]):
    subject = SUBJECTS[ReportSubject.SESSIONS]
    list_display = ("name", "state", "began", "ended", "length", "came", "absent")
    search_fields = ("pk",)  # has the field shown; where words are looked for is in services.wordsearch
    search_help_text = "Meeting or session id"
    ordering = subject.order

    def has_view_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        if obj is not None and obj.meeting is None:
            return rights.holds(request.user, "view_session")
        return may(request, "view_session", obj.meeting if obj else None)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def dress(self, request: HttpRequest, rows: QuerySet[Session]) -> QuerySet[Session]:
        rows = rows.select_related("meeting").defer("raw", "meeting__raw")
        return rows.annotate(shows_people=Value(may(request, "view_presence")))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: object = None
    ) -> HttpResponse:
        """A session's page is the report of its meeting."""
        row = self.get_object(request, object_id)
        if row is not None and row.meeting_id is not None and self.has_view_permission(request, row):
            return redirect(f"{reverse('admin:participants_meeting_report', args=[row.meeting_id])}?session={row.pk}")
        return super().change_view(request, object_id, form_url)

    @admin.display(description="meeting", ordering="meeting__title")
    def name(self, row: Session) -> SafeString:
        if row.meeting is None:
            return render_who(row.title or row.remote_meeting_id, "A meeting that is not known here")
        return render_who(row.meeting.title, "")

    @admin.display(description="state", ordering="ended_at")
    def state(self, row: Session) -> SafeString:
        if row.is_live:
            return badges.render_badge("Live", "good")
        if KnownBy.ESTIMATED in (row.ended_known_by, row.started_known_by):
            return badges.render_badge("Ended", "quiet", "A time of it is an estimate.")
        return badges.render_badge("Ended", "quiet")

    @admin.display(description="began", ordering="started_at")
    def began(self, row: Session) -> SafeString:
        return render_number_or(write_local(row.started_at))

    @admin.display(description="ended", ordering="ended_at")
    def ended(self, row: Session) -> SafeString:
        return render_number_or(write_local(row.ended_at))

    @admin.display(description="minutes")
    def length(self, row: Session) -> SafeString:
        if row.started_at is None:
            return badges.NOTHING
        return render_number(((row.ended_at or timezone.now()) - row.started_at).total_seconds() / 60)

    @admin.display(description="came", ordering="came_count")
    def came(self, row: Session) -> SafeString:
        return self._link_people(row, row.came_count, "true")

    @admin.display(description="never came", ordering="absent_count")
    def absent(self, row: Session) -> SafeString:
        return self._link_people(row, row.absent_count, "false")

    def _link_people(self, row: Session, number: int, came: str) -> SafeString:
        if not number or not getattr(row, "shows_people", False):
            return format_html("{}", number) if number else SafeString('<span class="rc-quiet">0</span>')
        url = f"{reverse('admin:participants_presence_changelist')}?came={came}&session={row.pk}"
        return format_html('<a class="rc-count" href="{}">{}</a>', url, number)


def render_number_or(words: str) -> SafeString:
    return format_html('<span class="rc-time">{}</span>', words) if words else badges.NOTHING
