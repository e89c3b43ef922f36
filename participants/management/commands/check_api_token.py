import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from participants.services import connection
from participants.services.connection import StepState

VARIABLE = "REALTIMEKIT_NEW_API_TOKEN"


class Command(BaseCommand):
    help = (
        "Try a new RealtimeKit API token by reading, before the processes are switched to it. Give it as a file, in "
        f"{VARIABLE}, or on standard input; never on the command line, which others can read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", help="the file that holds it, such as a mounted secret; - for input")

    def handle(self, *args: Any, **options: Any) -> None:
        steps = connection.diagnose_token(_read(options["file"]))
        for step in steps:
            self.stdout.write(f"{step.state.value}: {step.title}. {step.finding} {step.remedy}".strip())
        if any(step.state == StepState.FAILED for step in steps):
            raise CommandError("This token can't be used.")
        self.stdout.write("This token reads all that is needed. Whether it may write only writing shows.")


def _read(file: str | None) -> str:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text() if file else os.environ.get(VARIABLE, "")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"The file can't be read: {error}") from None
    if not (token := text.strip()) or not token.isascii() or not token.isprintable():
        raise CommandError(f"Give the token as a file, on standard input (-), or in {VARIABLE}.")
    return token
