import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.db import DatabaseError, migrations, models, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_SEARCHED = (
    ("participants_person", "display_name"),
    ("participants_person", "email"),
    ("participants_participant", "name"),
    ("participants_meeting", "title"),
    ("participants_session", "title"),
    ("auth_user", "username"),
)
"""Columns in which words are looked for, as ``icontains`` has them."""
_STAFF = "CREATE INDEX IF NOT EXISTS auth_user_staff ON auth_user (username) WHERE is_staff"


def index_words(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """PostgreSQL alone. Where the extension may not be made, a search reads all people: slower, and right."""
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    schema_editor.execute(_STAFF)
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError:
        return
    for table, column in _SEARCHED:
        name = f"{table}_{column}_words"
        expression = f"(UPPER({column}::text)) gin_trgm_ops"
        schema_editor.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {table} USING gin ({expression})")


def forget_words(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for name in ("auth_user_staff", *(f"{table}_{column}_words" for table, column in _SEARCHED)):
            schema_editor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):
    """Indexes in the order of the lists, and of words.

    They are built while nobody can write: about two minutes for a million rows of attendance.
    """

    dependencies = [
        ("participants", "0014_report_columns"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="participant",
            name="participant_changed",
        ),
        migrations.AddIndex(
            model_name="participant",
            index=models.Index(
                fields=["updated_at", "id", "created_at", "first_came_at", "person"], name="participant_changed"
            ),
        ),
        migrations.RemoveIndex(
            model_name="presence",
            name="presence_of_participant",
        ),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(fields=["created_at", "id"], name="batch_newest"),
        ),
        migrations.AddIndex(
            model_name="meeting",
            index=models.Index(fields=["title", "id"], name="meeting_titled"),
        ),
        migrations.AddIndex(
            model_name="meeting",
            index=models.Index(fields=["created_at", "id"], name="meeting_newest"),
        ),
        migrations.AddIndex(
            model_name="meeting",
            index=models.Index(fields=["opens_at"], name="meeting_opens"),
        ),
        migrations.AddIndex(
            model_name="participant",
            index=models.Index(fields=["state", "updated_at", "id"], name="participant_by_state"),
        ),
        migrations.AddIndex(
            model_name="participant",
            index=models.Index(fields=["source", "updated_at", "id"], name="participant_by_source"),
        ),
        migrations.AddIndex(
            model_name="participant",
            index=models.Index(fields=["preset", "updated_at", "id"], name="participant_by_preset"),
        ),
        migrations.AddIndex(
            model_name="participant",
            index=models.Index(fields=["enrolled_by", "updated_at", "id"], name="participant_by_enroller"),
        ),
        migrations.AddIndex(
            model_name="participant",
            index=models.Index(fields=["batch", "updated_at", "id"], name="participant_by_batch"),
        ),
        migrations.AddIndex(
            model_name="participant",
            index=models.Index(fields=["created_at", "updated_at", "id"], name="participant_enrolled"),
        ),
        migrations.AddIndex(
            model_name="participant",
            index=models.Index(fields=["token_expires_at", "updated_at", "id"], name="participant_token"),
        ),
        migrations.AddIndex(
            model_name="participant",
            index=models.Index(
                condition=models.Q(("token__isnull", True), ("token_expires_at", None), _connector="OR"),
                fields=["updated_at", "id"],
                name="participant_no_token",
            ),
        ),
        migrations.AddIndex(
            model_name="participant",
            index=models.Index(
                condition=models.Q(("first_came_at", None)),
                fields=["updated_at", "id"],
                name="participant_never_came",
            ),
        ),
        migrations.AddIndex(
            model_name="person",
            index=models.Index(fields=["display_name", "id"], name="person_named"),
        ),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(
                fields=[
                    "began_at",
                    "id",
                    "participant",
                    "meeting",
                    "first_joined_at",
                    "seconds",
                    "share",
                    "late_seconds",
                    "left_early_seconds",
                ],
                name="presence_listed",
            ),
        ),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(
                fields=[
                    "participant",
                    "began_at",
                    "id",
                    "first_joined_at",
                    "seconds",
                    "share",
                    "late_seconds",
                    "left_early_seconds",
                    "is_present",
                    "corrected_seconds",
                ],
                name="presence_of_participant",
            ),
        ),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(fields=["meeting", "began_at", "id"], name="presence_of_meeting"),
        ),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(
                fields=["first_joined_at", "began_at", "id", "participant"], name="presence_first_joined"
            ),
        ),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(fields=["last_left_at", "began_at", "id"], name="presence_last_left"),
        ),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(fields=["seconds", "began_at", "id", "participant"], name="presence_seconds"),
        ),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(fields=["share", "began_at", "id", "participant"], name="presence_share"),
        ),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(fields=["late_seconds", "began_at", "id", "participant"], name="presence_late"),
        ),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(
                fields=["left_early_seconds", "began_at", "id", "participant"], name="presence_left_early"
            ),
        ),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(
                condition=models.Q(("is_present", True)),
                fields=["began_at", "id", "participant"],
                name="presence_inside",
            ),
        ),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(
                condition=models.Q(("corrected_seconds__isnull", False)),
                fields=["began_at", "id", "participant"],
                name="presence_corrected",
            ),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(fields=["started_at", "id"], name="session_started"),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(fields=["ended_at", "started_at", "id"], name="session_ended"),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(fields=["came_count", "started_at", "id"], name="session_came"),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(fields=["absent_count", "started_at", "id"], name="session_absent"),
        ),
        migrations.AlterField(
            model_name="participant",
            name="batch",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                help_text="The bulk enrolment that enrolled them, and whose undoing removes them.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="participants",
                to="participants.batch",
            ),
        ),
        migrations.AlterField(
            model_name="participant",
            name="enrolled_by",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="enrolled_participants",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="participant",
            name="preset",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="participants",
                to="participants.preset",
            ),
        ),
        migrations.AlterField(
            model_name="participant",
            name="token_expires_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="presence",
            name="participant",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="presences",
                to="participants.participant",
            ),
        ),
        migrations.AlterField(
            model_name="presence",
            name="session",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="presences",
                to="participants.session",
            ),
        ),
        migrations.AddIndex(
            model_name="participant",
            index=models.Index(
                fields=["realtimekit_id"], name="participant_by_remote_id", opclasses=["varchar_pattern_ops"]
            ),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(
                fields=["realtimekit_id"], name="session_by_remote_id", opclasses=["varchar_pattern_ops"]
            ),
        ),
        migrations.AlterField(
            model_name="participant",
            name="person",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="participants",
                to="participants.person",
            ),
        ),
        migrations.AddIndex(
            model_name="participant",
            index=models.Index(fields=["person", "id"], name="participant_of_person"),
        ),
        migrations.RunPython(index_words, forget_words),
    ]
