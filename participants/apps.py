from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ParticipantsConfig(AppConfig):
    name = "participants"
    verbose_name = "Rollcall"

    def ready(self) -> None:
        # Importing registers them; Django calls this once the models are loaded.
        from participants import checks, signals, tasks  # noqa: F401


class RollcallAdminConfig(AdminConfig):
    default_site = "participants.admin.site.RollcallAdminSite"
