"""Batches: the list of them, and the page that follows one."""

import uuid
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from participants.admin import badges, downloads
from participants.admin.access import may, read_actor
from participants.admin.badges import Tone
from participants.admin.batchwords import HINTS, HOLDS, WORDS, describe_hold, describe_place
from participants.admin.mixins import ReadOnly
from participants.errors import RollcallError
from participants.models import Batch, BatchRow, Participant
from participants.models.batch import BatchRowQuerySet
from participants.services import batches, batchrights
from participants.states import BatchKind, BatchState, ParticipantState, RowOutcome

PAGE = 100
COPIED = 1000
"""Most rows in the box to copy from; beyond that there is the file."""

_STATE_TONES: dict[str, Tone] = {"running": "info", "waiting": "wait", "stopped": "quiet", "done": "good"}
_OUTCOME_TONES: dict[str, Tone] = {"pending": "wait", "enrolled": "good", "failed": "bad", "skipped": "quiet"}
ACTIONS = ("stop", "retry", "undo")


class BatchAdmin(ReadOnly[Batch]):
    list_display = ("what", "meeting_", "when", "who", "people", "state")
    list_filter = ("kind",)
    list_select_related = ("meeting", "started_by", "started_key")
    search_fields = ("meeting__title", "started_by__username")
    search_help_text = "Meeting or who started it"
    ordering = ("-created_at",)

    def has_view_permission(self, request: HttpRequest, obj: Batch | None = None) -> bool:
        if obj is not None:
            return batchrights.may_see(request.user, obj)
        needed = ("view_participant", *batchrights.STARTING.values())
        return any(may(request, right) for right in needed)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Batch]:
        enrolling = Participant.objects.filter(batch=OuterRef("pk"), state=ParticipantState.PENDING)
        # Found from the participants' side, once a page: they are few, and the rows of done batches many.
        acted = BatchRow.objects.filter(code="").values("batch")
        removing = acted.filter(participant__state=ParticipantState.REMOVING)
        added = acted.filter(participant__state=ParticipantState.PENDING)
        changing = acted.filter(participant__in=Participant.objects.drifted().values("pk"))
        pending = (
            ~Q(task="")
            | Q(Exists(enrolling), kind=BatchKind.ENROL)
            | Q(pk__in=removing, kind=BatchKind.REMOVE)
            | (Q(kind=BatchKind.PRESET) & (Q(pk__in=added) | Q(pk__in=changing)))
        )
        rows = batchrights.list_seen(request.user)
        return rows.annotate(is_pending=pending).order_by(*self.ordering)

    @admin.display(description="kind", ordering="kind")
    def what(self, row: Batch) -> str:
        return row.get_kind_display()

    @admin.display(description="meeting", ordering="meeting__title")
    def meeting_(self, row: Batch) -> str:
        return describe_place(row)

    @admin.display(description="started", ordering="created_at")
    def when(self, row: Batch) -> SafeString:
        return badges.render_moment(row.created_at, timezone.now())

    @admin.display(description="by", ordering="started_by__username")
    def who(self, row: Batch) -> str:
        return row.name_starter() or "–"

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
        words, (outcome, reason) = WORDS[batch.kind], _read_filter(request)
        rows = _filter(batches.list_rows(batch), outcome, reason)
        page = Paginator(rows, PAGE).get_page(request.GET.get("p"))
        progress = batches.measure(batch)
        context = self.give_context(
            request,
            batch.get_kind_display(),
            batch=batch,
            place=describe_place(batch),
            progress=progress,
            state=render_state(progress.state),
            hold=describe_hold(progress),
            holds=HOLDS.items(),
            hints=HINTS.items(),
            started=badges.render_moment(batch.created_at, timezone.now()),
            page=page,
            lines=[describe_row(row, batch.kind) for row in page],
            outcome=outcome,
            reason=reason,
            choices=[(name, label, progress.counts[name]) for name, label in words.outcomes.items()],
            reasons=_count_reasons(batch),
            copied="\n".join(rows.values_list("input", flat=True)[:COPIED]) if outcome or reason else "",
            more=page.paginator.count > COPIED,
            stoppable=progress.working or (batch.kind == BatchKind.ENROL and progress.counts[RowOutcome.PENDING] > 0),
            undoable=batches.count_undoable(batch) if not batch.undone_at else 0,
            may=[name for name in ACTIONS if batchrights.may_act(request.user, name, batch)],
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
        count = batches.count_undoable(batch)
        left = progress.total - count
        more = {
            "batch": batch,
            "count": count,
            "left": left,
            "words": WORDS[batch.kind],
            "place": describe_place(batch),
        }
        context = self.give_context(request, f"Undo this {batch.get_kind_display().lower()}?", **more)
        return render(request, "admin/participants/batch/undo.html", context)

    def rows_view(self, request: HttpRequest, pk: uuid.UUID) -> StreamingHttpResponse:
        batch = self.find_or_404(request, pk)
        rows = _filter(batches.list_rows(batch), *_read_filter(request))
        name = f"{batch.kind}-{batch.created_at:%Y-%m-%d-%H%M}.csv"
        return downloads.answer_csv(_list_cells(rows, batch.kind), name)

    def _find_for(self, request: HttpRequest, pk: uuid.UUID, action: str) -> Batch:
        batch = self.find_or_404(request, pk)
        if action not in ACTIONS:
            raise Http404
        if not batchrights.may_act(request.user, action, batch):
            raise PermissionDenied
        return batch

    def _act(self, request: HttpRequest, batch: Batch, action: str) -> None:
        by, words = read_actor(request), WORDS[batch.kind]
        if action == "stop":
            count = batches.stop(batch, by=by)
            self.say(request, f"Stopped. {_count(count)} {words.stopped}.", good=True)
        elif action == "retry":
            count = batches.retry(batch, by=by)
            self.say(request, f"{_count(count)} who had failed will be tried again.", good=True)
        else:
            count = batches.undo(batch, by=by)
            self.say(request, f"Undone. {_count(count)} {words.done}.", good=True)


def render_state(state: BatchState) -> SafeString:
    return badges.render_badge(state.label, _STATE_TONES.get(state.value, "quiet"))


def describe_row(row: BatchRow, kind: str) -> dict[str, Any]:
    """What the page says of one row."""
    outcome, reason, person = row.read_outcome(), row.read_reason(), row.participant
    words, tone, text = WORDS[kind], _OUTCOME_TONES[outcome], row.detail
    label = words.outcomes[outcome]
    if outcome == RowOutcome.SKIPPED:
        label, tone, sentence = words.reasons.get(reason, (label, "quiet", ""))
        text = row.detail or sentence
    elif person is not None and reason:
        text = person.last_error_detail or reason
    link = reverse("admin:participants_participant_change", args=[person.pk]) if person else ""
    name = person.effective_name if person else ""
    return {"row": row, "badge": badges.render_badge(label, tone), "text": text, "link": link, "name": name}


def _count_reasons(batch: Batch) -> list[tuple[str, str, int]]:
    counts = BatchRow.objects.filter(batch=batch).count_codes()
    reasons = WORDS[batch.kind].reasons
    named = [(code, reasons[code][0] if code in reasons else code, n) for code, n in counts.items()]
    return sorted(named, key=lambda item: -item[2])


def _read_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Http404("There is no such batch.") from None


def _read_filter(request: HttpRequest) -> tuple[str, str]:
    outcome, reason = request.GET.get("outcome", ""), request.GET.get("reason", "")
    known = any(reason in words.reasons for words in WORDS.values())
    return (outcome if outcome in RowOutcome.values else ""), (reason if known else "")


def _filter(rows: BatchRowQuerySet, outcome: str, reason: str) -> BatchRowQuerySet:
    if outcome:
        rows = rows.narrow(outcome=outcome)
    return rows.filter(code=reason) if reason else rows


def _count(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"


def _list_cells(rows: BatchRowQuerySet, kind: str) -> Iterator[list[object]]:
    yield ["line", "input", "name", "outcome", "reason", "detail"]
    for row in rows.iterator(chunk_size=500):
        told = describe_row(row, kind)
        yield [row.line, row.input, told["name"], row.read_outcome().value, row.read_reason(), told["text"]]
