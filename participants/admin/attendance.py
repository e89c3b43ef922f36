"""Who came: one row for each person and session. Staff may correct the minutes, with a reason."""

import uuid
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from participants.admin import badges
from participants.admin.access import may, read_actor
from participants.admin.badges import Tone
from participants.admin.reportlists import ReportList
from participants.admin.zones import read_reader_zone
from participants.errors import CorrectionRefused, RollcallError
from participants.models import Attendance, Presence
from participants.services import presence
from participants.services.reports import SUBJECTS
from participants.states import ReportSubject

_BADGES: dict[str, tuple[str, Tone]] = {
    "present": ("Present", "good"),
    "left": ("Came", "info"),
    "never_came": ("Never came", "bad"),
}


class AttendanceAdmin(ReportList[Presence]):
    subject = SUBJECTS[ReportSubject.ATTENDANCE]
    change_form_template = "admin/participants/presence/change_form.html"
    list_display = ("who", "in_meeting", "state_badge", "joined", "left", "minutes", "share", "late")
    search_fields = ("pk",)  # has the field shown; where words are looked for is in services.wordsearch
    search_help_text = "Name, e-mail, username, meeting or custom participant id"
    ordering = subject.order

    def has_view_permission(self, request: HttpRequest, obj: Presence | None = None) -> bool:
        meeting = obj.participant.meeting if obj else None
        return may(request, "view_presence", meeting)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def dress(self, request: HttpRequest, rows: QuerySet[Presence]) -> QuerySet[Presence]:
        related = (
            "session__meeting",
            "participant__person__user",
            "participant__preset",
            "corrected_by",
            "corrected_key",
        )
        large = ("session__raw", "session__meeting__raw", "participant__preset__raw", "participant__token")
        return rows.select_related(*related).defer(*large, "participant__raw")

    @admin.display(description="person", ordering="participant__person__display_name")
    def who(self, row: Presence) -> SafeString:
        person = row.participant.person
        below = person.email or ("Guest" if person.user_id is None else "")
        return render_who(row.participant.effective_name or str(person), below)

    @admin.display(description="meeting and session", ordering="began_at")
    def in_meeting(self, row: Presence) -> SafeString:
        meeting = row.session.meeting
        title = meeting.title if meeting else row.session.title
        began = write_local(row.session.started_at)
        if meeting is None:
            return render_who(title, began)
        url = f"{reverse('admin:participants_meeting_report', args=[meeting.pk])}?session={row.session_id}"
        return format_html(
            '<a href="{}"><span class="rc-name">{}</span></a><span class="rc-sub">{}</span>', url, title, began
        )

    @admin.display(description="attendance", ordering="first_joined_at")
    def state_badge(self, row: Presence) -> SafeString:
        label, tone = _BADGES[row.describe_state()]
        badge = badges.render_badge(label, tone)
        if row.corrected_seconds is not None:
            note = badges.render_badge("Corrected", "wait", row.correction_reason)
            return format_html("{} {}", badge, note)
        return badge

    @admin.display(description="joined", ordering="first_joined_at")
    def joined(self, row: Presence) -> SafeString:
        return render_time(row.first_joined_at, row.session.started_at)

    @admin.display(description="left", ordering="last_left_at")
    def left(self, row: Presence) -> SafeString:
        if row.is_present:
            return SafeString('<span class="rc-quiet">still there</span>')
        return render_time(row.last_left_at, row.session.started_at)

    @admin.display(description="minutes", ordering="seconds")
    def minutes(self, row: Presence) -> SafeString:
        return render_number(row.seconds / 60) if row.came or row.seconds else badges.NOTHING

    @admin.display(description="share", ordering="share")
    def share(self, row: Presence) -> SafeString:
        share = row.share_of_window if row.share_of_window is not None else row.share_of_session
        return render_share(share) if row.came or row.seconds else badges.NOTHING

    @admin.display(description="late by", ordering="late_seconds")
    def late(self, row: Presence) -> SafeString:
        if not row.late_seconds:
            return badges.NOTHING
        return format_html('<span class="rc-time">{} min</span>', _whole(row.late_seconds / 60))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        with timezone.override(read_reader_zone(request)):
            answer: Any = super().change_view(request, object_id, form_url, extra_context)
            if hasattr(answer, "render"):
                answer.render()
        assert isinstance(answer, HttpResponse)
        return answer

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.correct_view)
        return [path("<uuid:pk>/correct/", view, name="participants_presence_correct"), *super().get_urls()]

    def correct_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Say how long somebody was there, or let what was measured count again."""
        row = self.find_or_404(request, pk)
        if not may(request, "correct_presence", row.participant.meeting):
            raise PermissionDenied
        if request.method == "POST":
            try:
                if "withdraw" in request.POST:
                    presence.withdraw_correction(row, by=read_actor(request))
                    self.say(request, "What was measured counts again.", good=True)
                else:
                    minutes, reason = _read_minutes(request.POST.get("minutes", "")), request.POST.get("reason", "")
                    presence.correct(row, seconds=minutes, reason=reason.replace("\0", ""), by=read_actor(request))
                    self.say(request, "Corrected. What was measured is kept.", good=True)
            except RollcallError as error:
                self.say(request, f"Nothing was corrected. {error}", good=False)
        return self.go_to("change", row.pk)

    def get_fieldsets(self, request: HttpRequest, obj: Presence | None = None) -> Any:
        return ()

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        row: Presence = context["original"]
        rows = Attendance.objects.filter(session=row.session_id, participant=row.participant_id).order_by("joined_at")
        context.update(
            title=row.participant.effective_name,
            subtitle=None,
            row=row,
            badge=self.state_badge(row),
            share=self.share(row),
            minutes=self.minutes(row),
            measured=render_number(row.measured_seconds / 60),
            late=self.late(row),
            early=render_number(row.left_early_seconds / 60) if row.left_early_seconds else badges.NOTHING,
            connections=rows,
            zone=read_reader_zone(request),
            may_correct=may(request, "correct_presence", row.participant.meeting),
            counted=f"{row.seconds / 60:.10g}",
            shows_participant=may(request, "view_participant", row.participant.meeting),
        )
        return super().render_change_form(request, context, *args, **kwargs)


def _read_minutes(text: str) -> int:
    """Seconds. Raises CorrectionRefused."""
    try:
        return round(float(text.replace(",", ".")) * 60)
    except (ValueError, OverflowError):
        raise CorrectionRefused("Give the minutes as a number.") from None


def render_who(name: str, below: str) -> SafeString:
    return format_html('<span class="rc-name">{}</span><span class="rc-sub">{}</span>', name, below)


def write_local(moment: Any) -> str:
    """In the time zone that is active: the reader's."""
    return f"{timezone.localtime(moment):%-d %b %Y, %H:%M}" if moment else ""


def render_time(moment: Any, begin: Any) -> SafeString:
    """The time of day; the date too where it is not the day the session began."""
    if moment is None:
        return badges.NOTHING
    local = timezone.localtime(moment)
    same = begin is not None and timezone.localtime(begin).date() == local.date()
    words = f"{local:%H:%M}" if same else f"{local:%-d %b, %H:%M}"
    full = f"{local:%-d %B %Y, %H:%M:%S}"
    return format_html('<time class="rc-time" datetime="{}" title="{}">{}</time>', moment.isoformat(), full, words)


def render_number(number: float) -> SafeString:
    return format_html('<span class="rc-time">{}</span>', _whole(number))


def render_share(share: float | None) -> SafeString:
    """A bar with its number. The bar is drawn, since a length in a style is refused."""
    if share is None:
        return badges.NOTHING
    percent = round(share * 100)
    bar = '<rect class="rc-bar" width="{}" height="10"/>'
    box = f'<svg class="rc-meter" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{bar}</svg>'
    return format_html(f'<span class="rc-share">{box}{{}} %</span>', min(percent, 100), percent)


def _whole(number: float) -> str:
    return f"{number:.0f}" if number >= 1 or number == 0 else "<1"
