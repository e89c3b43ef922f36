import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from participants.errors import RollcallError
from participants.models import Actor
from participants.services import dossiers, erasing


class Command(BaseCommand):
    help = "Write everything that is held about a person as JSON. The history notes it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="id, custom participant id, username or e-mail address")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            person = erasing.find_person(options["person"])
        except RollcallError as error:
            raise CommandError(str(error)) from None
        found = dossiers.collect(person, by=Actor(via="command"))
        self.stdout.write(json.dumps(found, indent=2, ensure_ascii=False))
