from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from participants.models import Actor
from participants.services import keys


class Command(BaseCommand):
    help = "Encrypt all stored tokens and secrets with the first key of TOKEN_ENCRYPTION_KEYS."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="change nothing; fail if any needs another key",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["check"]:
            result = keys.rotate_tokens(by=Actor(via="command"))
            self.stdout.write(f"{result.rotated} tokens rotated, {result.dropped} dropped as unreadable.")
        if count := keys.count_others():
            raise CommandError(f"{count} stored secrets are not under the first key. Keep the other keys for now.")
        self.stdout.write("Everything stored is under the first key. The other keys can be taken away.")
