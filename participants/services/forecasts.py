"""What a bulk enrolment would make of each entry of a list. Reads only, with so many queries a chunk."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.db.models.functions import Lower

from participants.errors import UnknownPreset
from participants.models import BatchRow, Meeting, Participant, Person, Preset
from participants.realtimekit import Deadline
from participants.services import presets
from participants.services.admission import count_occupied
from participants.services.rosters import Entry
from participants.services.settling import STAFF_SECONDS
from participants.states import OCCUPYING, TAKEN, ParticipantState, Prospect

CHUNK = 500
"""Entries that are looked up together: each needs a place in the lists of three queries."""

_COLUMNS = ("username", "email", "first_name", "last_name", "is_active")
"""Of a user, as far as a forecast and the making of their person ask."""


@dataclass(slots=True)
class Forecast:
    """One entry and its prospect; ``user``, ``person`` and ``participant`` as far as they exist."""

    entry: Entry
    prospect: Prospect = Prospect.WILL_ENROL
    user: User | None = None
    person: Person | None = None
    participant: Participant | None = None

    @property
    def taken(self) -> bool:
        return self.prospect in TAKEN


@dataclass
class Choice:
    """The presets of a list: each entry's own by its name, else one for all."""

    default: Preset | None
    named: dict[str, Preset] = field(default_factory=dict)

    def of(self, entry: Entry) -> Preset:
        chosen = self.named[entry.preset] if entry.preset else self.default
        assert chosen is not None  # choose_presets has seen to it
        return chosen


def choose_presets(meeting: Meeting, entries: Iterable[Entry], preset: Preset | None) -> Choice:
    """Look up every preset the list needs; unknown names are looked up at RealtimeKit, once for all.

    Raises UnknownPreset, PresetMissing, PresetGone, Busy or Misconfigured.
    """
    readable = [entry for entry in entries if entry.is_readable]
    names = {entry.preset for entry in readable if entry.preset}
    named = _find_presets(names)
    if missing := sorted(names - set(named)):
        presets.sync(deadline=Deadline.after(STAFF_SECONDS))
        named = _find_presets(names)
        if missing := sorted(names - set(named)):
            raise UnknownPreset(f"RealtimeKit has no preset named {missing[0][:100]!r}. Names are case-sensitive.")
    needs_default = any(not entry.preset for entry in readable)
    return Choice(presets.choose(meeting, preset) if needs_default else preset, named)


def _find_presets(names: set[str]) -> dict[str, Preset]:
    return {preset.name: preset for preset in Preset.objects.available() if preset.name in names}


def forecast(meeting: Meeting, entries: list[Entry], *, pre_enrol: bool) -> Iterator[list[Forecast]]:
    """Forecasts in the order of the list, chunk by chunk."""
    judge = Judge(meeting, pre_enrol=pre_enrol)
    for start in range(0, len(entries), CHUNK):
        yield judge.judge(entries[start : start + CHUNK])


class Judge:
    """Remembers over all chunks who was named and how many places are left."""

    def __init__(self, meeting: Meeting, *, pre_enrol: bool) -> None:
        self._meeting = meeting
        self._pre_enrol = pre_enrol
        self._keys: set[str] = set()
        self._people: set[object] = set()
        self.count_places(meeting)

    def count_places(self, meeting: Meeting) -> None:
        """Anew, for a chunk that is acted on. The meeting is locked then, and just read."""
        self._places = None if meeting.capacity is None else meeting.capacity - count_occupied(meeting)

    def judge(self, entries: list[Entry]) -> list[Forecast]:
        found = _Directory(self._meeting, [entry for entry in entries if entry.is_readable])
        return [self._judge_one(entry, found) for entry in entries]

    def _judge_one(self, entry: Entry, found: "_Directory") -> Forecast:
        result = Forecast(entry)
        result.prospect = self._find_obstacle(entry, found, result) or self._admit(result)
        return result

    def _find_obstacle(self, entry: Entry, found: "_Directory", result: Forecast) -> Prospect | None:
        """Fills in who is meant, and says what keeps them from being enrolled."""
        if not entry.is_readable:
            return Prospect.MALFORMED
        if entry.key in self._keys:
            return Prospect.DUPLICATE
        if entry.key:
            self._keys.add(entry.key)
        users = found.find_users(entry)
        if len(users) > 1:
            return Prospect.SEVERAL_MATCH
        result.user = users[0] if users else None
        result.person = found.find_person(result.user, entry)
        if result.user is None and result.person is None and not (entry.is_email and self._pre_enrol):
            return Prospect.MALFORMED if "@" in entry.key and not entry.is_email else Prospect.NOT_FOUND
        # "ada" and "ada@example.org" may be the same person.
        who = result.user or result.person
        identity = (type(who).__name__, who.pk) if who else entry.key
        if identity in self._people:
            return Prospect.DUPLICATE
        self._people.add(identity)
        return self._check_person(result, found)

    def _check_person(self, result: Forecast, found: "_Directory") -> Prospect | None:
        if result.user is not None and not result.user.is_active:
            return Prospect.DEACTIVATED
        if result.person is None:
            return None
        if result.person.blocked_at or result.person.erased_at:
            return Prospect.BLOCKED
        result.participant = row = found.participants.get(result.person.pk)
        if row is None or row.state == ParticipantState.FAILED or row.pk in found.withdrawn:
            return None
        return Prospect.ALREADY_ENROLLED if row.state in OCCUPYING else Prospect.REMOVED

    def _admit(self, result: Forecast) -> Prospect:
        if self._places is not None:
            if self._places <= 0:
                return Prospect.OVER_CAPACITY
            self._places -= 1
        is_known = result.user is not None or result.person is not None
        return Prospect.WILL_ENROL if is_known else Prospect.WILL_PRE_ENROL


class _Directory:
    """Users, people and participants of one chunk, fetched together. Matches as ``people.find_user`` does."""

    def __init__(self, meeting: Meeting, entries: list[Entry]) -> None:
        keys = {entry.key for entry in entries if entry.key}
        self._read_known(entries)
        self._read_users(keys, {key.lower() for key in keys})
        mails = [entry.key for entry in entries if entry.is_email]
        of_users = Person.objects.filter(user__in=[*self._users, *self._known_users])
        self._people = {person.user_id: person for person in of_users}
        self._guests = {person.email: person for person in Person.objects.filter(user=None, email__in=mails)}
        people = {row.pk for row in (*self._people.values(), *self._guests.values(), *self._known_people.values())}
        rows = Participant.objects.filter(meeting=meeting, person__in=people)
        self.participants = {row.person_id: row for row in rows.defer("token")}
        withdrawn = [row.pk for row in self.participants.values() if row.state not in OCCUPYING]
        self.withdrawn = set(
            BatchRow.objects.of_withdrawn().filter(participant__in=withdrawn).values_list("participant", flat=True)
        )

    def _read_known(self, entries: list[Entry]) -> None:
        """Those whom the entries name by id."""
        people = [entry.person_id for entry in entries if entry.person_id]
        users = {entry.user_id for entry in entries if entry.user_id}
        found = Person.objects.select_related("merged_into").in_bulk(people) if people else {}
        # Whoever was merged since the list was read is somebody else by now.
        self._known_people = {key: person.merged_into or person for key, person in found.items()}
        users |= {person.user_id for person in self._known_people.values() if person.user_id}
        self._known_users = User.objects.only(*_COLUMNS).in_bulk(users) if users else {}

    def _read_users(self, keys: set[str], lowered: set[str]) -> None:
        users = User.objects.only(*_COLUMNS)
        exact = list(users.filter(username__in=keys))
        named = list(users.alias(lowered=Lower("username")).filter(lowered__in=lowered))
        mailed = list(users.alias(lowered=Lower("email")).filter(lowered__in=lowered))
        self._users = {user.pk: user for user in (*exact, *named, *mailed)}
        self._exact = {user.username: user for user in exact}
        self._named: dict[str, list[User]] = {}
        self._mailed: dict[str, list[User]] = {}
        for user in named:
            self._named.setdefault(user.username.lower(), []).append(user)
        for user in mailed:
            self._mailed.setdefault(user.email.lower(), []).append(user)

    def find_users(self, entry: Entry) -> list[User]:
        """Of usernames that differ in case alone the exact one is meant."""
        if not entry.key:
            person = self._known_people.get(entry.person_id) if entry.person_id else None
            user = self._known_users.get((person.user_id if person else entry.user_id) or 0)
            return [user] if user else []
        key = entry.key
        exact = self._exact.get(key)
        named = [exact] if exact else self._named.get(key.lower(), [])
        known = {user.pk for user in named}
        return [*named, *(user for user in self._mailed.get(key.lower(), []) if user.pk not in known)]

    def find_person(self, user: User | None, entry: Entry) -> Person | None:
        if user is not None:
            return self._people.get(user.pk)
        if entry.person_id is not None:
            return self._known_people.get(entry.person_id)
        return self._guests.get(entry.key) if entry.is_email else None
