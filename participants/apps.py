from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig


class ParticipantsConfig(AppConfig):
    name = "participants"
    verbose_name = "Rollcall"

    def ready(self) -> None:
        # Importing registers them; Django calls this once the models are loaded.
        from participants import checks, signals, tasks  # noqa: F401

        # Whoever wants neither traces nor reports of errors does not load what makes them.
        if settings.OTEL_ENDPOINT:
            from participants.watch import tracing

            tracing.start(settings.OTEL_ENDPOINT)
        if settings.SENTRY_DSN:
            from participants.watch import errorreports

            errorreports.start(settings.SENTRY_DSN, settings.SENTRY_ENVIRONMENT)


class RollcallAdminConfig(AdminConfig):
    default_site = "participants.admin.site.RollcallAdminSite"
