"""Bulk enrolments: the list of them, and the page that follows one."""

import csv
import uuid
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from participants.admin import badges
from participants.admin.access import may, read_actor
from participants.admin.badges import Tone
from participants.admin.bulk import LABELS, REASONS
from participants.admin.mixins import ReadOnly
from participants.errors import RollcallError
from participants.models import Batch, BatchRow, Participant
from participants.models.batch import BatchRowQuerySet
from participants.services import batches, rights
from participants.states import BatchState, ParticipantState, RowOutcome

PAGE = 100
COPIED = 1000
"""Most rows in the box to copy from; beyond that there is the file."""

_STATE_TONES: dict[str, Tone] = {"running": "info", "waiting": "wait", "stopped": "quiet", "done": "good"}
_OUTCOME_TONES: dict[str, Tone] = {"pending": "wait", "enrolled": "good", "failed": "bad", "skipped": "quiet"}
RIGHTS = {"stop": "add_participant", "retry": "add_participant", "undo": "remove_participant"}


class BatchAdmin(ReadOnly[Batch]):
    list_display = ("meeting_", "when", "who", "people", "state")
    list_select_related = ("meeting", "started_by")
    search_fields = ("meeting__title", "started_by__username")
    search_help_text = "Meeting or who started it"
    ordering = ("-created_at",)

    def has_view_permission(self, request: HttpRequest, obj: Batch | None = None) -> bool:
        meeting = obj.meeting if obj else None
        return may(request, "add_participant", meeting) or may(request, "view_participant", meeting)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Batch]:
        wide = rights.holds(request.user, "view_participant")
        meetings = rights.list_meetings(request.user, "view_participant" if wide else "add_participant")
        pending = Participant.objects.filter(batch=OuterRef("pk"), state=ParticipantState.PENDING)
        rows = Batch.objects.with_relations().filter(meeting__in=meetings.values("pk"))
        return rows.annotate(is_pending=Exists(pending)).order_by(*self.ordering)

    @admin.display(description="meeting", ordering="meeting__title")
    def meeting_(self, row: Batch) -> str:
        return row.meeting.title

    @admin.display(description="started", ordering="created_at")
    def when(self, row: Batch) -> SafeString:
        return badges.render_moment(row.created_at, timezone.now())

    @admin.display(description="by", ordering="started_by__username")
    def who(self, row: Batch) -> str:
        return row.started_by.get_username() if row.started_by else "–"

    @admin.display(description="people in the list", ordering="total")
    def people(self, row: Batch) -> int:
        return row.total

    @admin.display
    def state(self, row: Batch) -> SafeString:
        return render_state(row.decide_state(int(getattr(row, "is_pending", False)), None))

    def get_urls(self) -> list[URLPattern]:
        wrap, name = self.admin_site.admin_view, "participants_batch"
        own = [
            path("<uuid:pk>/rows.csv", wrap(self.rows_view), name=f"{name}_rows"),
            path("<uuid:pk>/undo/", wrap(self.undo_view), name=f"{name}_undo"),
            path("<uuid:pk>/<slug:action>/now/", wrap(self.act_view), name=f"{name}_act"),
        ]
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        batch = self.find_or_404(request, _read_id(object_id))
        outcome, reason = _read_filter(request)
        rows = _filter(batches.list_rows(batch), outcome, reason)
        page = Paginator(rows, PAGE).get_page(request.GET.get("p"))
        progress = batches.measure(batch)
        context = self.give_context(
            request,
            "Bulk enrolment",
            batch=batch,
            progress=progress,
            state=render_state(progress.state),
            started=badges.render_moment(batch.created_at, timezone.now()),
            page=page,
            lines=[describe_row(row) for row in page],
            outcome=outcome,
            reason=reason,
            choices=[(o.value, o.label, progress.counts[o]) for o in RowOutcome],
            reasons=_count_reasons(batch),
            copied="\n".join(rows.values_list("input", flat=True)[:COPIED]) if outcome or reason else "",
            more=page.paginator.count > COPIED,
            undoable=batches.count_undoable(batch) if not batch.undone_at else 0,
            may=[name for name, right in RIGHTS.items() if may(request, right, batch.meeting)],
            api=reverse("api:manage-batch", args=[batch.pk]),
        )
        return render(request, "admin/participants/batch/page.html", context)

    def act_view(self, request: HttpRequest, pk: uuid.UUID, action: str) -> HttpResponse:
        batch = self._find_for(request, pk, action)
        if request.method == "POST":
            try:
                self._act(request, batch, action)
            except RollcallError as error:
                self.say(request, str(error), good=False)
        return self.go_to("change", batch.pk)

    def undo_view(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        batch = self._find_for(request, pk, "undo")
        progress = batches.measure(batch)
        removed = batches.count_undoable(batch)
        left = progress.total - removed
        more = {"batch": batch, "removed": removed, "left": left, "progress": progress}
        return render(
            request, "admin/participants/batch/undo.html", self.give_context(request, "Undo bulk enrolment", **more)
        )

    def rows_view(self, request: HttpRequest, pk: uuid.UUID) -> StreamingHttpResponse:
        batch = self.find_or_404(request, pk)
        rows = _filter(batches.list_rows(batch), *_read_filter(request))
        answer = StreamingHttpResponse(_write_csv(rows), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="enrolment-{batch.created_at:%Y-%m-%d-%H%M}.csv"'
        answer["Cache-Control"] = "no-store"
        return answer

    def _find_for(self, request: HttpRequest, pk: uuid.UUID, action: str) -> Batch:
        batch = self.find_or_404(request, pk)
        if action not in RIGHTS:
            raise Http404
        if not may(request, RIGHTS[action], batch.meeting):
            raise PermissionDenied
        return batch

    def _act(self, request: HttpRequest, batch: Batch, action: str) -> None:
        by = read_actor(request)
        if action == "stop":
            count = batches.stop(batch, by=by)
            self.say(request, f"Stopped. {_count(count)} who were still waiting will not be enrolled.", good=True)
        elif action == "retry":
            count = batches.retry(batch, by=by)
            self.say(request, f"{_count(count)} who had failed will be tried again.", good=True)
        else:
            count = batches.undo(batch, by=by)
            text = f"Undone. {_count(count)} were removed: refused from now on, and deleted at RealtimeKit shortly."
            self.say(request, text, good=True)


def render_state(state: BatchState) -> SafeString:
    return badges.render_badge(state.label, _STATE_TONES.get(state.value, "quiet"))


def describe_row(row: BatchRow) -> dict[str, Any]:
    """What the page says of one row."""
    outcome, reason, person = row.read_outcome(), row.read_reason(), row.participant
    tone = _OUTCOME_TONES[outcome]
    label: str = outcome.label
    text = row.detail
    if outcome == RowOutcome.SKIPPED:
        tone, sentence = REASONS.get(reason, ("quiet", ""))
        label, text = LABELS.get(reason, label), row.detail or sentence
    elif person is not None and reason:
        text = person.last_error_detail or reason
    link = reverse("admin:participants_participant_change", args=[person.pk]) if person else ""
    name = person.effective_name if person else ""
    return {"row": row, "badge": badges.render_badge(label, tone), "text": text, "link": link, "name": name}


def _count_reasons(batch: Batch) -> list[tuple[str, str, int]]:
    counts = BatchRow.objects.filter(batch=batch).count_codes()
    return [(code, LABELS.get(code, code), n) for code, n in sorted(counts.items(), key=lambda item: -item[1])]


def _read_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Http404("There is no such bulk enrolment.") from None


def _read_filter(request: HttpRequest) -> tuple[str, str]:
    outcome, reason = request.GET.get("outcome", ""), request.GET.get("reason", "")
    return (outcome if outcome in RowOutcome.values else ""), (reason if reason in LABELS else "")


def _filter(rows: BatchRowQuerySet, outcome: str, reason: str) -> BatchRowQuerySet:
    if outcome:
        rows = rows.with_result(outcome)
    return rows.filter(code=reason) if reason else rows


def _count(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"


class _Line:
    """What a csv writer writes to; gives each line back."""

    def write(self, text: str) -> str:
        return text


def _write_csv(rows: BatchRowQuerySet) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow(["line", "input", "name", "outcome", "reason", "detail"])
    for row in rows.iterator(chunk_size=500):
        told = describe_row(row)
        cells = [row.line, row.input, told["name"], row.read_outcome().value, row.read_reason(), told["text"]]
        yield writer.writerow([_defuse(str(cell)) for cell in cells])


def _defuse(cell: str) -> str:
    """A spreadsheet takes a cell that begins so for a formula; the apostrophe makes it text."""
    risky = cell.lstrip().startswith(("=", "+", "-", "@")) or cell.startswith(("\t", "\r", "\n"))
    return f"'{cell}" if risky else cell
