from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from participants.errors import RollcallError
from participants.models import Actor, Meeting, Participant
from participants.realtimekit import Deadline
from participants.services import removal
from participants.services.people import parse_id

SECONDS = 60.0
"""How long one removal may take."""


class Command(BaseCommand):
    help = "Remove people from a meeting, as staff do on its page; for a restored back-up, before it lets anybody in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("meeting", help="its id: ours or RealtimeKit's")
        parser.add_argument("people", nargs="+", metavar="ID", help="custom participant id, as reconcile prints it")

    def handle(self, *args: Any, **options: Any) -> None:
        for row in _find_rows(_find_meeting(options["meeting"]), options["people"]):
            try:
                report = removal.remove(row, by=Actor(via="command"), deadline=Deadline.after(SECONDS))
            except RollcallError as error:
                raise CommandError(f"{row.custom_participant_id}: {error}") from None
            waits = " RealtimeKit is told later." if report.waiting else ""
            self.stdout.write(f"{row.custom_participant_id} is removed.{waits}")


def _find_meeting(given: str) -> Meeting:
    key = parse_id(given)
    meetings = Meeting.objects.all()
    found = (meetings.filter(pk=key).first() if key else None) or meetings.filter(realtimekit_id=given).first()
    if found is None:
        raise CommandError("No meeting has that id.")
    return found


def _find_rows(meeting: Meeting, ids: list[str]) -> list[Participant]:
    """All of them or none: a wrong id is found before anybody is removed."""
    rows = Participant.objects.filter(meeting=meeting, custom_participant_id__in=ids)
    found = {row.custom_participant_id: row for row in rows.order_by("pk")}
    if unknown := [each for each in ids if each not in found]:
        raise CommandError(f"Nobody of that meeting has the id {', '.join(unknown)}.")
    return list(found.values())
