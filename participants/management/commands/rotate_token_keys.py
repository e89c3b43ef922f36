from typing import Any

from django.core.management.base import BaseCommand

from participants.models import Actor
from participants.services import keys


class Command(BaseCommand):
    help = "Encrypt all stored tokens with the first key of TOKEN_ENCRYPTION_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        result = keys.rotate_tokens(by=Actor(via="command"))
        self.stdout.write(f"{result.rotated} tokens rotated, {result.dropped} dropped as unreadable.")
