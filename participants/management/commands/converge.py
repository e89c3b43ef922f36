from typing import Any

from django.core.management.base import BaseCommand

from participants.models import Actor
from participants.services import passes


class Command(BaseCommand):
    help = "Run one converging pass: finish every change that RealtimeKit has not got yet."

    def handle(self, *args: Any, **options: Any) -> None:
        outcome = passes.converge(by=Actor(via="command"))
        self.stdout.write(
            f"{outcome.settled} settled, {outcome.waiting} waiting, {outcome.withdrawn} withdrawn as inactive, "
            f"{outcome.renewed} tokens renewed."
        )
        if outcome.trouble:
            self.stderr.write(self.style.WARNING(f"RealtimeKit: {outcome.trouble}"))
