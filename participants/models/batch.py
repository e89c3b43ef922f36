from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Case, Count, F, Min, Q, Value, When

from participants.models.apikey import ApiKey
from participants.models.base import CHANGE_REFUSED, Claimed, Identified, LeasedQuerySet
from participants.models.meeting import Meeting
from participants.models.participant import Participant
from participants.models.preset import Preset
from participants.states import RESTORABLE, BatchKind, BatchState, BatchTask, ParticipantState, RowOutcome


class BatchQuerySet(LeasedQuerySet["Batch"]):
    def with_relations(self) -> "BatchQuerySet":
        return self.select_related("meeting", "meeting__default_preset", "preset", "started_by", "started_key")

    def unfinished(self) -> "BatchQuerySet":
        """With work left in their rows."""
        return self.exclude(task="")


class Batch(Identified, Claimed):
    """One bulk enrolment, removal or preset change: who asked, what was asked, what became of each row.

    How far it is can be read from its rows' participants; only what staff decided is stored here, and as ``task``
    what of that still has to be done to the rows. Whoever holds the lease does it.
    """

    kind = models.CharField(max_length=16, choices=BatchKind.choices, default=BatchKind.ENROL, editable=False)
    meeting = models.ForeignKey(
        Meeting,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="batches",
        help_text="Empty where its people are in several meetings.",
    )
    preset = models.ForeignKey(
        Preset, null=True, blank=True, on_delete=models.PROTECT, related_name="batches", editable=False
    )
    total = models.PositiveIntegerField(default=0, editable=False, help_text="Entries of the list.")
    pre_enrol = models.BooleanField(default=False, editable=False)
    invites = models.BooleanField(
        default=False, editable=False, help_text="Each it enrols is mailed a personal link."
    )
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="batches", editable=False
    )
    started_key = models.ForeignKey(
        ApiKey, null=True, on_delete=models.PROTECT, related_name="batches", editable=False
    )
    via = models.CharField(max_length=16, editable=False)
    stopped_at = models.DateTimeField(null=True, blank=True, editable=False)
    undone_at = models.DateTimeField(null=True, blank=True, editable=False)
    task = models.CharField(max_length=16, choices=BatchTask.choices, blank=True, default="", editable=False)
    task_at = models.DateTimeField(null=True, blank=True, editable=False)
    task_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    task_key = models.ForeignKey(ApiKey, null=True, on_delete=models.PROTECT, related_name="+", editable=False)

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name = "batch"
        verbose_name_plural = "batches"
        ordering = ["-created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(kind=BatchKind.ENROL) | Q(meeting__isnull=False), name="batch_enrols_into_a_meeting"
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], condition=~Q(task=""), name="batch_unfinished"),
            models.Index(fields=["created_at", "id"], name="batch_newest"),
        ]

    def __str__(self) -> str:
        where = self.meeting.title if self.meeting else "several meetings"
        return f"{self.get_kind_display()}, {where} ({self.created_at:%Y-%m-%d %H:%M})"

    def name_starter(self) -> str:
        """Who asked for it; blank for nobody who is known."""
        if self.started_key is not None:
            return f"API key {self.started_key}"
        return self.started_by.get_username() if self.started_by else ""

    def decide_state(self, pending: int, waiting_until: datetime | None) -> BatchState:
        if self.undone_at:
            return BatchState.UNDONE
        if self.stopped_at:
            return BatchState.STOPPED
        if not pending:
            return BatchState.DONE
        return BatchState.WAITING if waiting_until else BatchState.RUNNING


_UNWORKED = "unworked"
_S, _R = ParticipantState, RowOutcome
_IS_SKIPPED = ~Q(code="")
_IS_REFUSED = Q(participant__state=_S.ENROLLED, participant__last_error_code=CHANGE_REFUSED)
_IS_OVERTAKEN = ~Q(participant__preset=F("batch__preset"))
_IS_APPLIED = Q(participant__applied_preset=F("batch__preset__name"))


def _decide(*cases: tuple[Q, RowOutcome], otherwise: RowOutcome) -> Case:
    """The first that fits. A row that nobody has worked on yet is pending, one with a code of its own skipped."""
    whens = [
        When(code=_UNWORKED, then=Value(_R.PENDING.value)),
        When(_IS_SKIPPED, then=Value(_R.SKIPPED.value)),
        *(When(condition, then=Value(outcome.value)) for condition, outcome in cases),
    ]
    return Case(*whens, default=Value(otherwise.value), output_field=models.CharField())


def _explain(*cases: tuple[Q, Any]) -> Case:
    """The row's own code, else the first that fits, else its participant's last error."""
    whens = [
        When(code=_UNWORKED, then=Value("")),
        When(_IS_SKIPPED, then=F("code")),
        *(When(condition, then=Value(reason)) for condition, reason in cases),
    ]
    return Case(*whens, default=F("participant__last_error_code"), output_field=models.CharField())


_IS_GONE = Q(participant__state__in=RESTORABLE)
_OUTCOMES: dict[str, Case] = {
    BatchKind.ENROL: _decide(
        (Q(participant__state=_S.PENDING), _R.PENDING),
        (Q(participant__state=_S.ENROLLED), _R.ENROLLED),
        (Q(participant__state=_S.FAILED), _R.FAILED),
        otherwise=_R.SKIPPED,
    ),
    BatchKind.REMOVE: _decide(
        (Q(participant__state=_S.REMOVING), _R.PENDING),
        (Q(participant__state=_S.REMOVED), _R.ENROLLED),
        otherwise=_R.SKIPPED,
    ),
    BatchKind.PRESET: _decide(
        (_IS_GONE | _IS_OVERTAKEN, _R.SKIPPED),
        (Q(participant__state=_S.FAILED) | _IS_REFUSED, _R.FAILED),
        (Q(participant__state=_S.ENROLLED) & _IS_APPLIED, _R.ENROLLED),
        otherwise=_R.PENDING,
    ),
}
_REASONS: dict[str, Case] = {
    BatchKind.ENROL: _explain((_IS_GONE, "removed")),
    BatchKind.REMOVE: _explain((~_IS_GONE, "restored")),
    BatchKind.PRESET: _explain((_IS_GONE, "removed"), (_IS_OVERTAKEN, "changed_since")),
}


class BatchRowQuerySet(models.QuerySet["BatchRow"]):
    def with_outcome(self, kind: str) -> "BatchRowQuerySet":
        """Adds outcome and reason: as decided on the row, else what its participant has come to."""
        return self.annotate(outcome=_OUTCOMES[kind], reason=_REASONS[kind])

    def narrow(self, **wanted: str) -> "BatchRowQuerySet":
        """Rows ``with_outcome`` of that outcome or reason."""
        return self.filter(**wanted)

    def unworked(self) -> "BatchRowQuerySet":
        return self.filter(code=_UNWORKED)

    def count_codes(self) -> dict[str, int]:
        """Rows that were skipped, by why."""
        grouped = self.exclude(code__in=("", _UNWORKED)).order_by().values("code").annotate(n=Count("pk"))
        return {item["code"]: item["n"] for item in grouped}

    def tally(self, kind: str, *, since: datetime, now: datetime) -> dict[str, dict[str, Any]]:
        """Of each outcome: ``n`` rows, how many of them changed ``since`` then, and when the first is ``due``."""
        due = Case(
            When(participant__next_attempt_at=None, then=Value(now)),
            default=F("participant__next_attempt_at"),
            output_field=models.DateTimeField(),
        )
        changed = Count("pk", filter=Q(participant__updated_at__gt=since))
        grouped = self.annotate(outcome=_OUTCOMES[kind]).order_by().values("outcome")
        counted = grouped.annotate(n=Count("pk"), recent=changed, due=Min(due))
        return {item["outcome"]: dict(item) for item in counted}

    def of_withdrawn(self) -> "BatchRowQuerySet":
        """Rows whose participant was withdrawn with the batch that still is the last to have enrolled them."""
        return self.filter(code__in=(BatchRow.STOPPED, BatchRow.UNDONE), batch=F("participant__batch"))


class BatchRow(models.Model):
    """One entry of a batch's list. ``code`` is blank while the participant says how far it is, else why it is not.

    A row that nobody has worked on yet holds what is needed for that: a participant, or what was read from the list
    as ``entry``.
    """

    UNWORKED = _UNWORKED
    STOPPED = "stopped"
    UNDONE = "undone"

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="rows")
    position = models.PositiveIntegerField()
    line = models.PositiveIntegerField()
    input = models.CharField(max_length=200)
    entry = models.JSONField(null=True, help_text="What was read, until it is worked on.")
    participant = models.ForeignKey(Participant, null=True, on_delete=models.PROTECT, related_name="batch_rows")
    code = models.CharField(max_length=32, blank=True, default="")
    detail = models.CharField(max_length=200, blank=True, default="")
    acted_at = models.DateTimeField(null=True, help_text="Removals: the participant's removed_at as this row set it.")
    former_preset = models.ForeignKey(
        Preset,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Preset changes: what undoing restores.",
    )

    objects = BatchRowQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "position"], name="batch_row_position_unique"),
            models.CheckConstraint(
                condition=~Q(code="") | Q(participant__isnull=False), name="batch_row_has_participant_or_code"
            ),
        ]
        indexes = [models.Index(fields=["batch", "position"], condition=Q(code=_UNWORKED), name="batch_row_unworked")]

    def __str__(self) -> str:
        return f"{self.line}: {self.input}"

    def read_outcome(self) -> RowOutcome:
        """Of a row ``with_outcome``."""
        return RowOutcome(getattr(self, "outcome", ""))

    def read_reason(self) -> str:
        """A code, or blank; of a row ``with_outcome``."""
        return str(getattr(self, "reason", ""))
