"""Making ours what was made elsewhere: participants and meetings that only RealtimeKit has."""

from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone

from participants.errors import InactiveUser, MeetingFull, PersonBlocked, PresetMissing
from participants.gateway import get_client, waiting_slot
from participants.models import Actor, EventKind, Meeting, Participant, Person
from participants.models.event import record
from participants.models.hookqueue import tell_of_participants
from participants.realtimekit import Deadline, RealtimeKit
from participants.realtimekit import Participant as RemoteParticipant
from participants.services import presets, removal, sync
from participants.services.admission import has_room
from participants.services.driftfinding import clean_name
from participants.services.trouble import translated
from participants.states import HookKind, ParticipantState, Source


@dataclass(frozen=True)
class Unknown:
    """A remote meeting without a row here. ``is_ours`` when its title carries a reference of ours all the same, as
    after a restored back-up."""

    realtimekit_id: str
    title: str
    status: str
    is_ours: bool


def adopt(
    meeting: Meeting,
    remote: RemoteParticipant,
    *,
    by: Actor,
    deadline: Deadline,
    client: RealtimeKit,
    has_extras: bool = False,
) -> Participant | None:
    """Enrol whoever that remote participant is, as they are there, without a token. None when they have a row by now.

    The person is the one with that custom id, else a new guest. With ``has_extras`` the row is verified at once.
    Raises MeetingFull, PersonBlocked, InactiveUser, PresetMissing, UnknownPreset or Busy.
    """
    if not remote.preset_name:
        raise PresetMissing("RealtimeKit does not say which preset this participant has.")
    preset = presets.resolve(remote.preset_name, deadline=deadline, client=client)
    custom_id, now = str(remote.custom_participant_id), timezone.now()
    try:
        with transaction.atomic():
            Meeting.objects.select_for_update(no_key=True).get(pk=meeting.pk)
            person = removal.lock_person(_find_person(custom_id, clean_name(remote.name or ""), by).pk)
            if Participant.objects.filter(meeting=meeting, person=person).exists():
                return None
            _check_welcome(meeting, person)
            name = clean_name(remote.name or "")
            row = Participant(
                meeting=meeting,
                person=person,
                custom_participant_id=custom_id,
                preset=preset,
                name="" if name == person.display_name else name,
                source=Source.SYNC,
                enrolled_by=by.user,
                state=ParticipantState.ENROLLED,
                realtimekit_id=remote.id,
                applied_preset=preset.name,
                applied_picture=(remote.picture or "")[:500],
                raw=dict(remote.raw),
                seen_at=now,
                verify_after=now if has_extras else None,
            )
            row.applied_name = row.effective_name
            row.save(force_insert=True)
            record(EventKind.ADOPTED, by, participant=row, realtimekit_id=remote.id, preset=preset.name)
            # Of most others that are adopted, hooks were told when they were enrolled here.
            tell_of_participants(HookKind.ENROLLED, [row.pk], at=now)
    except IntegrityError:
        return None  # somebody enrolled them between our look and our insert
    return Participant.objects.with_relations().get(pk=row.pk)


def list_unknown(*, deadline: Deadline) -> list[Unknown]:
    """Remote meetings without a row here, newest first; not those that a row of ours is just being made as.

    Raises Busy or Misconfigured.
    """
    with waiting_slot(), translated():
        remote = get_client().meetings.list(deadline=deadline)
    known = set(Meeting.objects.exclude(realtimekit_id=None).values_list("realtimekit_id", flat=True))
    references = {meeting.reference for meeting in Meeting.objects.only("pk")}
    found = [
        Unknown(item.id, sync.shorten(item.title), sync.read_status(item), sync.REFERENCE in (item.title or ""))
        for item in sorted(
            remote, key=lambda item: item.created_at.timestamp() if item.created_at else 0, reverse=True
        )
        if item.id not in known
    ]
    return [item for item in found if _read_reference(item.title) not in references]


def adopt_meetings(realtimekit_ids: list[str], *, by: Actor, deadline: Deadline) -> list[Meeting]:
    """Our rows for those of these that RealtimeKit has and we have not. Raises as ``list_unknown``."""
    wanted = {item.realtimekit_id for item in list_unknown(deadline=deadline)} & set(realtimekit_ids)
    made = []
    for realtimekit_id in sorted(wanted):
        with translated():
            remote = get_client().meetings.get(realtimekit_id, deadline=deadline)
        try:
            with transaction.atomic():
                made.append(sync.adopt(remote, by))
        except IntegrityError:
            continue  # a sync imported it meanwhile
    return made


def _read_reference(title: str) -> str:
    """The reference in a title, as ``Meeting.reference`` writes it; blank without one."""
    _, mark, rest = title.rpartition("[")
    return rest.rstrip("]") if mark else ""


def _find_person(custom_id: str, name: str, by: Actor) -> Person:
    if person := Person.objects.filter(custom_participant_id=custom_id).first():
        return person
    try:
        with transaction.atomic():
            person = Person.objects.create(custom_participant_id=custom_id, display_name=name)
            record(EventKind.PERSON_MADE, by, person=person)
    except IntegrityError:
        return Person.objects.get(custom_participant_id=custom_id)  # made for another meeting at this very moment
    return person


def _check_welcome(meeting: Meeting, person: Person) -> None:
    if person.blocked_at or person.erased_at:
        raise PersonBlocked
    if not person.is_active:
        raise InactiveUser
    if not has_room(meeting):
        raise MeetingFull(capacity=meeting.capacity)
