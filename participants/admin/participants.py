import uuid
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet, Value
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from participants.admin import badges, bulkactions
from participants.admin.access import find_origin, may, read_actor
from participants.admin.bulkactions import Many
from participants.admin.history import list_history
from participants.admin.inviting import find_invite_link
from participants.admin.participantactions import (
    ACTIONS,
    AT_ONCE,
    FEW,
    Action,
    PresetForm,
    Selection,
    list_possible,
    select,
)
from participants.admin.reportlists import ReportList
from participants.admin.verdicts import judge_for_staff
from participants.admin.wording import Line, describe
from participants.errors import RollcallError
from participants.models import Meeting, Participant, Preset
from participants.services import rights
from participants.services.people import parse_id
from participants.services.reports import SUBJECTS
from participants.states import ReportSubject


class ParticipantAdmin(ReportList[Participant]):
    """Rows are changed by actions, each of which calls one service; nobody is added here but on the meeting."""

    change_form_template = "admin/participants/participant/change_form.html"
    change_list_template = "admin/participants/participant/change_list.html"
    list_display = ("who", "in_meeting", "state_badge", "token_state", "role", "changed")
    subject = SUBJECTS[ReportSubject.PARTICIPANTS]
    has_periods = False
    search_fields = ("pk",)  # has the field shown; where words are looked for is in services.wordsearch
    search_help_text = "Name, e-mail, username, custom participant id or RealtimeKit id"
    ordering = subject.order
    fieldsets = (
        (
            "Enrolment",
            {
                "fields": (
                    *("whose", "in_meeting", "role", "own_name", "source", "enrolled_by", "enrolled_on"),
                    "agreed",
                )
            },
        ),
        (
            "Token",
            {
                "description": "The token itself is never shown.",
                "fields": ("token_state", "issued_on", "expires_on", "token_expiry_source"),
            },
        ),
        (
            "At RealtimeKit",
            {
                "fields": (
                    "state_badge",
                    "realtimekit_id",
                    "custom_participant_id",
                    "applied_preset",
                    "applied_name",
                    "last_error",
                    "attempts",
                    "next_try",
                    "seen_on",
                    "gone_on",
                    "removed_on",
                    "removed_by",
                )
            },
        ),
    )
    readonly_fields = (
        *("whose", "in_meeting", "role", "own_name", "state_badge", "token_state", "last_error"),
        *("enrolled_on", "agreed", "issued_on", "expires_on", "next_try", "seen_on", "gone_on", "removed_on"),
    )

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.actions = [self._make_handler(action) for action in ACTIONS.values()]

    def has_change_participant_permission(self, request: HttpRequest) -> bool:
        return may(request, "change_participant")

    def has_remove_participant_permission(self, request: HttpRequest) -> bool:
        return may(request, "remove_participant")

    def has_restore_participant_permission(self, request: HttpRequest) -> bool:
        return may(request, "restore_participant")

    def has_view_permission(self, request: HttpRequest, obj: Participant | None = None) -> bool:
        return may(request, "view_participant", obj.meeting if obj else None)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def dress(self, request: HttpRequest, rows: QuerySet[Participant]) -> QuerySet[Participant]:
        related = ("meeting__default_preset", "person__user", "preset", "enrolled_by", "removed_by", "consented_to")
        shows_person = Value(rights.holds(request.user, "view_person"))
        rows = rows.annotate(shows_meeting=Value(may(request, "view_meeting")), shows_person=shows_person)
        large = ("raw", "meeting__raw", "preset__raw", "meeting__default_preset__raw")
        return rows.select_related(*related).defer(*large)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """In the list of one meeting that asks for consent, who has agreed stands where the meeting would."""
        key = parse_id(request.GET.get("meeting", ""))
        if key is None or not Meeting.objects.filter(pk=key, consent__isnull=False).exists():
            return self.list_display
        return tuple("consent" if name == "in_meeting" else name for name in self.list_display)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.act_view)
        return [path("<uuid:pk>/act/<slug:name>/", view, name="participants_participant_act"), *super().get_urls()]

    @admin.display(description="person", ordering="person__display_name")
    def who(self, row: Participant) -> SafeString:
        below = row.person.email or ("Guest" if row.person.user_id is None else "")
        shown = '<span class="rc-name">{}</span><span class="rc-sub">{}</span>'
        return format_html(shown, row.effective_name or row.person, below)

    @admin.display(description="person")
    def whose(self, row: Participant) -> SafeString:
        if not getattr(row, "shows_person", False):
            return self.who(row)
        url = reverse("admin:participants_person_change", args=[row.person_id])
        return format_html('<a href="{}">{}</a>', url, self.who(row))

    @admin.display(description="meeting", ordering="meeting__title")
    def in_meeting(self, row: Participant) -> SafeString:
        if not getattr(row, "shows_meeting", False):
            return format_html("{}", row.meeting.title)
        url = reverse("admin:participants_meeting_change", args=[row.meeting_id])
        return format_html('<a href="{}">{}</a>', url, row.meeting.title)

    @admin.display(description="state", ordering="state")
    def state_badge(self, row: Participant) -> SafeString:
        badge = badges.render_state(row)
        return (
            format_html("{} {}", badge, badges.render_badge("Error", "bad", row.last_error_detail))
            if (row.last_error_code and row.state != "failed")
            else badge
        )

    @admin.display(description="token", ordering="token_expires_at")
    def token_state(self, row: Participant) -> SafeString:
        return badges.render_token(row, timezone.now())

    @admin.display(description="consent")
    def consent(self, row: Participant) -> SafeString:
        return badges.render_consent(row)

    @admin.display(description="consent")
    def agreed(self, row: Participant) -> SafeString:
        if row.consented_to is None:
            return badges.render_consent(row)
        last = f"Version {row.consented_to.number} on {badges.write_time(row.consented_at)}"
        return format_html("{} {}", badges.render_consent(row), last)

    @admin.display(description="preset", ordering="preset__name")
    def role(self, row: Participant) -> SafeString:
        return badges.render_preset(row.preset)

    @admin.display(description="last change", ordering="updated_at")
    def changed(self, row: Participant) -> SafeString:
        return badges.render_moment(row.updated_at, timezone.now())

    @admin.display(description="name here")
    def own_name(self, row: Participant) -> str:
        return row.name or "As their own"

    @admin.display(description="enrolled on")
    def enrolled_on(self, row: Participant) -> str:
        return badges.write_time(row.created_at)

    @admin.display(description="issued on")
    def issued_on(self, row: Participant) -> str:
        return badges.write_time(row.token_issued_at) or "–"

    @admin.display(description="expires on")
    def expires_on(self, row: Participant) -> str:
        return badges.write_time(row.token_expires_at) or "–"

    @admin.display(description="next try")
    def next_try(self, row: Participant) -> str:
        return badges.write_time(row.next_attempt_at) or "–"

    @admin.display(description="last seen there")
    def seen_on(self, row: Participant) -> str:
        return badges.write_time(row.seen_at) or "–"

    @admin.display(description="missing there since")
    def gone_on(self, row: Participant) -> str:
        return badges.write_time(row.gone_at) or "–"

    @admin.display(description="removed on")
    def removed_on(self, row: Participant) -> str:
        return badges.write_time(row.removed_at) or "–"

    @admin.display(description="last error")
    def last_error(self, row: Participant) -> SafeString:
        if not row.last_error_code:
            return badges.NOTHING
        code = format_html('<span class="rc-code">{}</span>', row.last_error_code)
        return format_html("{} {}", row.last_error_detail, code)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        row = context["original"]
        now = timezone.now()
        context.update(
            title=row.effective_name or str(row.person),
            subtitle=None,
            panel=judge_for_staff(row, request, now),
            state=badges.render_state(row),
            token=badges.render_token(row, now),
            possible=list_possible(row, request),
            invite_link=find_invite_link(request, row),
            history=list_history(row, now),
            join_link=request.build_absolute_uri(reverse("meeting", args=[row.meeting_id])),
        )
        return super().render_change_form(request, context, *args, **kwargs)

    def act_view(self, request: HttpRequest, pk: uuid.UUID, name: str) -> HttpResponse:
        """One action on one participant."""
        row = self.find_or_404(request, pk)
        action = ACTIONS.get(name)
        if action is None:
            raise Http404("There is no such action.")
        if not may(request, action.right, row.meeting):
            raise PermissionDenied
        return self._confirm_or_run(request, action, [row], find_origin(request) or self.link("change", row.pk))

    def _make_handler(self, action: Action) -> Any:
        @admin.action(description=f"{action.label}…", permissions=[action.right])
        def handle(model_admin: Any, request: HttpRequest, queryset: QuerySet[Participant]) -> HttpResponse | None:
            if action.kind is not None and queryset.count() > FEW:
                many = bulkactions.look(request, action, queryset)
                return self._start_or_ask(request, many)
            rows = list(queryset[: AT_ONCE + 1])
            if len(rows) > AT_ONCE:
                messages.error(request, f"Choose at most {AT_ONCE} participants at once.")
                return None
            return self._confirm_or_run(request, action, rows, request.get_full_path())

        handle.__name__ = action.name
        return handle

    def _start_or_ask(self, request: HttpRequest, many: Many) -> HttpResponse:
        """A removal or a change of preset of many: the dry run, then a batch."""
        try:
            batch = bulkactions.start(request, many)
        except RollcallError as error:
            self.say(request, str(error), good=False)
            return redirect(request.get_full_path())
        if batch is not None:
            return redirect("admin:participants_batch_change", batch.pk)
        chosen = f"{many.total} participants"
        if not many.needs_preset and many.acting and many.acting != many.total:
            chosen = f"{many.acting} of {chosen}"
        title = many.action.question.format(people=chosen)
        context = self.give_context(request, title, many=many, checkbox=ACTION_CHECKBOX_NAME)
        return render(request, "admin/participants/participant/confirm_many.html", context)

    def _confirm_or_run(
        self, request: HttpRequest, action: Action, rows: list[Participant], origin: str
    ) -> HttpResponse:
        chosen = select(action, rows, request)
        confirmed = request.method == "POST" and request.POST.get("post") == "yes"
        form = PresetForm(request.POST if confirmed else None) if action.asks_preset else None
        if not confirmed or not chosen.affected or (form is not None and not form.is_valid()):
            return self._ask(request, action, chosen, form, origin)
        preset: Preset | None = form.cleaned_data["preset"] if form is not None else None
        outcomes = action.run(chosen.affected, read_actor(request), preset)
        return self._tell(request, action, chosen, [describe(outcome) for outcome in outcomes], origin)

    def _ask(
        self, request: HttpRequest, action: Action, chosen: Selection, form: PresetForm | None, origin: str
    ) -> HttpResponse:
        count = len(chosen.affected)
        people = chosen.affected[0].effective_name if count == 1 else f"{count} participants"
        context = self.give_context(
            request,
            action.question.format(people=people) if count else action.label,
            action=action,
            chosen=chosen,
            untouched=[(row, action.explain(row)) for row in chosen.untouched],
            keys=[row.pk for row in (*chosen.affected, *chosen.untouched)],
            form=form,
            origin=origin,
            checkbox=ACTION_CHECKBOX_NAME,
        )
        return render(request, "admin/participants/participant/confirm.html", context)

    def _tell(
        self, request: HttpRequest, action: Action, chosen: Selection, lines: list[Line], origin: str
    ) -> HttpResponse:
        """A message for one, a table for several."""
        if len(lines) == 1:
            self.say(request, f"{lines[0].name}: {lines[0].text}", good=lines[0].good)
            return redirect(origin)
        left = [(row, action.explain(row)) for row in chosen.untouched]
        left += [(row, "you may not") for row in chosen.forbidden]
        context = self.give_context(request, f"{action.label}: what happened", lines=lines, left=left, origin=origin)
        return render(request, "admin/participants/participant/results.html", context)
