"""Rows in which each word of a search stands somewhere: in a name, an e-mail address, a title or an id.

Names lie in other tables than the rows that are listed, where no index helps to find the one by the other. So a
word is looked up first: of one that few people and meetings have, the rows are found from these; one that many have
is met soon in whatever order the rows are read.

One or two letters are looked for at the beginnings of words: the index is of three characters, and knows of no fewer
in the middle of a word.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils.text import smart_split, unescape_string_literal

from participants.models import Meeting, Participant, Person
from participants.states import ReportSubject

Rows = QuerySet[Any]
FEW, FEW_MEETINGS = 2_500, 600
"""So many participants or meetings are few: what they come to is sorted in an instant."""
LOOKED_UP = 5
"""Words that are looked up; any further ones narrow what the others found."""
WHOLE = 3
"""Words of fewer letters are looked for where words begin."""
_PEOPLE = ("person__display_name", "person__email", "person__user__username")
_IDS = ("custom_participant_id", "realtimekit_id")


@dataclass(frozen=True)
class Found:
    """``sample`` are some of the rows, quickly counted where all of them are not; None where they are."""

    rows: Rows
    sample: Rows | None = None


@dataclass(frozen=True)
class _Word:
    """``exact`` of the rows that hold it; or, where it is common, ``tested`` row by row and ``some`` of them.

    ``people`` are the participants where no other rows hold it.
    """

    tested: Q
    exact: Q | None = None
    some: Q | None = None
    people: Collection[UUID] | None = None


def split(text: str) -> list[str]:
    """Quotes keep words together."""
    return [
        unescape_string_literal(bit) if bit[0] in "\"'" and bit[0] == bit[-1] and len(bit) > 1 else bit
        for bit in smart_split(text.replace("\0", ""))
    ]


def search(rows: Rows, subject: ReportSubject, text: str) -> Found:
    words = [word for word in split(text) if word]
    if not words:
        return Found(rows)
    read = _READERS[subject]
    known = [read(word) for word in words[:LOOKED_UP]]
    rare = next((word.people for word in known if word.people is not None), None)
    if rare is not None and len(words) > 1:
        return Found(rows.filter(_find_among(rare, subject, words)))
    tested = [_test(subject, word) for word in words[LOOKED_UP:]]
    found = rows.filter(reduce(and_, [word.exact or word.tested for word in known] + tested))
    if len(words) == 1 and known[0].some is not None:
        return Found(found, rows.filter(known[0].some))
    return Found(found)


_TEXTS: dict[ReportSubject, tuple[str, ...]] = {
    ReportSubject.ATTENDANCE: (
        *("meeting__title", "participant__name"),
        *(f"participant__{name}" for name in _PEOPLE),
    ),
    ReportSubject.PARTICIPANTS: ("name", *_PEOPLE),
    ReportSubject.SESSIONS: ("meeting__title", "title"),
    ReportSubject.EVENTS: ("actor_name", "meeting__title", *_PEOPLE),
}
_BEGINNINGS: dict[ReportSubject, tuple[str, ...]] = {
    ReportSubject.ATTENDANCE: ("participant__custom_participant_id",),
    ReportSubject.PARTICIPANTS: _IDS,
    ReportSubject.SESSIONS: ("realtimekit_id", "remote_meeting_id"),
    ReportSubject.EVENTS: ("request_id", "address"),
}


def _test(subject: ReportSubject, word: str) -> Q:
    return _hold(word, *_TEXTS[subject]) | _begin(word, *_BEGINNINGS[subject])


def _find_among(people: Collection[UUID], subject: ReportSubject, words: list[str]) -> Q:
    """Rows of those participants whom every word is of: they are fewer than their rows."""
    of, path = ("participant", "participant__") if subject == ReportSubject.ATTENDANCE else ("pk", "")
    found = Participant.objects.filter(pk__in=people).order_by()
    for word in words:
        texts = (name.removeprefix(path) for name in _TEXTS[subject])
        begin = (name.removeprefix(path) for name in _BEGINNINGS[subject])
        found = found.filter(_hold(word, *texts) | _begin(word, *begin))
    return Q(**{f"{of}__in": list(found.values_list("pk", flat=True))})


def _hold(word: str, *names: str) -> Q:
    """Rows that have the word in any of these columns."""
    if not _is_short(word):
        return reduce(or_, (Q(**{f"{name}__icontains": word}) for name in names))
    return reduce(
        or_, (Q(**{f"{name}__istartswith": word}) | Q(**{f"{name}__icontains": f" {word}"}) for name in names)
    )


def _is_short(word: str) -> bool:
    """Of scripts without capitals not: they may write without spaces, and two characters be a name."""
    return len(word) < WHOLE and all(sign.isdigit() or sign.upper() != sign.lower() for sign in word)


def _begin(word: str, *names: str) -> Q:
    return reduce(or_, (Q(**{f"{name}__startswith": word}) for name in names))


def _name(word: str) -> Q:
    return _hold(word, "display_name", "email")


def _find_named(word: str) -> QuerySet[Person]:
    return Person.objects.filter(_name(word)).order_by()


def _find_people(word: str, *ids: str) -> tuple[set[UUID], Rows | None]:
    """Participants who have it; of more than a few, some of them as a query."""
    users = Person.objects.filter(user__in=User.objects.filter(_hold(word, "username")).values("pk"))
    rows = Participant.objects.order_by()
    parts = [
        rows.filter(person__in=_find_named(word).values("pk")),
        rows.filter(person__in=users.exclude(_name(word)).order_by().values("pk")),
        rows.filter(_hold(word, "name")),
        *(rows.filter(_begin(word, name)) for name in ids),
    ]
    keys = [part.values_list("pk", flat=True) for part in parts]
    # One after the other, and no further than need be: made distinct they would all be read to the end.
    some = keys[0].union(*keys[1:], all=True).order_by()[: FEW + 1]
    found = set(some)
    return found, some if len(found) > FEW else None


def _find_meetings(word: str) -> tuple[set[UUID], bool]:
    rows = Meeting.objects.filter(_hold(word, "title")).order_by()
    found = set(rows.values_list("pk", flat=True)[: FEW_MEETINGS + 1])
    return found, len(found) > FEW_MEETINGS


def _read_attendance(word: str) -> _Word:
    (people, many), (meetings, more) = _find_people(word, _IDS[0]), _find_meetings(word)
    tested = _test(ReportSubject.ATTENDANCE, word)
    if many is not None:
        return _Word(tested, some=Q(participant__in=many))
    some = Q(participant__in=people) | Q(meeting__in=meetings) if meetings else Q(participant__in=people)
    return _Word(tested, some=some) if more else _Word(tested, exact=some, people=None if meetings else people)


def _read_participants(word: str) -> _Word:
    people, many = _find_people(word, *_IDS)
    tested = _test(ReportSubject.PARTICIPANTS, word)
    if many is None:
        return _Word(tested, exact=Q(pk__in=people), people=people)
    return _Word(tested, some=Q(person__in=_find_named(word).values("pk")))


def _read_sessions(word: str) -> _Word:
    tested, (meetings, many) = _test(ReportSubject.SESSIONS, word), _find_meetings(word)
    if many:
        return _Word(tested, some=Q(meeting__in=meetings))
    own = _hold(word, "title") | _begin(word, *_BEGINNINGS[ReportSubject.SESSIONS])
    return _Word(tested, exact=own | Q(meeting__in=meetings))


def _read_events(word: str) -> _Word:
    (meetings, many) = _find_meetings(word)
    people = set(_find_named(word).values_list("pk", flat=True)[: FEW_MEETINGS + 1])
    tested, some = _test(ReportSubject.EVENTS, word), Q(person__in=people) | Q(meeting__in=meetings)
    if many or len(people) > FEW_MEETINGS:
        return _Word(tested, some=some)
    named = Q(actor_name__icontains=word) | Q(person__user__username__iexact=word)
    return _Word(tested, exact=named | Q(request_id__startswith=word) | Q(address__startswith=word) | some)


_READERS: dict[ReportSubject, Callable[[str], _Word]] = {
    ReportSubject.ATTENDANCE: _read_attendance,
    ReportSubject.PARTICIPANTS: _read_participants,
    ReportSubject.SESSIONS: _read_sessions,
    ReportSubject.EVENTS: _read_events,
}
