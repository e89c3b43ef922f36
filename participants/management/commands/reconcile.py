from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from participants.errors import RollcallError
from participants.models import Actor, DriftReport, Meeting
from participants.realtimekit import Deadline
from participants.services import drift
from participants.services.people import parse_id
from participants.states import DriftAction, DriftOutcome, MeetingState

DIFFERENT, TROUBLE = 1, 2
SECONDS = 600.0
"""How long one meeting may take: somebody who runs this wants an answer, however many people it has."""


class Command(BaseCommand):
    help = (
        "Compare meetings with RealtimeKit. By default only says what differs. Ends with 0 when both sides agree, "
        "1 when differences are left, 2 when something could not be compared or carried out."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--meeting", metavar="ID", help="only this meeting: our id or RealtimeKit's")
        parser.add_argument(
            "--apply",
            action="store_true",
            help="carry out what is on record here: add again, keep one, ours wins, delete who was removed",
        )
        parser.add_argument("--adopt", action="store_true", help="with --apply: enrol people only RealtimeKit has")
        parser.add_argument(
            "--remove-unknown", action="store_true", help="with --apply: delete people only RealtimeKit has"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        strangers = options["adopt"] or options["remove_unknown"]
        if strangers and not options["apply"]:
            raise CommandError("--adopt and --remove-unknown need --apply.", returncode=TROUBLE)
        if options["adopt"] and options["remove_unknown"]:
            raise CommandError("Either --adopt or --remove-unknown.", returncode=TROUBLE)
        left = troubles = count = 0
        for meeting in _list_meetings(options["meeting"]):
            count += 1
            try:
                left += self._reconcile(meeting, options)
            except RollcallError as error:
                troubles += 1
                reason = error.data.get("reason", error)
                self.stderr.write(self.style.WARNING(f"{meeting.title} ({meeting.pk}): not compared. {reason}"))
        self.stdout.write(f"{count} meetings, {left} differences left, {troubles} not compared.")
        if troubles:
            raise CommandError("Some meetings could not be compared or brought in line.", returncode=TROUBLE)
        if left:
            raise CommandError("The two sides differ.", returncode=DIFFERENT)

    def _reconcile(self, meeting: Meeting, options: dict[str, Any]) -> int:
        """How many differences are left."""
        by = Actor(via="command")
        strangers = DriftAction.ADOPT if options["adopt"] else DriftAction.REMOVE
        report, trouble = drift.reconcile(
            meeting,
            by=by,
            deadline=Deadline.after(SECONDS),
            applying=options["apply"],
            strangers=strangers if options["adopt"] or options["remove_unknown"] else None,
        )
        self._print(report)
        if trouble is not None:
            raise trouble
        return report.items.exclude(outcome__in=(DriftOutcome.APPLIED, DriftOutcome.NO_LONGER_TRUE)).count()

    def _print(self, report: DriftReport) -> None:
        if not report.total:
            return
        self.stdout.write(f"{report.meeting.title} ({report.meeting_id}): {report.total} differences")
        for item in report.items.iterator(chunk_size=1000):
            told = f"ours {item.ours!r}, theirs {item.theirs!r}" if item.ours or item.theirs else ""
            done = "" if item.outcome == DriftOutcome.OPEN else f"{item.action}: {item.outcome} {item.code}".strip()
            parts = [item.kind, item.name or "without a name", item.custom_participant_id, told, done]
            self.stdout.write("  " + " | ".join(part for part in parts if part))


def _list_meetings(given: str | None) -> Iterator[Meeting]:
    made = Meeting.objects.filter(state=MeetingState.CREATED)
    if given is None:
        return made.order_by("created_at", "pk").iterator(chunk_size=200)
    key = parse_id(given)
    found = (made.filter(pk=key).first() if key else None) or made.filter(realtimekit_id=given).first()
    if found is None:
        raise CommandError("No meeting made at RealtimeKit has that id.", returncode=TROUBLE)
    return iter([found])
