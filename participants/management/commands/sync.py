from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from participants.errors import RollcallError
from participants.models import Actor
from participants.realtimekit import Deadline
from participants.services import sync

SECONDS = 600.0


class Command(BaseCommand):
    help = "Pull presets, meetings and the participants of each meeting from RealtimeKit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--for",
            dest="seconds",
            type=float,
            default=SECONDS,
            metavar="SECONDS",
            help="stop after this long; the next sync goes on where this one ends (default: %(default)s)",
        )
        parser.add_argument(
            "--no-import",
            dest="importing",
            action="store_false",
            default=None,
            help="leave meetings made elsewhere alone, as SYNC_IMPORTS_MEETINGS=false does",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        deadline = Deadline.after(options["seconds"])
        try:
            counts = sync.pull(by=Actor(via="command"), deadline=deadline, importing=options["importing"])
        except RollcallError as error:
            raise CommandError(f"{error} {error.data.get('reason', '')}".strip()) from None
        self.stdout.write(
            f"{counts.presets} presets and {counts.meetings} meetings seen; "
            f"{counts.imported} meetings imported, {counts.gone} gone."
        )
        self.stdout.write(
            f"{counts.participants} participants seen in {counts.rosters} meetings; {counts.missing} newly gone."
        )
        if counts.left:
            self.stdout.write(f"{counts.left} meetings left for the next sync.")
        if counts.trouble:
            self.stderr.write(self.style.WARNING(f"RealtimeKit: {counts.trouble}"))
