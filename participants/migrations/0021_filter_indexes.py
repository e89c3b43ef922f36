from django.db import migrations, models


class Migration(migrations.Migration):
    """What single filters of long lists walk. Built while nobody can write: seconds for a million participants."""

    dependencies = [("participants", "0020_choices")]

    operations = [
        migrations.AddIndex(
            model_name="participant",
            index=models.Index(
                condition=models.Q(("token__isnull", False)),
                fields=["token_expires_at", "updated_at", "id", "token_issued_at"],
                name="participant_with_token",
            ),
        ),
        migrations.AddIndex(
            model_name="participant",
            index=models.Index(fields=["first_came_at", "updated_at", "id"], name="participant_first_came"),
        ),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(
                condition=models.Q(("corrected_seconds__isnull", False)),
                fields=["participant"],
                name="presence_of_corrected",
            ),
        ),
        migrations.RemoveIndex(model_name="session", name="session_of_meeting"),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(fields=["meeting", "started_at", "id"], name="session_of_meeting"),
        ),
    ]
