"""The filter form of a list: real fields, answers as chips that can be taken away, dates to step through."""

from __future__ import annotations  # ListFilter is generic only in the stubs

import calendar
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib.admin import ListFilter, ModelAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from participants.admin.zones import read_reader_zone
from participants.models import ApiKey, Batch, Meeting, Person, Preset, Session
from participants.services import reports, rights
from participants.services.questions import Kind, Question, read_period
from participants.services.reports import Asked, Subject
from participants.states import BatchKind, ReportSubject

TOTALS = "totals"
IGNORED = frozenset({"o", "p", "all", "e", TOTALS, "_popup", "_to_field", "_changelist_filters", "_facets"})
_OFFERED = 50
_OFFERED_USERS = 200
Options = list[tuple[str, str]]


@dataclass(frozen=True)
class Input:
    """One field of the form."""

    question: Question
    text: str
    options: Options
    error: str

    @property
    def shown(self) -> str:
        """The answer in words."""
        words = dict(self.options).get(self.text, self.text)
        return f"{words} {self.question.unit}".strip()


class QuestionsFilter(ListFilter):
    """All questions of a list at once, so that they are read where exports read them."""

    title = "filters"
    subject: Subject

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: ModelAdmin[Any]
    ) -> None:
        super().__init__(request, params, model, model_admin)
        self.subject = model_admin.subject  # type: ignore[attr-defined]  # only ReportList uses this filter
        self.asked = read_asked(request, self.subject)
        for question in self.subject.questions:
            for name in (question.name, *question.aliases):
                params.pop(name, None)
        params.pop(TOTALS, None)

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: Any) -> Iterator[Any]:
        return iter(())

    def expected_parameters(self) -> list[str | None]:
        return [question.name for question in self.subject.questions]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return reports.narrow(queryset, self.asked)


def read_asked(request: HttpRequest, subject: Subject) -> Asked:
    params = {name: str(text) for name, text in request.GET.items()}
    return reports.read(subject, params, read_reader_zone(request), ignored=IGNORED)


def list_inputs(request: HttpRequest, asked: Asked) -> list[Input]:
    options = _Options(request, asked)
    return [
        Input(
            question, asked.texts.get(question.name, ""), options.find(question), asked.errors.get(question.name, "")
        )
        for question in asked.subject.questions
    ]


def group_inputs(inputs: list[Input]) -> list[tuple[str, list[Input]]]:
    """Those with a field, under their headings, each heading where it first comes."""
    groups: dict[str, list[Input]] = {}
    for one in inputs:
        if not one.question.hidden:
            groups.setdefault(one.question.group, []).append(one)
    return list(groups.items())


@dataclass
class _Options:
    """Choices that are rows: the newest, and the one chosen. Others are reached from their own lists."""

    request: HttpRequest
    asked: Asked
    _users: list[tuple[User, bool]] | None = None

    def find(self, question: Question) -> Options:
        if question.kind is Kind.CHOICE:
            return list(question.choices)
        text = self.asked.texts.get(question.name, "")
        find = _FINDERS.get(question.name)
        if find is None or (question.hidden and not text) or question.kind is not Kind.ROW:
            return []
        return find(self, self.asked.answers.get(question.name))

    def list_meetings(self, chosen: Any) -> Options:
        rows = rights.list_meetings(self.request.user).order_by("-created_at", "pk")
        return _with_chosen(rows, "title", chosen)

    def list_sessions(self, chosen: Any) -> Options:
        rows = rights.list_sessions(self.request.user).filter(pk=chosen).select_related("meeting")
        return [(str(row.pk), str(row)) for row in rows]

    def list_people(self, chosen: Any) -> Options:
        rows = rights.list_participants(self.request.user).filter(Q(person=chosen) | Q(pk=chosen))
        if self.asked.subject.key == ReportSubject.EVENTS and rights.holds(self.request.user, "view_person"):
            return [(str(person.pk), str(person)) for person in Person.objects.filter(pk=chosen)]
        return [(str(chosen), row.effective_name) for row in rows.select_related("person")[:1]]

    def list_presets(self, chosen: Any) -> Options:
        rows = list(Preset.objects.order_by("name").values_list("pk", "name")[:_OFFERED_USERS])
        old = [(str(pk), name) for pk, name in rows if pk == chosen]
        return list(dict.fromkeys([*old, *((name, name) for _, name in rows)]))

    def list_batches(self, chosen: Any) -> Options:
        rows = Batch.objects.filter(kind=BatchKind.ENROL).select_related("meeting")
        if not rights.holds(self.request.user, "view_participant"):
            rows = rows.filter(meeting__in=rights.list_meetings(self.request.user, "view_participant").values("pk"))
        rows = rows.order_by("-created_at", "pk")
        found = list(rows[:_OFFERED])
        if chosen and all(row.pk != chosen for row in found):
            found += rows.filter(pk=chosen)
        return [(str(row.pk), str(row)) for row in found]

    def list_groups(self, chosen: Any) -> Options:
        return [
            (str(pk), name) for pk, name in Group.objects.order_by("name").values_list("pk", "name")[:_OFFERED_USERS]
        ]

    def list_managers(self, chosen: Any) -> Options:
        return [(str(user.pk), user.get_username()) for user, manages in self._read_users() if manages]

    def list_enrollers(self, chosen: Any) -> Options:
        found = [(str(user.pk), user.get_username()) for user, _ in self._read_users()]
        key = str(chosen or "")
        if key.isdecimal() and key not in dict(found):
            found += [(str(pk), name) for pk, name in User.objects.filter(pk=int(key)).values_list("pk", "username")]
        return found

    def list_keys(self, chosen: Any) -> Options:
        return _with_chosen(ApiKey.objects.order_by("-created_at", "pk"), "name", chosen)

    def _read_users(self) -> list[tuple[User, bool]]:
        """Staff and managers: both questions choose among them."""
        if self._users is None:
            # Each found by an index of its own, where "either of both" would look at every user there is.
            managing = Meeting.managers.through.objects.values("user")
            managers = list(User.objects.filter(pk__in=managing).order_by("username")[:_OFFERED_USERS])
            keys = {user.pk for user in managers}
            staff = User.objects.filter(is_staff=True).order_by("username")[:_OFFERED_USERS]
            found = {user.pk: user for user in (*managers, *staff)}
            by_name = sorted(found.values(), key=User.get_username)
            self._users = [(user, user.pk in keys) for user in by_name]
        return self._users


_FINDERS: dict[str, Callable[[_Options, Any], Options]] = {
    "meeting": _Options.list_meetings,
    "session": _Options.list_sessions,
    "participant": _Options.list_people,
    "person": _Options.list_people,
    "preset": _Options.list_presets,
    "batch": _Options.list_batches,
    "group": _Options.list_groups,
    "manager": _Options.list_managers,
    "enrolled_by": _Options.list_enrollers,
    "actor": _Options.list_enrollers,
    "api_key": _Options.list_keys,
}


def _with_chosen(rows: QuerySet[Any], label: str, chosen: Any) -> Options:
    found = list(rows.values_list("pk", label)[:_OFFERED])
    if chosen and all(pk != chosen for pk, _ in found):
        found.extend(rows.filter(pk=chosen).values_list("pk", label))
    return [(str(pk), str(text)) for pk, text in found]


@dataclass(frozen=True)
class Period:
    text: str
    label: str


@dataclass(frozen=True)
class Periods:
    """``back`` leads one step out; ``steps`` lead one step in."""

    back: Period | None
    current: str
    steps: list[Period]


def list_periods(asked: Asked) -> Periods | None:
    """Years, the months of one, the days of one. Asks for the first session only, not for each one's date."""
    today = timezone.now().astimezone(asked.zone).date()
    chosen = asked.texts.get("on", "") if "on" in asked.answers else ""
    if not chosen:
        first = Session.objects.filter(started_at__isnull=False).order_by("started_at").values_list("started_at")[:1]
        begins = next((moment.astimezone(asked.zone).year for (moment,) in first if moment), None)
        if begins is None:
            return None
        years = range(max(begins, today.year - 9), today.year + 1)
        return Periods(None, "", [Period(str(year), str(year)) for year in years])
    day, _ = read_period(chosen)
    parts = chosen.count("-")
    if parts == 0:
        last = 12 if day.year < today.year else today.month
        months = [Period(f"{day.year}-{month:02}", calendar.month_abbr[month]) for month in range(1, last + 1)]
        return Periods(Period("", "All dates"), str(day.year), months)
    month = f"{day:%Y-%m}"
    if parts == 1:
        days = range(1, calendar.monthrange(day.year, day.month)[1] + 1)
        steps = [Period(f"{month}-{n:02}", str(n)) for n in days if date(day.year, day.month, n) <= today]
        return Periods(Period(str(day.year), str(day.year)), f"{day:%B %Y}", steps)
    return Periods(Period(month, f"{day:%B %Y}"), f"{day:%-d %B %Y}", [])
