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
        parser.add_argument("--yes", action="store_true", help="do it; without it only what would happen is said")

    def handle(self, *args: Any, **options: Any) -> None:
        meeting = _find_meeting(options["meeting"])
        rows = _find_rows(meeting, options["people"])
        if not options["yes"]:
            names = ", ".join(row.effective_name for row in rows)
            self.stdout.write(f"{len(rows)} would be removed from {meeting}: {names}.")
            self.stdout.write("Nothing was changed. Add --yes to remove them.")
            return
        for row in rows:
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
    rows = Participant.objects.filter(meeting=meeting, custom_participant_id__in=ids).select_related("person")
    found = {row.custom_participant_id: row for row in rows.order_by("pk")}
    if unknown := [each for each in ids if each not in found]:
        raise CommandError(f"Nobody of that meeting has the id {', '.join(unknown)}.")
    return list(found.values())
