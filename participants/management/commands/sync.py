from typing import Any

from django.core.management.base import BaseCommand, CommandError

from participants.errors import RollcallError
from participants.models import Actor
from participants.services import sync


class Command(BaseCommand):
    help = "Pull presets and meetings from RealtimeKit."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            counts = sync.pull(by=Actor(via="command"))
        except RollcallError as error:
            raise CommandError(f"{error} {error.data.get('reason', '')}".strip()) from None
        self.stdout.write(
            f"{counts.presets} presets and {counts.meetings} meetings seen; "
            f"{counts.imported} meetings imported, {counts.gone} gone."
        )
