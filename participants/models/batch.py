from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Case, Count, F, Q, Value, When

from participants.models.base import Identified
from participants.models.meeting import Meeting
from participants.models.participant import Participant
from participants.models.preset import Preset
from participants.states import BatchState, ParticipantState, RowOutcome


class BatchQuerySet(models.QuerySet["Batch"]):
    def with_relations(self) -> "BatchQuerySet":
        return self.select_related("meeting", "meeting__default_preset", "preset", "started_by")


class Batch(Identified):
    """One bulk enrolment: who asked, what was asked, what became of each row.

    How far it is can be read from its rows' participants; only what staff decided is stored here.
    """

    meeting = models.ForeignKey(Meeting, on_delete=models.PROTECT, related_name="batches")
    preset = models.ForeignKey(
        Preset, null=True, blank=True, on_delete=models.PROTECT, related_name="batches", editable=False
    )
    total = models.PositiveIntegerField(default=0, editable=False, help_text="Entries of the list.")
    pre_enrol = models.BooleanField(default=False, editable=False)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="batches", editable=False
    )
    via = models.CharField(max_length=16, editable=False)
    stopped_at = models.DateTimeField(null=True, blank=True, editable=False)
    undone_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name = "bulk enrolment"
        ordering = ["-created_at", "id"]

    def __str__(self) -> str:
        return f"Bulk enrolment into {self.meeting} ({self.created_at:%Y-%m-%d %H:%M})"

    def decide_state(self, pending: int, waiting_until: datetime | None) -> BatchState:
        if self.undone_at:
            return BatchState.UNDONE
        if self.stopped_at:
            return BatchState.STOPPED
        if not pending:
            return BatchState.DONE
        return BatchState.WAITING if waiting_until else BatchState.RUNNING


_OUTCOME = Case(
    When(~Q(code=""), then=Value(RowOutcome.SKIPPED.value)),
    When(participant__state=ParticipantState.PENDING, then=Value(RowOutcome.PENDING.value)),
    When(participant__state=ParticipantState.ENROLLED, then=Value(RowOutcome.ENROLLED.value)),
    When(participant__state=ParticipantState.FAILED, then=Value(RowOutcome.FAILED.value)),
    default=Value(RowOutcome.SKIPPED.value),
    output_field=models.CharField(),
)


_REASON = Case(
    When(~Q(code=""), then=F("code")),
    When(
        participant__state__in=[ParticipantState.PENDING, ParticipantState.ENROLLED, ParticipantState.FAILED],
        then=F("participant__last_error_code"),
    ),
    default=Value("removed"),
    output_field=models.CharField(),
)


class BatchRowQuerySet(models.QuerySet["BatchRow"]):
    def with_outcome(self) -> "BatchRowQuerySet":
        """Adds outcome and reason: as decided on the row, else what its participant has come to."""
        return self.annotate(outcome=_OUTCOME, reason=_REASON)

    def with_reason(self, code: str) -> "BatchRowQuerySet":
        return self.annotate(reason=_REASON).filter(reason=code)

    def with_result(self, outcome: str) -> "BatchRowQuerySet":
        return self.annotate(outcome=_OUTCOME).filter(outcome=outcome)

    def count_codes(self) -> dict[str, int]:
        """Rows that were skipped, by why."""
        grouped = self.exclude(code="").order_by().values("code").annotate(n=Count("pk"))
        return {item["code"]: item["n"] for item in grouped}

    def count_outcomes(self) -> dict[str, int]:
        grouped = self.annotate(outcome=_OUTCOME).order_by().values("outcome").annotate(n=Count("pk"))
        return {item["outcome"]: item["n"] for item in grouped}

    def of_withdrawn(self) -> "BatchRowQuerySet":
        """Rows whose participant was withdrawn with the batch that still is the last to have enrolled them."""
        return self.filter(code__in=(BatchRow.STOPPED, BatchRow.UNDONE), batch=F("participant__batch"))


class BatchRow(models.Model):
    """One entry of a batch's list. ``code`` is blank while the participant says how far it is, else why it is not."""

    STOPPED = "stopped"
    UNDONE = "undone"

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="rows")
    position = models.PositiveIntegerField()
    line = models.PositiveIntegerField()
    input = models.CharField(max_length=200)
    participant = models.ForeignKey(Participant, null=True, on_delete=models.PROTECT, related_name="batch_rows")
    code = models.CharField(max_length=32, blank=True, default="")
    detail = models.CharField(max_length=200, blank=True, default="")

    objects = BatchRowQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "position"], name="batch_row_position_unique"),
            models.CheckConstraint(
                condition=~Q(code="") | Q(participant__isnull=False), name="batch_row_has_participant_or_code"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line}: {self.input}"

    def read_outcome(self) -> RowOutcome:
        """Of a row ``with_outcome``."""
        return RowOutcome(getattr(self, "outcome", ""))

    def read_reason(self) -> str:
        """A code, or blank; of a row ``with_outcome``."""
        return str(getattr(self, "reason", ""))
