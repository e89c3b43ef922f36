"""Lists that staff ask questions of: which rows a query string means, for whom, and what they come to.

The admin's lists and the files made from them go through ``find``, so that a file holds exactly what the list shows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db.models import Avg, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from participants.errors import UnreadableFilter
from participants.models import Meeting, Participant, Person, Presence
from participants.services import attendancefilters, consents, paging, questions, rights, wordsearch
from participants.services.auditquestions import EVENTS
from participants.services.bounding import bounded
from participants.services.questions import Question
from participants.services.tokensearch import TOKEN_STATES, find_by_token
from participants.states import ConsentState, ParticipantState, ReportSubject, Source

SEARCH = "q"
COUNTED = 10_000
"""Matches are counted exactly up to here."""
FEW_PEOPLE, SOME_PEOPLE = 600, 5_000
"""The enrolments of so few people are sorted in an instant; of some, none is far in any order."""
TOTAL_SECONDS = 20.0
Rows = QuerySet[Any]


@dataclass(frozen=True)
class Subject:
    """One kind of list. ``combined`` questions are answered together, by ``combine``. ``count`` may
    know a quicker way to how many of all rows they find, and then ``walk`` to those.

    Up to ``sorted`` rows are found and sorted faster than a page of them is met in the order of the list.
    """

    key: ReportSubject
    right: str
    list_rows: Callable[[User], Rows]
    questions: tuple[Question, ...]
    order: tuple[str, ...]
    sorted: int = COUNTED
    combined: frozenset[str] = frozenset()
    combine: Callable[[Rows, Mapping[str, Any]], Rows] = lambda rows, answers: rows
    count: Callable[[Mapping[str, Any], int], int | None] = lambda answers, most: None
    walk: Callable[[Rows, Mapping[str, Any]], Rows] | None = None

    def find_question(self, name: str) -> Question | None:
        return next((q for q in self.questions if name == q.name or name in q.aliases), None)


@dataclass
class Asked:
    """A query string, read. With ``errors`` (by parameter) it matches nothing, rather than too much."""

    subject: Subject
    zone: ZoneInfo
    answers: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    search: str = ""

    @property
    def query(self) -> str:
        """As it stands in the URL, in one order."""
        found = dict(sorted(self.texts.items()))
        return urlencode({**found, **({SEARCH: self.search} if self.search else {})})


def read(
    subject: Subject, params: Mapping[str, str], zone: ZoneInfo, *, ignored: frozenset[str] = frozenset()
) -> Asked:
    """Never raises. What is neither a question nor ``ignored`` is ``unknown``."""
    asked = Asked(subject, zone, search=params.get(SEARCH, "").replace("\0", "").strip())
    for name, text in params.items():
        question = subject.find_question(name)
        if question is None:
            if name != SEARCH and name not in ignored:
                asked.unknown.append(name)
        elif text.strip():
            asked.texts[question.name] = text.strip()
            try:
                asked.answers[question.name] = question.parse(text, zone)
            except UnreadableFilter as error:
                asked.errors[question.name] = str(error)
    return asked


def read_query(subject: Subject, query: str, zone: ZoneInfo) -> Asked:
    return read(subject, dict(parse_qsl(query)), zone)


def narrow(rows: Rows, asked: Asked) -> Rows:
    """Rows that match the answers; the search is not among them."""
    if asked.errors:
        return rows.none()
    subject = asked.subject
    rows = subject.combine(rows, asked.answers)
    for name, value in asked.answers.items():
        question = subject.find_question(name)
        if question is not None and name not in subject.combined:
            rows = question.apply(rows, value)
    return rows


def find_sample(subject: Subject, user: User, asked: Asked) -> Rows | None:
    """Some of the rows of a question that finds too many to count them quickly; None where they are counted."""
    question, value = _find_only(subject, asked)
    return question.sample(subject.list_rows(user), value) if question and question.sample else None


def find_walked(subject: Subject, user: User, asked: Asked) -> Rows | None:
    """All rows of a question that finds many, in the form in which a page of them is met soonest; else None."""
    question, value = _find_only(subject, asked)
    return question.walk(subject.list_rows(user), value) if question and question.walk else None


def count_quickly(subject: Subject, user: User, asked: Asked, most: int = COUNTED) -> int | None:
    """How many rows are found, exactly up to ``most``; None where there is no quicker way than to count them."""
    if asked.errors or asked.search or subject.list_rows(user).query.where:
        return None
    return subject.count(asked.answers, most)


def _find_only(subject: Subject, asked: Asked) -> tuple[Question | None, Any]:
    """What is asked where nothing else is."""
    if len(asked.answers) != 1 or asked.errors or asked.search:
        return None, None
    ((name, value),) = asked.answers.items()
    return subject.find_question(name), value


def find(subject: Subject, user: User, asked: Asked) -> Rows:
    """What the user's list shows, in its usual order."""
    rows = narrow(subject.list_rows(user), asked)
    return wordsearch.search(rows, subject.key, asked.search).rows.order_by(*subject.order)


def count(rows: Rows, most: int = COUNTED, *, sample: Rows | None = None) -> tuple[int, bool]:
    """How many rows there are, and whether there are more than ``most``: no more than that many are looked at.

    With a ``sample`` of the rows, that alone is counted, and there may always be more.
    """
    counted = (rows if sample is None else sample).order_by().values("pk")[: most + 1].count()
    return min(counted, most), counted > most or sample is not None


@dataclass(frozen=True)
class Totals:
    """``share`` is 0 to 1, of the window or else of the session."""

    people: int
    meetings: int
    sessions: int
    seconds: int
    share: float | None

    @property
    def minutes(self) -> int:
        return round(self.seconds / 60)

    @property
    def percent(self) -> int | None:
        return None if self.share is None else round(self.share * 100)


_ATTENDED: dict[ReportSubject, str] = {
    ReportSubject.SESSIONS: "session__in",
    ReportSubject.PARTICIPANTS: "participant__in",
}


def total(subject: Subject, rows: Rows) -> Totals:
    """Looks at every row that matches: only on request. Raises TooSlow where they are too many for that."""
    rows = rows.order_by()
    lookup = _ATTENDED.get(subject.key)
    presences = Presence.objects.filter(**{lookup: rows.values("pk")}) if lookup else rows
    with bounded(TOTAL_SECONDS):
        found = presences.aggregate(
            seconds=Sum("seconds"), share=Avg(Coalesce("share_of_window", "share_of_session"))
        )
        enrolled = rows if subject.key == ReportSubject.PARTICIPANTS else None
        return Totals(
            people=_count_apart(
                *(("person", enrolled) if enrolled is not None else ("participant__person", presences))
            ),
            meetings=_count_apart("meeting", presences if enrolled is None else enrolled),
            sessions=_count_apart("session", presences),
            seconds=found["seconds"] or 0,
            share=found["share"],
        )


def _count_apart(column: str, rows: Rows) -> int:
    """How many different ones there are. COUNT(DISTINCT) would sort all rows for it."""
    return rows.filter(**{f"{column}__isnull": False}).values(column).distinct().count()


def _managed(user: int) -> Q:
    return Q(meeting__in=rights.managed_by(user))


def _find_people(group: int) -> QuerySet[Person]:
    return Person.objects.filter(user__in=attendancefilters.in_groups(group)).order_by()


def _sample_people(rows: Rows, group: int) -> Rows | None:
    people = _find_people(group)
    if paging.estimate(people) <= attendancefilters.FEW:
        return None
    return rows.filter(person__in=people.values("pk")[: attendancefilters.FEW + 1])


def _walk_people(rows: Rows, group: int) -> Rows | None:
    people = _find_people(group)
    number = paging.estimate(people)
    if number <= FEW_PEOPLE:
        return None
    return (
        attendancefilters.among(rows, "person", people) if number <= SOME_PEOPLE else rows.filter(person__in=people)
    )


_SESSIONS = (
    questions.choice(
        "live",
        "Live",
        (("true", "Live now"), ("false", "Over")),
        lambda value: Q(ended_at__isnull=value == "true"),
        group="When",
    ),
    questions.since("started_after", "Session on or after", "started_at", group="When"),
    questions.until("started_before", "Session before", "started_at", group="When"),
    questions.choice(
        "came",
        "Who came",
        (("false", "Nobody"), ("true", "Somebody")),
        lambda value: Q(came_count__gt=0) if value == "true" else Q(came_count=0),
        group="Who",
    ),
    questions.row("meeting", "Meeting", "meeting", group="Where"),
    questions.key("manager", "Managed by", _managed, group="Where"),
    questions.key(
        "group",
        "Meeting of group",
        lambda group: Q(meeting__in=Meeting.groups.through.objects.filter(group=group).values("meeting")),
        group="Where",
    ),
    questions.preset("meeting__default_preset", "Default preset", group="Where"),
    questions.period("Session in", "started_at"),
)
_ENROLMENT, _WHERE = "Enrolment", "Where and who"
_PARTICIPANTS = (
    questions.choice(
        "state",
        "State",
        tuple((str(value), str(label)) for value, label in ParticipantState.choices),
        lambda value: Q(state=value),
        group=_ENROLMENT,
        aliases=("state__exact",),
    ),
    questions.choice(
        "token_state",
        "Token",
        tuple(TOKEN_STATES.items()),
        lambda value: Q(pk__in=find_by_token(Participant.objects.all(), value, timezone.now()).values("pk")),
        group=_ENROLMENT,
    ),
    questions.choice(
        "source",
        "Source",
        tuple((str(value), str(label)) for value, label in Source.choices),
        lambda value: Q(source=value),
        group=_ENROLMENT,
        aliases=("source__exact",),
    ),
    questions.choice(
        "consent",
        "Consent",
        tuple((str(value), str(label)) for value, label in ConsentState.choices),
        consents.find_by_state,
        group=_ENROLMENT,
    ),
    questions.since("enrolled_after", "Enrolled on or after", "created_at", group=_ENROLMENT),
    questions.until("enrolled_before", "Enrolled before", "created_at", group=_ENROLMENT),
    questions.row("meeting", "Meeting", "meeting", group=_WHERE),
    questions.key("manager", "Meeting managed by", _managed, group=_WHERE),
    questions.key(
        "group",
        "Person in group",
        lambda group: Q(person__in=_find_people(group).values("pk")),
        group=_WHERE,
        sample=_sample_people,
        walk=_walk_people,
    ),
    questions.preset("preset", group=_WHERE, aliases=("preset__id__exact",)),
    questions.key(
        "enrolled_by",
        "Enrolled by",
        lambda user: Q(enrolled_by=user),
        group=_WHERE,
        aliases=("enrolled_by__id__exact",),
    ),
    questions.row("batch", "Bulk enrolment", "batch", group=_WHERE),
    *questions.PARTICIPANT_ATTENDANCE,
    questions.period("Enrolled in", "created_at"),
    questions.row("person", "Person", "person", hidden=True, aliases=("person__id__exact",)),
)

SUBJECTS: dict[str, Subject] = {
    subject.key.value: subject
    for subject in (
        Subject(
            ReportSubject.ATTENDANCE,
            "view_presence",
            rights.list_presences,
            questions.ATTENDANCE,
            ("-began_at", "-pk"),
            sorted=5 * COUNTED,
        ),
        Subject(
            ReportSubject.SESSIONS,
            "view_session",
            rights.list_sessions,
            _SESSIONS,
            ("-started_at", "-pk"),
        ),
        Subject(
            ReportSubject.PARTICIPANTS,
            "view_participant",
            rights.list_participants,
            _PARTICIPANTS,
            ("-updated_at", "-pk"),
            sorted=2 * COUNTED,
            combined=frozenset(q.name for q in questions.PARTICIPANT_ATTENDANCE),
            combine=questions.find_attending,
            count=questions.count_attending,
            walk=questions.walk_attending,
        ),
        Subject(ReportSubject.EVENTS, "view_event", rights.list_events, EVENTS, ("-created_at", "-pk")),
    )
}


def may_export(user: User, subject: Subject) -> bool:
    """Whether every row that the user's list shows may be taken along: of all meetings, or of those they manage."""
    if rights.holds(user, "export_data"):
        return True
    return not rights.holds(user, subject.right) and rights.list_meetings(user, "export_data").exists()


def may_see(user: User, subject: Subject) -> bool:
    """Whether the list is the user's to look at: all of it, or the rows of meetings they manage."""
    return rights.holds(user, subject.right) or rights.list_meetings(user, subject.right).exists()
