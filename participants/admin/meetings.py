import uuid
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from participants.admin import badges, bulk
from participants.admin.access import find_origin, may, read_actor
from participants.admin.autocompletion import PeopleField, PeopleSelect
from participants.admin.drift import describe_latest
from participants.admin.enrolling import EnrolForm, enrol, keep, recall
from participants.admin.filters import NowFilter, TroubleFilter
from participants.admin.inviting import describe_meeting
from participants.admin.meetingforms import MeetingForm, describe_counts
from participants.admin.mixins import ReadOnly
from participants.admin.ties import describe_ties
from participants.errors import RollcallError
from participants.models import Meeting
from participants.services import admission, consents, groups, meetings, rights
from participants.states import MeetingState, ParticipantState

GROUPS_HELP = "Members of these groups are enrolled with the default preset, and removed when they leave the group."
STORED_APART = ("managers", "groups", "consent_text")
COUNTED = (ParticipantState.ENROLLED, ParticipantState.PENDING, ParticipantState.FAILED)


class MeetingAdmin(ReadOnly[Meeting]):
    """Stored here first; RealtimeKit is told once the form's transaction is over (design 2.2)."""

    form = MeetingForm
    change_form_template = "admin/participants/meeting/change_form.html"
    list_display = ("name", "phase", "window", "enrolled", "pending", "failed", "trouble", "enrol_link")
    list_filter = (NowFilter, "status", "state", TroubleFilter)
    search_fields = ("title", "id", "realtimekit_id")
    search_help_text = "Title, meeting id or RealtimeKit id"
    ordering = ("-created_at",)
    autocomplete_fields = ("managers", "groups")
    actions = ("retry_chosen",)
    fieldsets = (
        (None, {"fields": ("title", "status")}),
        ("Schedule", {"fields": ("opens_at", "closes_at", "enforce_window")}),
        ("People", {"fields": ("admission", "default_preset", "capacity", "managers")}),
        ("Mail and requests", {"fields": ("sends_notices", "takes_requests")}),
        ("Consent", {"fields": ("consent_text",)}),
    )
    group_fieldset = ("Groups", {"fields": ("groups", "groups_agreed"), "description": GROUPS_HELP})

    def has_view_permission(self, request: HttpRequest, obj: Meeting | None = None) -> bool:
        return may(request, "view_meeting", obj) or may(request, "change_meeting", obj)

    def has_change_permission(self, request: HttpRequest, obj: Meeting | None = None) -> bool:
        return may(request, "change_meeting", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return rights.holds(request.user, "add_meeting")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Meeting | None = None) -> tuple[str, ...]:
        wide = rights.holds(request.user, "change_meeting" if obj else "add_meeting")
        return () if wide else ("managers",)

    def get_fieldsets(self, request: HttpRequest, obj: Meeting | None = None) -> Any:
        """Groups are chosen by those who may see which there are, and enrol and remove people."""
        may_tie = rights.may_tie_groups(request.user, obj)
        return (*self.fieldsets, self.group_fieldset) if may_tie else self.fieldsets

    def get_queryset(self, request: HttpRequest) -> QuerySet[Meeting]:
        counts = {f"{s}_count": Count("participants", filter=Q(participants__state=s)) for s in COUNTED}
        managed = Meeting.objects.filter(pk=OuterRef("pk"), managers=request.user.pk)
        enrols = Value(True) if rights.holds(request.user, "add_participant") else Exists(managed)
        right = "change_meeting" if rights.holds(request.user, "change_meeting") else "view_meeting"
        rows = rights.list_meetings(request.user, right).select_related("default_preset", "consent")
        return rows.annotate(
            **counts, may_enrol=enrols, shows_people=Value(may(request, "view_participant"))
        ).order_by(*self.ordering)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        hidden = set() if may(request, "add_participant") else {"enrol_link"}
        return tuple(name for name in self.list_display if name not in hidden)

    @admin.display(description="meeting", ordering="title")
    def name(self, row: Meeting) -> SafeString:
        limit = f"at most {row.capacity} people" if row.capacity else ""
        return format_html('<span class="rc-name">{}</span><span class="rc-sub">{}</span>', row.title, limit)

    @admin.display(description="status")
    def phase(self, row: Meeting) -> SafeString:
        return badges.render_phase(row, timezone.now())

    @admin.display(description="window (UTC)", ordering="opens_at")
    def window(self, row: Meeting) -> SafeString:
        return badges.render_window(row)

    @admin.display(ordering="enrolled_count")
    def enrolled(self, row: Meeting) -> SafeString:
        return _render_count(row, ParticipantState.ENROLLED, "")

    @admin.display(ordering="pending_count")
    def pending(self, row: Meeting) -> SafeString:
        return _render_count(row, ParticipantState.PENDING, "rc-wait")

    @admin.display(ordering="failed_count")
    def failed(self, row: Meeting) -> SafeString:
        return _render_count(row, ParticipantState.FAILED, "rc-bad")

    @admin.display(description="attention")
    def trouble(self, row: Meeting) -> SafeString:
        notes = list_trouble(row)
        return badges.render_badge(notes[0][0], "bad", notes[0][1]) if notes else badges.NOTHING

    @admin.display(description="enrol")
    def enrol_link(self, row: Meeting) -> SafeString:
        if not getattr(row, "may_enrol", False):
            return SafeString("")
        return format_html(
            '<a class="rc-button rc-small" href="{}">Enrol<span class="visually-hidden"> people in {}</span></a>',
            self.link("enrol", row.pk),
            row.title,
        )

    @admin.action(description="Retry at RealtimeKit", permissions=["change"])
    def retry_chosen(self, request: HttpRequest, queryset: QuerySet[Meeting]) -> None:
        for meeting in queryset.order_by("title")[:20]:
            # The list may show meetings that this user sees but may not change.
            if self.has_change_permission(request, meeting):
                self._retry(request, meeting)
            else:
                self.say(request, f"“{meeting.title}” was left as it is: you may not change it.", good=False)

    def save_model(self, request: HttpRequest, obj: Meeting, form: MeetingForm, change: bool) -> None:
        actor = read_actor(request)
        related = {name: form.cleaned_data[name] for name in STORED_APART if name in form.changed_data}
        changed = [name for name in form.changed_data if name not in (*related, "groups_agreed")]
        counts = groups.Counts()
        if not change or form.changed_data:
            counts = meetings.store(obj, by=actor, changed=changed if change else None, **related)
        # Django wraps this form in a transaction, in which no remote call is made.
        transaction.on_commit(lambda: self._finish(request, obj, counts))

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(request, object_id, *args, **kwargs)
        except ValidationError as error:
            # Past the form's own checks: somebody else has changed the meeting while this was being stored.
            self.say(request, f"Somebody else has just changed this meeting. {' '.join(error.messages)}", good=False)
            return self.go_to("change", object_id)

    def _finish(self, request: HttpRequest, meeting: Meeting, counts: groups.Counts) -> None:
        if text := describe_counts(counts):
            self.say(request, text, good=True)
        self._report(request, meeting, meetings.try_now(meeting, by=read_actor(request)))

    def save_related(self, request: HttpRequest, form: MeetingForm, formsets: Any, change: bool) -> None:
        """Nothing: managers and groups were stored with the rest."""

    def response_add(self, request: HttpRequest, obj: Meeting, post_url_continue: str | None = None) -> HttpResponse:
        """On to the meeting's own page, where people are enrolled."""
        if "_addanother" in request.POST or "_popup" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        self.say(request, f"The meeting “{obj.title}” was created here. Now enrol people.", good=True)
        return self.go_to("change", obj.pk)

    def response_change(self, request: HttpRequest, obj: Meeting) -> HttpResponse:
        answer = super().response_change(request, obj)
        origin = "" if "_continue" in request.POST else find_origin(request)
        return redirect(origin) if origin else answer

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Neither users nor presets are made in passing."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and hasattr(field.widget, "can_add_related"):
            field.widget.can_add_related = field.widget.can_change_related = field.widget.can_view_related = False
        return field

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        own: dict[str, Any] = {"widget": PeopleSelect(db_field, self.admin_site)}
        if db_field.name == "managers":
            own["form_class"] = PeopleField
        return super().formfield_for_manytomany(db_field, request, **{**own, **kwargs})

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        meeting = context.get("original")
        if isinstance(meeting, Meeting):
            context.update(self._describe(request, meeting), follows=describe_ties(request, meeting))
            context["consents"] = list(consents.list_versions(meeting))
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        wrap, name = self.admin_site.admin_view, "participants_meeting"
        own = [
            path("<uuid:pk>/enrol/", wrap(self.enrol_view), name=f"{name}_enrol"),
            path("<uuid:pk>/enrol-many/", wrap(self.enrol_many_view), name=f"{name}_enrol_many"),
            path("<uuid:pk>/retry/", wrap(self.retry_view), name=f"{name}_retry"),
        ]
        return own + super().get_urls()

    def enrol_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        meeting = self.find_or_404(request, pk)
        if not may(request, "add_participant", meeting):
            raise PermissionDenied
        form = EnrolForm(request.POST or None, meeting=meeting, site=self.admin_site)
        if form.is_valid():
            key = keep(request, meeting, enrol(request, meeting, form))
            return redirect(f"{self.link('enrol', meeting.pk)}?result={key}")
        lines = [] if form.is_bound else recall(request, meeting)
        places = None if meeting.capacity is None else max(0, meeting.capacity - admission.count_occupied(meeting))
        more = self._describe(request, meeting) | {"form": form, "lines": lines, "media": self.media + form.media}
        context = self.give_context(request, "Enrol people", original=meeting, places=places, **more)
        return render(request, "admin/participants/meeting/enrol.html", context)

    def enrol_many_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
        meeting = self.find_or_404(request, pk)
        if not may(request, "add_participant", meeting):
            raise PermissionDenied
        desk = bulk.Desk(request, meeting)
        if desk.answer is not None:
            return desk.answer
        more = self._describe(request, meeting) | desk.give_context()
        context = self.give_context(request, "Enrol many", original=meeting, **more)
        return render(request, "admin/participants/meeting/enrol_many.html", context)

    def retry_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        meeting = self.find_or_404(request, pk)
        if not self.has_change_permission(request, meeting):
            raise PermissionDenied
        if request.method == "POST":
            self._retry(request, meeting)
        return self.go_to("change", meeting.pk)

    def _retry(self, request: HttpRequest, meeting: Meeting) -> None:
        self._report(
            request, meeting, meetings.retry(meeting, by=read_actor(request)), done="It holds at RealtimeKit."
        )

    def _report(self, request: HttpRequest, meeting: Meeting, trouble: RollcallError | None, done: str = "") -> None:
        """What held at RealtimeKit, as a message; nothing when all is well and nobody asked."""
        if trouble is not None:
            reason = trouble.data.get("reason", "")
            text = f"“{meeting.title}” is stored here, but RealtimeKit does not know yet. {trouble} {reason}"
            self.say(request, text.strip(), good=False)
        elif meeting.last_error_code:
            refusal = meeting.last_error_detail or meeting.last_error_code
            messages.error(request, f"RealtimeKit refused “{meeting.title}”: {refusal}. Correct it and retry.")
        elif done:
            self.say(request, f"“{meeting.title}”: {done}", good=True)

    def _describe(self, request: HttpRequest, meeting: Meeting) -> dict[str, Any]:
        now = timezone.now()
        people = ""
        if may(request, "view_participant", meeting):
            people = f"{reverse('admin:participants_participant_changelist')}?meeting={meeting.pk}"
        counts = [
            (
                state.label,
                getattr(meeting, f"{state}_count", 0),
                f"{people}&state={state}" if people else "",
            )
            for state in COUNTED
        ]
        agreed = consents.count(meeting) if people and meeting.consent_id else None
        return {
            "people": people,
            "agreed": agreed,
            "phase": badges.render_phase(meeting, now),
            "state": badges.render_state(meeting),
            "window": badges.render_window(meeting),
            "preset": badges.render_preset(meeting.default_preset),
            "notes": list_trouble(meeting),
            "counts": counts,
            "join_link": request.build_absolute_uri(reverse("meeting", args=[meeting.pk])),
            "may_enrol": may(request, "add_participant", meeting),
            "may_report": may(request, "view_presence", meeting),
            "may_retry": (meeting.state != MeetingState.CREATED or bool(meeting.last_error_code))
            and self.has_change_permission(request, meeting),
            "next_try": badges.render_moment(meeting.next_attempt_at, now),
            **describe_latest(request, meeting),
            **describe_meeting(request, meeting),
        }


def list_trouble(meeting: Meeting) -> list[tuple[str, str]]:
    """What needs somebody's attention: a short label and a sentence each."""
    notes = []
    if meeting.last_error_code:
        notes.append(("Error", f"RealtimeKit: {meeting.last_error_detail or meeting.last_error_code}"))
    if meeting.gone_at:
        notes.append(("Gone", "RealtimeKit no longer lists this meeting; nobody can join it."))
    preset = meeting.default_preset
    if preset is not None and preset.gone_at:
        notes.append(("Preset gone", f"The default preset “{preset.name}” no longer exists at RealtimeKit."))
    return notes


def _render_count(row: Meeting, state: ParticipantState, tone: str) -> SafeString:
    count = getattr(row, f"{state}_count", 0)
    if not count:
        return SafeString('<span class="rc-quiet">0</span>')
    if not getattr(row, "shows_people", False):
        return format_html("{}", count)
    url = f"{reverse('admin:participants_participant_changelist')}?meeting={row.pk}&state={state}"
    return format_html('<a class="rc-count {}" href="{}">{}</a>', tone, url, count)
