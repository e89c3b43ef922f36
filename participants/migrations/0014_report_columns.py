import django.db.models.deletion
import django.db.models.functions.comparison
import django.utils.timezone
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Count, Min, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """What the new columns say of the rows there are."""
    session, presence = apps.get_model("participants", "Session"), apps.get_model("participants", "Presence")
    participant = apps.get_model("participants", "Participant")
    alias = schema_editor.connection.alias
    of_session = session.objects.filter(pk=OuterRef("session")).order_by()
    presence.objects.using(alias).update(
        meeting=Subquery(of_session.values("meeting")),
        began_at=Subquery(of_session.annotate(began=Coalesce("started_at", "created_at")).values("began")),
    )
    came = Q(first_joined_at__isnull=False)
    rows = presence.objects.filter(session=OuterRef("pk")).order_by().values("session")

    def count(**counted: Count | Sum) -> Coalesce:
        return Coalesce(Subquery(rows.annotate(**counted).values(*counted)), 0)

    session.objects.using(alias).update(
        expected_count=count(expected=Count("pk", filter=Q(was_enrolled=True))),
        came_count=count(came=Count("pk", filter=came)),
        absent_count=count(absent=Count("pk", filter=~came)),
        present_seconds=count(total=Sum("seconds")),
    )
    first = presence.objects.filter(came, participant=OuterRef("pk")).order_by().values("participant")
    participant.objects.using(alias).update(
        first_came_at=Subquery(first.annotate(first=Min("first_joined_at")).values("first"))
    )


class Migration(migrations.Migration):
    """Copies and counts by which the lists of reports are sorted and asked.

    Rewrites every row of attendance, once: about a minute for a million of them, during which nobody can join.
    """

    dependencies = [("participants", "0013_report_indexes")]

    operations = [
        migrations.AlterModelOptions(
            name="presence",
            options={
                "ordering": ["-began_at", "-id"],
                "permissions": [("correct_presence", "Can correct the minutes that were measured")],
                "verbose_name": "attendance",
                "verbose_name_plural": "attendance",
            },
        ),
        migrations.RemoveIndex(
            model_name="presence",
            name="presence_first_joined",
        ),
        migrations.RemoveIndex(
            model_name="presence",
            name="presence_newest",
        ),
        migrations.RemoveIndex(
            model_name="presence",
            name="presence_last_left",
        ),
        migrations.RemoveIndex(
            model_name="presence",
            name="presence_seconds",
        ),
        migrations.RemoveIndex(
            model_name="presence",
            name="presence_share",
        ),
        migrations.RemoveIndex(
            model_name="presence",
            name="presence_late",
        ),
        migrations.RemoveIndex(
            model_name="presence",
            name="presence_left_early",
        ),
        migrations.RemoveIndex(
            model_name="presence",
            name="presence_inside",
        ),
        migrations.RemoveIndex(
            model_name="presence",
            name="presence_corrected",
        ),
        migrations.RemoveIndex(
            model_name="session",
            name="session_started",
        ),
        migrations.AddField(
            model_name="participant",
            name="first_came_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="To any session. Empty: they never came.", null=True
            ),
        ),
        migrations.AddField(
            model_name="presence",
            name="began_at",
            field=models.DateTimeField(
                default=django.utils.timezone.now,
                editable=False,
                help_text="When the session began, or else when it was first heard of.",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="presence",
            name="meeting",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                editable=False,
                help_text="The session's.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="participants.meeting",
            ),
        ),
        migrations.AddField(
            model_name="session",
            name="absent_count",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="session",
            name="came_count",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="session",
            name="expected_count",
            field=models.PositiveIntegerField(default=0, editable=False, help_text="Enrolled when it began."),
        ),
        migrations.AddField(
            model_name="session",
            name="present_seconds",
            field=models.PositiveBigIntegerField(default=0, editable=False, help_text="Of everybody together."),
        ),
        migrations.AddField(
            model_name="presence",
            name="share",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.functions.comparison.Coalesce(
                    models.F("share_of_window"), models.F("share_of_session"), 0.0
                ),
                output_field=models.FloatField(),
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
