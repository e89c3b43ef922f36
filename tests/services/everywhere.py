"""A person in every column that can name one, and a look at the whole database for what is left of them."""

import json
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session as BrowserSession
from django.db import connection, models
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from participants.models import (
    AccessRequest,
    Actor,
    Batch,
    BatchRow,
    ConsentText,
    Delivery,
    DriftItem,
    DriftReport,
    EventKind,
    Export,
    ExternalIdentity,
    IdempotentCall,
    Invitation,
    MailText,
    Message,
    Participant,
    SavedReport,
    VerifiedEmail,
)
from participants.models.appendonly import forgetting
from participants.models.event import record
from participants.services import personaldata
from participants.states import DriftKind, ExportState, MessageKind, MessageState, ReportSubject
from tests.factories import (
    ApiKeyFactory,
    AttendanceFactory,
    BatchFactory,
    DriftReportFactory,
    HookFactory,
    HookMessageFactory,
    PresenceFactory,
    SessionFactory,
    StaffFactory,
)

NAME, EMAIL = "Zelda Zqxmarker", "zelda.zqxmarker@example.org"
MARK = "zqxmarker"


def seed(row: Participant) -> None:
    """A row of every model there is, about the participant where it can be."""
    staff, user = StaffFactory(), row.person.user
    assert user is not None
    session = SessionFactory(meeting=row.meeting)
    AttendanceFactory(session=session, participant=row, custom_participant_id=row.custom_participant_id)
    PresenceFactory(session=session, participant=row, corrected_seconds=60, correction_reason="x", joined=0)
    report: DriftReport = DriftReportFactory(meeting=row.meeting)
    DriftItem.objects.create(report=report, kind=DriftKind.NAME_DIFFERS, participant=row)
    batch: Batch = BatchFactory(meeting=row.meeting)
    BatchRow.objects.create(batch=batch, position=90, line=90, input="x", participant=row)
    BatchRow.objects.create(batch=batch, position=91, line=91, input="x", code=BatchRow.UNWORKED, entry={})
    request = AccessRequest.objects.create(meeting=row.meeting, person=row.person)
    Invitation.objects.create(participant=row, secret_hash="a" * 64, expires_at=timezone.now())
    for state in (MessageState.WAITING, MessageState.SENT):
        Message.objects.create(
            kind=MessageKind.INVITATION,
            state=state,
            meeting=row.meeting,
            person=row.person,
            participant=row,
            request=request,
            address=EMAIL,
        )
    Delivery.objects.create(body_hash="b" * 64, received_at=timezone.now())
    HookMessageFactory(hook=HookFactory())
    ApiKeyFactory()
    ConsentText.objects.create(meeting=row.meeting, number=1, text="x", created_by=staff)
    IdempotentCall.objects.create(caller="user:1", key="k", fingerprint="f")
    MailText.objects.create(kind=MessageKind.INVITATION, subject="x", text="x")
    SavedReport.objects.create(name="x", subject=ReportSubject.ATTENDANCE, owner=staff)
    Export.objects.create(
        subject=ReportSubject.ATTENDANCE, asked_by=staff, state=ExportState.READY, content=MARK.encode()
    )
    ExternalIdentity.objects.create(user=user, issuer="https://id.example.org", subject="x")
    VerifiedEmail.objects.create(user=user, email=EMAIL, source="staff", verified_at=timezone.now())
    record(EventKind.CHANGED, Actor.of(user, via="api"), participant=row)
    record(EventKind.SYNCED, Actor(via="tests"))
    content_type = ContentType.objects.get_for_model(user)
    LogEntry.objects.create(
        user=staff, content_type=content_type, object_id=str(user.pk), object_repr="x", action_flag=CHANGE
    )
    for model in (AccessAttempt, AccessFailureLog, AccessLog):
        model.objects.create(**({"failures_since_start": 1} if model is AccessAttempt else {}), username="x")
    DBTaskResult.objects.create(
        task_path="participants.tasks.work",
        args_kwargs={"args": [], "kwargs": {}},
        priority=0,
        backend_name="default",
        exception_class_path="",
        traceback="",
        queue_name="default",
        run_after=timezone.now(),
    )


def mark_everything() -> list[str]:
    """Write the name and the address into every column that may hold them; the models that have no row for it."""
    missing = []
    for model in personaldata.list_models():
        rows = model._base_manager.all()
        if not rows.exists():
            missing.append(model._meta.label)
        for column in personaldata.list_texts(model):
            if column.name in personaldata.list_columns(model):
                for place, row in enumerate(rows):
                    write(model, row.pk, column, place)
    return missing


def write(model: type[models.Model], pk: Any, column: Any, place: int) -> None:
    if isinstance(column, models.EmailField):
        text: Any = EMAIL
    elif isinstance(column, models.JSONField):
        text = {"of": "them", "deep": [{"told": f"{NAME} wrote from {EMAIL}."}], "name": NAME}
    else:
        text = f"by {NAME}, {EMAIL}" if not column.max_length or column.max_length > 80 else NAME
    if column.unique and place and not isinstance(column, models.EmailField):
        text = f"{text} {place}"
    with forgetting():
        model._base_manager.filter(pk=pk).update(**{column.name: text})


def find_left(mark: str = MARK) -> list[str]:
    """Tables and columns of the whole database in which it stands, in whatever case."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [column[0] for column in cursor.description]
            for values in cursor.fetchall():
                found += [
                    f"{table}.{name}" for name, value in zip(names, values, strict=True) if mark in flatten(value)
                ]
    decoded = (json.dumps(session.get_decoded()) for session in BrowserSession.objects.all())
    return sorted({*found, *("session" for text in decoded if mark in text.lower())})


def flatten(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("latin-1").lower()
    return str(value).lower()
