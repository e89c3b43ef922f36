"""Fills an empty database with made-up attendance of any size, to try reports on and to measure them."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from participants.management import scaledata
from participants.management.scalepeople import Plan
from participants.models import Meeting, Participant, Session


class Command(BaseCommand):
    help = "Fill an empty database with made-up meetings, people and attendance. The same seed makes the same rows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--participants", type=int, default=10_000)
        parser.add_argument("--sessions", type=int, default=2_000)
        parser.add_argument(
            "--attendance", type=int, default=50_000, help="rows of attendance, one a person and session"
        )
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--yes", action="store_true", help="really do so")

    def handle(self, *args: Any, **options: Any) -> None:
        sizes = {name: options[name] for name in ("participants", "sessions", "attendance")}
        if min(sizes.values()) < 1:
            raise CommandError("Give numbers that are larger than nothing.")
        if Meeting.objects.exists() or Participant.objects.exists() or Session.objects.exists():
            raise CommandError("There are meetings in this database. Made-up data goes into an empty one.")
        if not options["yes"]:
            raise CommandError("Nothing was made. This fills the database with people who don't exist; say --yes.")
        plan = Plan(**sizes, now=timezone.now().replace(microsecond=0), seed=options["seed"])
        made = scaledata.make(plan, self._tell)
        self.stdout.write(
            f"\r{plan.participants:,} participants of {plan.people:,} people in {plan.meetings:,} meetings, "
            f"{plan.sessions:,} sessions, {made:,} rows of attendance."
        )

    def _tell(self, done: int, of: int) -> None:
        self.stdout.write(f"\r{done:,} of {of:,} meetings", ending="")
        self.stdout.flush()
