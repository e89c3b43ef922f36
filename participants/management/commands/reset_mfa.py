from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from participants.models import Actor
from participants.services import secondfactor


class Command(BaseCommand):
    help = "Take a user's second factor and recovery codes away, and sign them out everywhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="to the letter")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']}.")
        if secondfactor.reset(user, by=Actor(via="command")):
            self.stdout.write(f"The second factor of {user} is gone; they set a new one up at their next sign-in.")
        else:
            self.stdout.write(f"{user} has no second factor.")
