"""Comparisons with RealtimeKit: the latest of each meeting, what differs, what is to be done about it."""

import uuid
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from participants.admin import badges
from participants.admin.access import may, read_actor
from participants.admin.driftwording import LEADS, describe_item
from participants.admin.mixins import ReadOnly
from participants.errors import RollcallError
from participants.models import DriftItem, DriftReport, Meeting
from participants.realtimekit import Deadline
from participants.services import adoption, drift, rights
from participants.services.people import parse_id
from participants.services.settling import STAFF_SECONDS
from participants.states import DRIFT_ACTIONS, DriftAction, DriftKind, DriftOutcome

SHOWN = 80
"""Differences of one kind on the page, so that the form stays below the number of fields that Django reads."""
NONE = "none"


class DriftReportAdmin(ReadOnly[DriftReport]):
    list_display = ("meeting_", "compared", "differences", "undecided")
    list_select_related = ("meeting",)
    search_fields = ("meeting__title",)
    search_help_text = "Meeting"
    ordering = ("-created_at",)

    def has_view_permission(self, request: HttpRequest, obj: DriftReport | None = None) -> bool:
        return may(request, "view_participant", obj.meeting if obj else None)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[DriftReport]:
        """All for their own pages; the list shows the latest of each meeting."""
        meetings = rights.list_meetings(request.user, "view_participant")
        rows = DriftReport.objects.filter(meeting__in=meetings.values("pk")).select_related(
            "meeting", "applied_by", "applied_key"
        )
        if request.resolver_match is not None and request.resolver_match.url_name == f"{self._name}_changelist":
            rows = rows.latest_of_each()
        count = Count("items", filter=Q(items__outcome__in=(DriftOutcome.OPEN, DriftOutcome.WAITING)))
        return rows.annotate(open_count=count).order_by(*self.get_ordering(request))

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Where something is left to decide comes first."""
        return ("-open_count", *self.ordering)

    @property
    def _name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    @admin.display(description="meeting", ordering="meeting__title")
    def meeting_(self, row: DriftReport) -> SafeString:
        return format_html('<span class="rc-name">{}</span>', row.meeting.title)

    @admin.display(ordering="created_at")
    def compared(self, row: DriftReport) -> SafeString:
        return badges.render_moment(row.created_at, timezone.now())

    @admin.display(ordering="total")
    def differences(self, row: DriftReport) -> SafeString:
        if not row.total:
            return badges.render_badge("Both sides agree", "good")
        return badges.render_badge(_count(row.total), "wait")

    @admin.display(description="not decided", ordering="open_count")
    def undecided(self, row: DriftReport) -> int:
        return int(getattr(row, "open_count", 0))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        more = {"title": "Comparisons", "may_adopt_meetings": rights.holds(request.user, "add_meeting")}
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("of/<uuid:pk>/", wrap(self.compare_view), name=f"{self._name}_compare"),
            path("elsewhere/", wrap(self.elsewhere_view), name=f"{self._name}_elsewhere"),
        ]
        return own + super().get_urls()

    def compare_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Compare now (POST), or go to what the last comparison of the meeting found."""
        meeting = rights.list_meetings(request.user, "view_participant").filter(pk=pk).first()
        if meeting is None:
            raise Http404("There is no such meeting, or you may not see its participants.")
        if request.method == "POST":
            if not may(request, "change_participant", meeting):
                raise PermissionDenied
            try:
                return self.go_to("change", drift.compare(meeting, by=read_actor(request)).pk)
            except RollcallError as error:
                text = "It was not compared. If there are too many people for the time that a page may take, the "
                text += f"background compares it next. {error} {error.data.get('reason', '')}"
                self.say(request, text.strip(), good=False)
        report = drift.find_latest(meeting)
        if report is not None:
            return self.go_to("change", report.pk)
        if may(request, "view_meeting", meeting):
            return redirect("admin:participants_meeting_change", meeting.pk)
        return self.go_to("changelist")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        key = parse_id(object_id)
        if key is None:
            raise Http404("There is no such comparison.")
        report = self.find_or_404(request, key)
        if request.method != "POST":
            drift.follow(report)
            return self._show(request, report)
        chosen = _read_choices(request.POST, report)
        right = rights.find_missing_right(request.user, report.meeting, ((i, a.value) for i, a in chosen))
        if right or not may(request, "change_participant", report.meeting):
            raise PermissionDenied
        if request.POST.get("step") == "apply":
            return self._apply(request, report, {item.pk: action for item, action in chosen})
        if not chosen:
            self.say(request, "Nothing was chosen, so nothing would be done.", good=False)
            return self.go_to("change", report.pk)
        return self._confirm(request, report, chosen)

    def elsewhere_view(self, request: HttpRequest) -> HttpResponse:
        """Meetings that RealtimeKit has and we have not: looked for on demand, adopted one by one."""
        if not rights.holds(request.user, "add_meeting"):
            raise PermissionDenied
        found: list[adoption.Unknown] | None = None
        step, deadline = request.POST.get("step", ""), Deadline.after(STAFF_SECONDS)
        try:
            if step == "adopt":
                wanted = request.POST.getlist("meeting")
                made = adoption.adopt_meetings(wanted, by=read_actor(request), deadline=deadline)
                text = (
                    f"{len(made)} meeting{'' if len(made) == 1 else 's'} adopted. Enrol people, or compare to adopt"
                )
                self.say(request, f"{text} those who are in there already.", good=bool(made))
                return redirect("admin:participants_meeting_changelist")
            if step == "look":
                found = adoption.list_unknown(deadline=deadline)
        except RollcallError as error:
            self.say(request, f"{error} {error.data.get('reason', '')}".strip(), good=False)
        context = self.give_context(request, "Meetings made elsewhere", found=found, shown=SHOWN)
        return render(request, "admin/participants/driftreport/elsewhere.html", context)

    def _show(self, request: HttpRequest, report: DriftReport) -> HttpResponse:
        decides = may(request, "change_participant", report.meeting)
        groups = [_describe_group(request, report, kind, count) for kind, count in _count_kinds(report)]
        outcomes = report.items.count_outcomes()
        context = self.give_context(
            request,
            "Comparison with RealtimeKit",
            report=report,
            groups=groups,
            compared=badges.render_moment(report.created_at, timezone.now()),
            outcomes=[(o.label, outcomes[o]) for o in DriftOutcome if outcomes.get(o)],
            decides=decides and any(group["actions"] for group in groups),
            may_compare=decides,
            waiting=outcomes.get(DriftOutcome.WAITING, 0),
            newer=_find_newer(report),
            may_see_meeting=may(request, "view_meeting", report.meeting),
        )
        return render(request, "admin/participants/driftreport/page.html", context)

    def _confirm(
        self, request: HttpRequest, report: DriftReport, chosen: list[tuple[DriftItem, DriftAction]]
    ) -> HttpResponse:
        piles: dict[tuple[str, str], list[DriftItem]] = {}
        for item, action in chosen:
            piles.setdefault((item.kind, action.value), []).append(item)
        kept = [(name, value) for name, value in request.POST.items() if name[:2] in ("i-", "g-")]
        context = self.give_context(
            request,
            "Carry this out?",
            report=report,
            kept=kept,
            total=len(chosen),
            piles=[
                {
                    "label": f"{DriftKind(kind).label}: {DriftAction(action).label.lower()}",
                    "lead": LEADS[DriftKind(kind)].consequences[DriftAction(action)],
                    "count": len(items),
                    "names": [describe_item(item).who for item in items[:SHOWN]],
                    "more": max(0, len(items) - SHOWN),
                    "danger": action == DriftAction.REMOVE,
                }
                for (kind, action), items in piles.items()
            ],
        )
        return render(request, "admin/participants/driftreport/confirm.html", context)

    def _apply(self, request: HttpRequest, report: DriftReport, choices: dict[int, DriftAction]) -> HttpResponse:
        by = read_actor(request)
        decided = drift.decide(report, choices, by=by)
        trouble = drift.work(report, by=by) if decided else None
        ends = report.items.exclude(action="").count_outcomes()
        told = ", ".join(f"{ends[o]} {o.label.lower()}" for o in DriftOutcome if ends.get(o))
        reason = f" {trouble} {trouble.data.get('reason', '')}".rstrip() if trouble else ""
        good = trouble is None and not ends.get(DriftOutcome.FAILED)
        self.say(
            request,
            f"{_count(decided)} decided on: {told}.{reason}" if decided else "Nothing was left to do.",
            good=good,
        )
        return self.go_to("change", report.pk)


def _count_kinds(report: DriftReport) -> list[tuple[DriftKind, int]]:
    counts = report.items.count_kinds()
    return [(kind, counts[kind]) for kind in DriftKind if kind in counts]


def _describe_group(request: HttpRequest, report: DriftReport, kind: DriftKind, count: int) -> dict[str, Any]:
    items = list(report.items.filter(kind=kind).select_related("participant")[:SHOWN])
    allowed = [action for action in DRIFT_ACTIONS[kind] if _may_act(request, report, kind, action)]
    undecided = any(item.outcome == DriftOutcome.OPEN for item in items)
    return {
        "kind": kind.value,
        "label": kind.label,
        "lead": LEADS[kind].text,
        "count": count,
        "more": max(0, count - SHOWN),
        "actions": [(action.value, action.label) for action in allowed] if undecided else [],
        "none": NONE,
        "is_meeting": kind in (DriftKind.TITLE_DIFFERS, DriftKind.STATUS_DIFFERS, DriftKind.MEETING_GONE),
        "lines": [describe_item(item, [action.value for action in allowed]) for item in items],
    }


def _may_act(request: HttpRequest, report: DriftReport, kind: DriftKind, action: DriftAction) -> bool:
    if not may(request, "change_participant", report.meeting):
        return False
    right = rights.find_drift_right(DriftItem(kind=kind), action.value)
    return may(request, right, report.meeting)


def _read_choices(data: QueryDict, report: DriftReport) -> list[tuple[DriftItem, DriftAction]]:
    """Per kind all alike where that was chosen, else what was marked; only what is open and allowed."""
    whole = {kind: data.get(f"g-{kind.value}", "") for kind in DriftKind}
    marked = {name[2:]: value for name, value in data.items() if name.startswith("i-")}
    chosen = []
    for item in report.items.filter(outcome=DriftOutcome.OPEN).iterator(chunk_size=1000):
        action = whole[DriftKind(item.kind)] or marked.get(str(item.pk), "")
        if action in DriftAction.values and action in item.actions:
            chosen.append((item, DriftAction(str(action))))
    return chosen


def _find_newer(report: DriftReport) -> DriftReport | None:
    latest = drift.find_latest(report.meeting)
    return latest if latest is not None and latest.pk != report.pk else None


def describe_latest(request: HttpRequest, meeting: Meeting) -> dict[str, Any]:
    """What the meeting's own page says of its last comparison."""
    if not may(request, "view_participant", meeting):
        return {}
    report = drift.find_latest(meeting)
    left = 0 if report is None else report.items.filter(outcome=DriftOutcome.OPEN).count()
    return {
        "may_compare": bool(meeting.realtimekit_id) and may(request, "change_participant", meeting),
        "drift_url": reverse("admin:participants_driftreport_change", args=[report.pk]) if report else "",
        "drift_text": "" if report is None else (_count(left) if left else "Both sides agree"),
        "drift_open": left,
        "drift_when": badges.render_moment(report.created_at, timezone.now()) if report else "",
    }


def _count(number: int) -> str:
    return "1 difference" if number == 1 else f"{number} differences"
