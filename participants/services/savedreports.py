"""Questions that staff keep: a named filter of a list, their own or for everybody who may see that list."""

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet

from participants.errors import ReportUnnamed
from participants.models import Actor, EventKind, SavedReport
from participants.models.event import record
from participants.services.reports import SUBJECTS, Asked, may_see


def save(user: User, asked: Asked, *, name: str, shared: bool, by: Actor) -> SavedReport:
    """A name that the user has for this list already gets the new filter. Raises ReportUnnamed."""
    name = " ".join(name.replace("\0", "").split())
    if not name or len(name) > 100:
        raise ReportUnnamed
    with transaction.atomic():
        report, _ = SavedReport.objects.update_or_create(
            owner=user,
            subject=asked.subject.key,
            name=name,
            defaults={"query": asked.query, "is_shared": shared},
        )
        told: dict[str, Any] = {"name": name, "list": report.subject, "filter": asked.query, "shared": shared}
        record(EventKind.REPORT_SAVED, by, **told)
    return report


def list_for(user: User, subject: str = "") -> QuerySet[SavedReport]:
    """Their own, and what others share, of lists that they may see."""
    seen = [key for key, found in SUBJECTS.items() if subject in ("", key) and may_see(user, found)]
    mine = Q(owner=user) | Q(is_shared=True)
    return SavedReport.objects.filter(mine, subject__in=seen).select_related("owner")


def delete(user: User, pk: uuid.UUID, *, by: Actor) -> str | None:
    """The name of the report that is no more; None where it was not theirs. Superusers may tidy up."""
    mine = SavedReport.objects.all() if user.is_superuser else SavedReport.objects.filter(owner=user)
    with transaction.atomic():
        report = mine.select_for_update().filter(pk=pk).first()
        if report is None:
            return None
        name = report.name
        told: dict[str, Any] = {"name": name, "list": report.subject, "filter": report.query}
        report.delete()
        record(EventKind.REPORT_DELETED, by, **told)
    return name
