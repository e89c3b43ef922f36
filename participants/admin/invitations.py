"""Invitations: who was sent which link, what it is good for, and making new ones.

A link is shown once, in the answer to the very click that made it, and never kept for another page.
"""

import uuid
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from participants.admin import badges
from participants.admin.access import may, read_actor
from participants.admin.badges import Tone
from participants.admin.filters import InvitationFilter, MeetingFilter
from participants.admin.inviting import MAIL, STEPS, InviteForm, UntilForm
from participants.admin.mails import render_mail_state
from participants.admin.mixins import ReadOnly
from participants.errors import RollcallError
from participants.models import Invitation, Meeting, Message, Participant
from participants.services import invitations, rights
from participants.services.invitations import Issued
from participants.states import InvitationState

_TONES: dict[str, Tone] = {
    InvitationState.UNOPENED: "wait",
    InvitationState.OPENED: "good",
    InvitationState.EXPIRED: "quiet",
    InvitationState.REVOKED: "bad",
    InvitationState.REPLACED: "quiet",
}
_FORM = "admin/participants/invitation/form.html"


class OfMeeting(MeetingFilter):
    right, path = "view_invitation", "participant__meeting"


class InvitationAdmin(ReadOnly[Invitation]):
    change_form_template = "admin/participants/invitation/change_form.html"
    change_list_template = "admin/participants/invitation/change_list.html"
    list_display = ("who", "in_meeting", "state_", "mail", "until", "last_used", "made")
    list_filter = (InvitationFilter, OfMeeting)
    search_fields = ("participant__name", "participant__person__display_name", "participant__person__email")
    search_help_text = "Name or e-mail address"
    ordering = ("-created_at", "-id")
    actions = ("resend_chosen", "revoke_chosen")
    fields = ("who", "in_meeting", "state_", "mail", "made_on", "made_by", "until_on", "opened_on", "last_on", "uses")
    readonly_fields = (
        "who",
        "in_meeting",
        "state_",
        "mail",
        "made_on",
        "made_by",
        "until_on",
        "opened_on",
        "last_on",
    )

    def has_view_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return may(request, "view_invitation", obj.participant.meeting if obj else None)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_send_permission(self, request: HttpRequest) -> bool:
        return may(request, "send_invitation")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return may(request, "revoke_invitation")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        meetings = rights.list_meetings(request.user, "view_invitation").values("pk")
        latest = Message.objects.filter(invitation=OuterRef("pk")).order_by("-created_at")
        rows = Invitation.objects.with_relations().filter(participant__meeting__in=meetings)
        return rows.annotate(
            mail_state=Subquery(latest.values("state")[:1]),
            mail_error=Subquery(latest.values("last_error_detail")[:1]),
        ).order_by(*self.ordering)

    def get_urls(self) -> list[URLPattern]:
        wrap, name = self.admin_site.admin_view, "participants_invitation"
        own = [
            path("send/<uuid:meeting_pk>/", wrap(self.send_view), name=f"{name}_send"),
            path("send/<uuid:meeting_pk>/all/", wrap(self.all_view), name=f"{name}_all"),
            path("of/<uuid:participant_pk>/", wrap(self.of_view), name=f"{name}_of"),
            path("<uuid:pk>/revoke/", wrap(self.revoke_view), name=f"{name}_revoke"),
        ]
        return own + super().get_urls()

    @admin.display(description="person", ordering="participant__person__display_name")
    def who(self, row: Invitation) -> SafeString:
        shown = '<span class="rc-name">{}</span><span class="rc-sub">{}</span>'
        return format_html(shown, row.participant.effective_name, row.participant.person.email)

    @admin.display(description="meeting", ordering="participant__meeting__title")
    def in_meeting(self, row: Invitation) -> str:
        return row.participant.meeting.title

    @admin.display(description="state")
    def state_(self, row: Invitation) -> SafeString:
        state = row.decide_state(timezone.now())
        return badges.render_badge(state.label, _TONES[state])

    @admin.display(description="mail")
    def mail(self, row: Invitation) -> SafeString:
        state = getattr(row, "mail_state", None)
        if state is None:
            return badges.render_badge("Link copied", "quiet", "It was not mailed.")
        return render_mail_state(state, getattr(row, "mail_error", ""))

    @admin.display(description="works until", ordering="expires_at")
    def until(self, row: Invitation) -> SafeString:
        return badges.render_moment(row.expires_at, timezone.now())

    @admin.display(description="last used", ordering="last_used_at")
    def last_used(self, row: Invitation) -> SafeString:
        return badges.render_moment(row.last_used_at, timezone.now())

    @admin.display(description="made", ordering="created_at")
    def made(self, row: Invitation) -> SafeString:
        return badges.render_moment(row.created_at, timezone.now())

    @admin.display(description="made on")
    def made_on(self, row: Invitation) -> str:
        return badges.write_time(row.created_at)

    @admin.display(description="by")
    def made_by(self, row: Invitation) -> str:
        return row.issued_by.get_username() if row.issued_by else "–"

    @admin.display(description="works until")
    def until_on(self, row: Invitation) -> str:
        return badges.write_time(row.expires_at)

    @admin.display(description="first opened")
    def opened_on(self, row: Invitation) -> str:
        return badges.write_time(row.first_used_at) or "–"

    @admin.display(description="last used")
    def last_on(self, row: Invitation) -> str:
        return badges.write_time(row.last_used_at) or "–"

    @admin.action(description="Mail a new link", permissions=["send"])
    def resend_chosen(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        meetings = rights.list_meetings(request.user, "send_invitation").values("pk")
        rows = Participant.objects.filter(pk__in=queryset.values("participant"), meeting__in=meetings)
        self._send_all(request, rows)

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke_chosen(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        count, left = 0, 0
        for row in queryset:
            if may(request, "revoke_invitation", row.participant.meeting):
                count += invitations.revoke(row, by=read_actor(request))
            else:
                left += 1
        text = f"{count} invitation{'' if count == 1 else 's'} revoked."
        self.say(request, f"{text} {left} left alone: you may not." if left else text, good=not left)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        meeting = find_chosen_meeting(request, "send_invitation")
        more = {"chosen": meeting, "may_add": meeting is not None and may(request, "add_participant", meeting)}
        return super().changelist_view(request, {**(extra_context or {}), **more})

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        row: Invitation = context["original"]
        meeting = row.participant.meeting
        context.update(
            title=f"Invitation of {row.participant.effective_name}",
            subtitle=None,
            state=self.state_(row),
            again="" if row.is_replaced or not may(request, "send_invitation", meeting) else row.participant_id,
            may_revoke=row.revoked_at is None and may(request, "revoke_invitation", meeting),
        )
        return super().render_change_form(request, context, *args, **kwargs)

    def send_view(self, request: HttpRequest, meeting_pk: uuid.UUID) -> HttpResponse:
        """Invite one person who need not be enrolled yet."""
        meeting = find_meeting(request, meeting_pk, "send_invitation", "add_participant")
        form = InviteForm(request.POST or None, meeting=meeting)
        issued, step = None, request.POST.get("step", "")
        if step in STEPS and form.is_valid():
            issued = self._invite(request, meeting, form, mail=step == MAIL)
        fresh = InviteForm(None, meeting=meeting) if issued else form
        return self._show(request, meeting, fresh, issued, title="Invite somebody", who="")

    def of_view(self, request: HttpRequest, participant_pk: uuid.UUID) -> HttpResponse:
        """Invite somebody who is enrolled: a new link, in place of the one they may have."""
        row = Participant.objects.with_relations().filter(pk=participant_pk).first()
        if row is None:
            raise Http404("There is no such participant.")
        find_meeting(request, row.meeting_id, "send_invitation")
        form = UntilForm(request.POST or None)
        issued, step = None, request.POST.get("step", "")
        if step in STEPS and form.is_valid():
            issued = self._issue(request, row, form, mail=step == MAIL)
        title = f"Invite {row.effective_name}"
        more = {"live": invitations.find_live(row), "address": row.person.email, "row": row}
        return self._show(request, row.meeting, form, issued, title=title, who=row.effective_name, **more)

    def all_view(self, request: HttpRequest, meeting_pk: uuid.UUID) -> HttpResponse:
        """Mail everybody a new link, or only those who have none that works."""
        meeting = find_meeting(request, meeting_pk, "send_invitation")
        rows = Participant.objects.filter(meeting=meeting)
        step = request.POST.get("step", "")
        if step in ("all", "missing"):
            self._send_all(request, invitations.list_uninvited(rows) if step == "missing" else rows)
            return redirect(f"{self.link('changelist')}?meeting={meeting.pk}")
        everybody = invitations.list_invitable(rows).count()
        context = self.give_context(
            request,
            "Invite everybody who is enrolled",
            original=meeting,
            everybody=everybody,
            missing=invitations.list_uninvited(rows).count(),
            silent=rows.filter(state__in=("pending", "enrolled", "failed")).count() - everybody,
            obstacle=find_obstacle(),
        )
        return render(request, "admin/participants/invitation/all.html", context)

    def revoke_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        row = self.find_or_404(request, pk)
        if not may(request, "revoke_invitation", row.participant.meeting):
            raise PermissionDenied
        if request.method == "POST":
            done = invitations.revoke(row, by=read_actor(request))
            text = "The invitation was revoked. The person stays enrolled." if done else "It was revoked before."
            self.say(request, text, good=done)
        return self.go_to("change", row.pk)

    def _invite(self, request: HttpRequest, meeting: Meeting, form: InviteForm, *, mail: bool) -> Issued | None:
        data, by = form.cleaned_data, read_actor(request)
        try:
            expires_at = form.read_expiry()
            invitations.check_expiry(expires_at)
            if mail:
                invitations.check_mail()
            person = invitations.find_guest(name=data["name"], email=data["email"], by=by)
            return invitations.invite(
                meeting=meeting, person=person, preset=data["preset"], by=by, mail=mail, expires_at=expires_at
            )
        except RollcallError as error:
            form.add_error("until" if error.code == "expiry_past" else None, _tell(error))
            return None

    def _issue(self, request: HttpRequest, row: Participant, form: UntilForm, *, mail: bool) -> Issued | None:
        try:
            return invitations.issue(row, by=read_actor(request), mail=mail, expires_at=form.read_expiry())
        except RollcallError as error:
            form.add_error("until" if error.code == "expiry_past" else None, _tell(error))
            return None

    def _show(
        self,
        request: HttpRequest,
        meeting: Meeting,
        form: UntilForm,
        issued: Issued | None,
        *,
        title: str,
        **more: Any,
    ) -> HttpResponse:
        link = ""
        if issued is not None and not issued.mailed:
            link = issued.build_link(request.build_absolute_uri("/"))
        context = self.give_context(
            request,
            title,
            original=meeting,
            form=form,
            issued=issued,
            join_link=link,
            obstacle=find_obstacle(),
            **more,
        )
        answer = render(request, _FORM, context)
        answer["Cache-Control"] = "no-store"
        return answer

    def _send_all(self, request: HttpRequest, rows: Any) -> None:
        try:
            count = invitations.send_all(rows, by=read_actor(request))
        except RollcallError as error:
            self.say(request, _tell(error), good=False)
            return
        text = f"{count} invitation{'' if count == 1 else 's'} will be mailed. Links sent before no longer work."
        self.say(request, text if count else "Nobody was left to invite.", good=bool(count))


def find_meeting(request: HttpRequest, pk: uuid.UUID, *needed: str) -> Meeting:
    """The meeting, for somebody with all of these rights for it."""
    meeting = Meeting.objects.select_related("default_preset").filter(pk=pk).first()
    if meeting is None:
        raise Http404("There is no such meeting.")
    if not all(may(request, right, meeting) for right in needed):
        raise PermissionDenied
    return meeting


def find_chosen_meeting(request: HttpRequest, right: str) -> Meeting | None:
    """The meeting that a list is narrowed to, for somebody with the right for it."""
    try:
        meeting = Meeting.objects.filter(pk=uuid.UUID(request.GET.get("meeting", ""))).first()
    except ValueError:
        return None
    return meeting if meeting is not None and may(request, right, meeting) else None


def find_obstacle() -> str:
    """Why no mail can be sent, as staff are told it; blank when it can."""
    try:
        invitations.check_mail()
    except RollcallError as error:
        return str(error.data["reason"])
    return ""


def _tell(error: RollcallError) -> str:
    reason = error.data.get("reason", "")
    return f"{error} {reason}".strip()
