from django.conf import settings
from django.db import models
from django.db.models import Count, Q

from participants.models.apikey import ApiKey
from participants.models.base import Identified, Leased, LeasedQuerySet
from participants.models.meeting import Meeting
from participants.models.participant import Participant
from participants.states import SAFE_ACTIONS, DriftAction, DriftKind, DriftOutcome


class DriftReportQuerySet(LeasedQuerySet["DriftReport"]):
    def latest_of_each(self) -> "DriftReportQuerySet":
        """One of each meeting: the newest."""
        newest = (
            DriftReport.objects.filter(meeting=models.OuterRef("meeting"))
            .order_by("-created_at", "-id")
            .values("pk")[:1]
        )
        return self.filter(pk=models.Subquery(newest))

    def unfinished(self) -> "DriftReportQuerySet":
        """Reports with differences that were decided on and wait to be worked on."""
        waiting = DriftItem.objects.filter(report=models.OuterRef("pk"), outcome=DriftOutcome.WAITING)
        return self.filter(models.Exists(waiting))


class DriftReport(Identified, Leased):
    """How one meeting compared with RealtimeKit at one moment; staff confirm what stands here, and nothing else."""

    meeting = models.ForeignKey(Meeting, on_delete=models.PROTECT, related_name="drift_reports")
    remote_count = models.PositiveIntegerField(default=0, help_text="Participants that RealtimeKit listed.")
    local_count = models.PositiveIntegerField(default=0, help_text="Participants enrolled here.")
    in_flight = models.PositiveIntegerField(
        default=0, help_text="Rows left out, since they were just being changed or were younger than two minutes."
    )
    total = models.PositiveIntegerField(default=0, help_text="Differences found.")
    via = models.CharField(max_length=16)
    applied_at = models.DateTimeField(null=True, blank=True)
    applied_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="drift_reports"
    )
    applied_key = models.ForeignKey(ApiKey, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    objects = DriftReportQuerySet.as_manager()

    class Meta:
        verbose_name = "comparison"
        ordering = ["-created_at", "id"]
        indexes = [models.Index(fields=["meeting", "-created_at"], name="drift_of_meeting")]

    def __str__(self) -> str:
        return f"{self.meeting} compared with RealtimeKit ({self.created_at:%Y-%m-%d %H:%M})"


class DriftItemQuerySet(models.QuerySet["DriftItem"]):
    def count_kinds(self) -> dict[str, int]:
        grouped = self.order_by().values("kind").annotate(n=Count("pk"))
        return {item["kind"]: item["n"] for item in grouped}

    def count_outcomes(self) -> dict[str, int]:
        grouped = self.order_by().values("outcome").annotate(n=Count("pk"))
        return {item["outcome"]: item["n"] for item in grouped}


class DriftItem(models.Model):
    """One difference, what was decided on it and what became of that.

    ``remote_ids`` are RealtimeKit's ids of those concerned, the one to keep or adopt first; ``recorded_id`` is
    the one our row held. ``actions`` are what may be done.
    """

    id = models.BigAutoField(primary_key=True)
    report = models.ForeignKey(DriftReport, on_delete=models.CASCADE, related_name="items")
    kind = models.CharField(max_length=24, choices=DriftKind.choices)
    participant = models.ForeignKey(
        Participant, null=True, blank=True, on_delete=models.PROTECT, related_name="drift_items"
    )
    name = models.CharField(max_length=255, blank=True, default="")
    custom_participant_id = models.CharField(max_length=255, blank=True, default="")
    recorded_id = models.CharField(max_length=255, blank=True, default="")
    remote_ids = models.JSONField(default=list)
    ours = models.CharField(max_length=500, blank=True, default="")
    theirs = models.CharField(max_length=500, blank=True, default="")
    actions = models.JSONField(default=list)
    action = models.CharField(max_length=16, choices=DriftAction.choices, blank=True, default="")
    outcome = models.CharField(max_length=16, choices=DriftOutcome.choices, default=DriftOutcome.OPEN)
    code = models.CharField(max_length=64, blank=True, default="")
    detail = models.CharField(max_length=400, blank=True, default="")

    objects = DriftItemQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome=DriftOutcome.OPEN) | ~Q(action=""), name="drift_item_decided_has_action"
            )
        ]
        indexes = [
            models.Index(fields=["report", "kind"], name="drift_item_kind"),
            models.Index(fields=["report"], condition=Q(outcome=DriftOutcome.WAITING), name="drift_item_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.name or self.custom_participant_id}"

    @property
    def safe_action(self) -> DriftAction | None:
        """What carries out the wish on record here; None where only staff can decide."""
        action = SAFE_ACTIONS.get(DriftKind(self.kind))
        return action if action in self.actions else None
