from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from participants.errors import RollcallError
from participants.models import Actor
from participants.realtimekit import Deadline
from participants.services import erasing

SECONDS = 3600.0


class Command(BaseCommand):
    help = "Erase a person for good: removed from every meeting, and named nowhere any more. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="id, custom participant id, username or e-mail address")
        parser.add_argument("--yes", action="store_true", help="do it; without it only what would happen is said")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            person = erasing.find_person(options["person"])
            if not options["yes"]:
                self.foretell(erasing.foresee(person))
                return
            outcome = erasing.erase(person, by=Actor(via="command"), deadline=Deadline.after(SECONDS))
        except RollcallError as error:
            raise CommandError(str(error)) from None
        waiting = len(outcome.removal.waiting)
        self.stdout.write(f"{person.pk} is erased: {outcome.changed} rows changed.")
        if waiting:
            self.stdout.write(f"Not yet deleted at RealtimeKit in {waiting} meetings: workers go on trying.")
        if not outcome.finished:
            self.stdout.write("Time ran out before all was searched: a worker goes on, or run this again.")

    def foretell(self, outlook: erasing.Outlook) -> None:
        if outlook.obstacle:
            raise CommandError(outlook.obstacle)
        self.stdout.write(
            f"They would be removed from {len(outlook.rows)} meetings. {outlook.attended} sessions they came to and "
            f"{outlook.mails} mails would name nobody any more"
            + (", and their account would be closed." if outlook.user else ".")
        )
        self.stdout.write("Nothing was changed. Add --yes to erase them for good.")
