"""Spreadsheets made in the background: asked for by a row, made under its lease, kept for a week.

The rows are found with the rights that who asked has when it is made, and looked at again when it is fetched.
"""

import io
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from participants.errors import ExportGone, RightsChanged, TooManyRows, UnreadableFilter
from participants.models import Actor, EventKind, Export
from participants.models.event import record
from participants.services import reportfiles, reports, rights
from participants.services.leases import CLEARED
from participants.services.reports import SUBJECTS, Asked, Subject
from participants.services.trouble import next_try
from participants.services.waking import wake
from participants.services.zones import read_zone
from participants.states import ExportState

logger = logging.getLogger(__name__)

MOST_ROWS = 100_000
KEPT = timedelta(days=7)
ATTEMPTS = 3
LEASE_SECONDS = 60.0
"""Taken anew with every step, so that a killed worker's file is begun again by another within a minute."""
STEP = 2_000
_INTERRUPTED = (
    f"Making the file was begun {ATTEMPTS} times and cut short each time, as when a worker runs out of memory. "
    "Narrow the filter, or download it as CSV."
)


def ask(user: User, asked: Asked, *, by: Actor, most: int = MOST_ROWS) -> Export:
    """Have a spreadsheet made of what the list shows. Raises UnreadableFilter or TooManyRows."""
    subject = asked.subject
    if asked.errors or asked.unknown:
        raise UnreadableFilter
    count, more = reports.count(reports.find(subject, user, asked), most)
    if more:
        raise TooManyRows(limit=most)
    told: dict[str, Any] = {"list": subject.key.value, "filter": asked.query, "rows": count}
    with transaction.atomic():
        export = Export.objects.create(
            subject=subject.key, query=asked.query, time_zone=asked.zone.key, asked_by=user, total=count
        )
        record(EventKind.EXPORT_ASKED, by, **told)
        wake()
    return export


def work(*, by: Actor, is_stopping: Callable[[], bool] = lambda: False, most: int = MOST_ROWS) -> bool:
    """Make one spreadsheet that waits, if any does. Whether there was one."""
    for pk in Export.objects.waiting().due(timezone.now()).order_by("created_at").values_list("pk", flat=True)[:5]:
        lease = Export.objects.waiting().claim(pk, seconds=LEASE_SECONDS, attempts=F("attempts") + 1)
        if lease is not None:
            export = Export.objects.defer("content").select_related("asked_by").get(pk=pk)
            if export.attempts > ATTEMPTS:
                # Whoever tried had no time to say why: killed, or without a database, each time.
                _fail(export, lease, by, "interrupted", _INTERRUPTED)
            else:
                _make(export, lease, by, _Bounds(is_stopping, most))
            return True
    return False


def fetch(user: User, pk: uuid.UUID, *, by: Actor) -> Export:
    """The file for who asked for it. Raises ExportGone or RightsChanged."""
    export = Export.objects.filter(pk=pk, asked_by=user, state=ExportState.READY).first()
    if export is None or export.content is None or (export.expires_at and export.expires_at <= timezone.now()):
        raise ExportGone
    subject = SUBJECTS[export.subject]
    if not reports.may_export(user, subject) or not _covers(user, subject, export.meetings):
        raise RightsChanged
    reportfiles.audit(subject, export.query, read_zone(export.time_zone), by=by, rows=export.rows, file="xlsx")
    return export


def forget_old() -> int:
    """Delete files that are no longer kept, and requests that came to nothing."""
    now = timezone.now()
    old = Q(expires_at__lte=now) | Q(created_at__lte=now - 2 * KEPT)
    return Export.objects.filter(old).delete()[0]


@dataclass(frozen=True)
class _Bounds:
    is_stopping: Callable[[], bool]
    most: int


class _Lost(Exception):
    """Somebody else has the lease, or the worker is to stop."""


def _make(export: Export, lease: uuid.UUID, by: Actor, bounds: _Bounds) -> None:
    subject, user = SUBJECTS[export.subject], export.asked_by
    if not (reports.may_export(user, subject) and reports.may_see(user, subject)):
        _fail(export, lease, by, "rights_changed", "You may no longer export this list.")
        return
    try:
        _write(export, lease, subject, bounds)
    except _Lost:
        # Given back in time, so it counts as no attempt.
        Export.objects.held(export.pk, lease).update(lease_id=None, lease_until=None, attempts=F("attempts") - 1)
    except TooManyRows as error:
        _fail(export, lease, by, error.code, str(error))
    except (DatabaseError, InterfaceError):
        raise
    except Exception:
        # A file that trips over a defect must not hold up all others.
        logger.exception("A spreadsheet could not be made.")
        if export.attempts >= ATTEMPTS:
            _fail(
                export, lease, by, "internal", "The file could not be made. Ask an administrator to look at the log."
            )
        else:
            later = next_try(export.attempts)
            Export.objects.held(export.pk, lease).update(lease_id=None, lease_until=None, next_attempt_at=later)


def _write(export: Export, lease: uuid.UUID, subject: Subject, bounds: _Bounds) -> None:
    from openpyxl import Workbook  # takes a while to load, and few processes make spreadsheets

    zone = read_zone(export.time_zone)
    asked = reports.read_query(subject, export.query, zone)
    rows = reports.find(subject, export.asked_by, asked)
    meetings = _list_scope(export.asked_by, subject)
    book = Workbook(write_only=True)
    sheet = book.create_sheet(subject.key.label)
    sheet.freeze_panes = "A2"
    columns = reportfiles.list_columns(subject, zone)
    sheet.append(reportfiles.list_headings(columns, zone))
    count, buffer = 0, io.BytesIO()
    try:
        for cells in reportfiles.read_rows(subject, rows, zone, columns):
            if count % STEP == 0:
                _keep(export, lease, count, bounds.is_stopping)
            if count == bounds.most:
                raise TooManyRows(limit=bounds.most)
            sheet.append(cells)
            count += 1
    finally:
        book.save(buffer)  # given up, too: nothing else closes and removes the sheet's temporary file
    now = timezone.now()
    done = {"state": ExportState.READY, "rows": count, "total": count, "finished_at": now, "expires_at": now + KEPT}
    Export.objects.held(export.pk, lease).update(**CLEARED, **done, meetings=meetings, content=buffer.getvalue())


def _keep(export: Export, lease: uuid.UUID, count: int, is_stopping: Callable[[], bool]) -> None:
    """Note the progress and hold the lease for longer. Raises _Lost."""
    until = Now() + timedelta(seconds=LEASE_SECONDS)
    if is_stopping() or not Export.objects.held(export.pk, lease).update(rows=count, lease_until=until):
        raise _Lost


def _fail(export: Export, lease: uuid.UUID, by: Actor, code: str, detail: str) -> None:
    now = timezone.now()
    told = {"last_error_code": code, "last_error_detail": detail, "lease_id": None, "lease_until": None}
    with transaction.atomic():
        changes = {"state": ExportState.FAILED, "finished_at": now, "expires_at": now + KEPT, **told}
        if Export.objects.held(export.pk, lease).update(**changes):
            record(EventKind.EXPORT_FAILED, by, list=export.subject, filter=export.query, reason=code)


def _list_scope(user: User, subject: Subject) -> list[str] | None:
    """The meetings whose rows the user sees; None for all."""
    if rights.holds(user, subject.right):
        return None
    return [str(pk) for pk in rights.list_meetings(user, subject.right).values_list("pk", flat=True)]


def _covers(user: User, subject: Subject, meetings: list[str] | None) -> bool:
    seen = _list_scope(user, subject)
    return seen is None or (meetings is not None and set(meetings) <= set(seen))
