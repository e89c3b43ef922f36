"""Questions that staff keep, and files made from the answers."""

from django.conf import settings
from django.db import models

from participants.models.base import Identified, LeasedQuerySet, Queued
from participants.states import ExportState, ReportSubject


class SavedReport(Identified):
    """A named filter of one of the lists, as it stands in the URL."""

    name = models.CharField(max_length=100)
    subject = models.CharField(max_length=16, choices=ReportSubject.choices)
    query = models.TextField(blank=True, default="", help_text="The list's query string.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_reports", editable=False
    )
    is_shared = models.BooleanField(default=False, help_text="Other staff see it too; the rows they see stay theirs.")

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "subject", "name"], name="saved_report_name_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class ExportQuerySet(LeasedQuerySet["Export"]):
    def waiting(self) -> "ExportQuerySet":
        return self.filter(state=ExportState.PENDING)


class Export(Identified, Queued):
    """A spreadsheet made in the background, of what a list's filter shows to who asked."""

    subject = models.CharField(max_length=16, choices=ReportSubject.choices, editable=False)
    query = models.TextField(blank=True, default="", editable=False)
    time_zone = models.CharField(max_length=64, default="UTC", editable=False)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="exports", editable=False
    )
    state = models.CharField(max_length=16, choices=ExportState.choices, default=ExportState.PENDING, editable=False)
    rows = models.PositiveIntegerField(default=0, editable=False)
    total = models.PositiveIntegerField(default=0, editable=False)
    meetings = models.JSONField(
        null=True, editable=False, help_text="Whose rows it was made of; empty where it was of all meetings."
    )
    content = models.BinaryField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(null=True, editable=False)

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        permissions = [("export_data", "Can download lists as files")]

    def __str__(self) -> str:
        return f"{self.get_subject_display()} ({self.created_at:%Y-%m-%d %H:%M})"
