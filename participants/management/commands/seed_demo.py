"""Fills a demo with people and meetings, through the services that staff's clicks go through.

What is there already stays as it is, so that a second start keeps whatever people did in the meantime.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission, User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from participants.demo import cast
from participants.errors import RollcallError
from participants.management import pastnews, pastsessions
from participants.models import Actor, Batch, Meeting, Participant, Person, Preset
from participants.realtimekit import Deadline
from participants.services import (
    batches,
    enrolment,
    meetings,
    passes,
    people,
    presets,
    registration,
    removal,
    rosters,
)
from participants.states import ParticipantState, Source

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_SECONDS = 60.0
_HOST_PRESET = "group_call_host"


class Command(BaseCommand):
    help = "Fill the demo with people and meetings. Refuses anywhere but against a sandbox on this machine."

    def handle(self, *args: Any, **options: Any) -> None:
        if urlsplit(settings.REALTIMEKIT_BASE_URL).hostname not in _LOOPBACK:
            raise CommandError("These accounts have a published password: only a sandbox on this machine is seeded.")
        try:
            presets.sync(deadline=Deadline.after(_SECONDS))
            seed_accounts()
            seed_rooms(timezone.now())
            block_people()
            enrol_listed()
            fail_enrolments()
            register_webhook()
            pastsessions.seed(timezone.now())
            pastnews.seed(timezone.now(), by=_actor())
        except RollcallError as error:
            raise CommandError(f"{error} {error.data.get('reason', '')}".strip()) from None
        waiting = Participant.objects.filter(state="pending").count()
        self.stdout.write(
            f"{User.objects.count()} accounts, {Meeting.objects.count()} meetings, "
            f"{Participant.objects.count()} participants, {waiting} of them waiting for RealtimeKit."
        )


def register_webhook() -> None:
    """Where the demo's own address is known: then what happens in its rooms is told to it."""
    if url := registration.find_url():
        registration.repair(url, by=_actor(), deadline=Deadline.after(_SECONDS))


def seed_accounts() -> None:
    known = set(User.objects.values_list("username", flat=True))
    missing = [account for account in cast.ACCOUNTS if account.username not in known]
    password = make_password(cast.PASSWORD) if missing else ""
    for account in missing:
        user = User.objects.create(
            username=account.username,
            password=password,
            first_name=account.first_name,
            last_name=account.last_name,
            email=f"{account.username}@demo.example",
            is_staff=account.staff,
            is_superuser=account.superuser,
            is_active=account.active,
        )
        user.user_permissions.set(
            Permission.objects.filter(content_type__app_label="participants", codename__in=account.rights)
        )
        people.person_of(user, _actor())
    for name, members in cast.GROUPS.items():
        group, is_new = Group.objects.get_or_create(name=name)
        if is_new:
            group.user_set.set(User.objects.filter(username__in=members))


def seed_rooms(now: datetime) -> None:
    known = set(Meeting.objects.values_list("pk", flat=True))
    for room in cast.ROOMS:
        meeting = Meeting.objects.get(pk=room.id) if room.id in known else _create(room, now)
        _enrol(meeting, (*room.people, *room.removed), None)
        _enrol(meeting, room.hosts, _HOST_PRESET)
        for name, email in room.guests:
            _enrol_person(meeting, people.guest(name=name, email=email, by=_actor()), None)


def block_people() -> None:
    """Done once enrolled: blocking removes them, which the lists should show."""
    for person in _people_of(cast.BLOCKED):
        if not person.events.filter(kind="person.blocked").exists():
            reason = cast.BLOCKED[person.user.username if person.user else ""]
            people.block(person, reason=reason, by=_actor())
    for room in cast.ROOMS:
        rows = Participant.objects.filter(meeting=room.id, person__user__username__in=room.removed)
        for row in rows.exclude(events__kind="participant.removing"):
            removal.remove(row, by=_actor())


def enrol_listed() -> None:
    """Once blocked people are, so that the list meets with some reasons."""
    for room in cast.ROOMS:
        if room.listed and not Batch.objects.filter(meeting=room.id).exists():
            meeting = Meeting.objects.get(pk=room.id)
            entries = rosters.parse_text(room.listed)
            batches.start(meeting=meeting, entries=entries, preset=None, pre_enrol=False, by=_actor())
    if Participant.objects.filter(state=ParticipantState.PENDING, source__in=(Source.BULK, Source.GROUP)).exists():
        # No worker runs yet, and the first page seen should show what has been done.
        passes.converge(by=_actor(), deadline=Deadline.after(_SECONDS))


def fail_enrolments() -> None:
    """Enrol with a preset that is gone at RealtimeKit while we still know it, as after a deletion there."""
    preset = Preset.objects.filter(name=cast.RETIRED_PRESET).first()
    if preset is None:
        preset = Preset.objects.create(name=cast.RETIRED_PRESET, realtimekit_id="preset-deleted-at-realtimekit")
    for room in cast.ROOMS:
        _enrol(Meeting.objects.get(pk=room.id), room.failing, preset.name)
    presets.sync(deadline=Deadline.after(_SECONDS))


def _create(room: cast.Room, now: datetime) -> Meeting:
    meeting, _ = meetings.create(
        by=_actor(),
        managers=User.objects.filter(username__in=room.managers),
        groups=Group.objects.filter(name__in=room.groups),
        id=room.id,
        title=room.title,
        status=room.status,
        admission=room.admission,
        capacity=room.capacity,
        consent_text=room.consent,
        default_preset=Preset.objects.available().filter(name=room.preset).first(),
        opens_at=now + room.opens if room.opens else None,
        closes_at=now + room.closes if room.closes else None,
    )
    return meeting


def _enrol(meeting: Meeting, usernames: Iterable[str], preset: str | None) -> None:
    for person in _people_of(usernames):
        _enrol_person(meeting, person, preset)


def _enrol_person(meeting: Meeting, person: Person, preset: str | None) -> None:
    if Participant.objects.filter(meeting=meeting, person=person).exists():
        return
    chosen = Preset.objects.filter(name=preset).first() if preset else None
    enrolment.enrol(meeting=meeting, person=person, preset=chosen, source=Source.ADMIN, by=_actor())


def _people_of(usernames: Iterable[str]) -> list[Person]:
    people_found = Person.objects.filter(user__username__in=list(usernames))
    return list(people_found.select_related("user").order_by("display_name"))


def _actor() -> Actor:
    return Actor(via="command", user=User.objects.filter(username=cast.ADMIN.username).first())
