"""What staff ask of reports: an address for each filter, column, search and page, with answers found in the rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import F
from django.utils import timezone

from participants.models import Batch, Participant, Person, Preset, Session
from participants.services.questions import Kind, Question
from participants.services.reports import SUBJECTS

ADMIN, HEAD, TEACHER = "staff0", "staff1", "staff39"
"""A superuser; who manages a tenth of the meetings; who manages three."""
_LISTS = {"attendance": ("presence", 8), "sessions": ("session", 7), "participants": ("participant", 6)}
"""Each with its model's name and its columns."""
_NUMBERS = {
    "present_less_than_percent": (1, 50, 100),
    "present_less_than_minutes": (1, 30),
    "late_more_than_minutes": (5, 60),
    "left_early_more_than_minutes": (5, 50),
}


@dataclass(frozen=True)
class Page:
    user: str
    address: str


def list_pages() -> dict[str, Page]:
    """By name. The same names for each database, though the rows asked for differ."""
    pages = dict(_list_lists())
    pages.update({name: Page(ADMIN, address) for name, address in _list_others()})
    for name, (model, _) in _LISTS.items():
        for user, who in ((HEAD, "manager of a tenth"), (TEACHER, "manager of three")):
            pages[f"{name}: {who}"] = Page(user, f"/admin/participants/{model}/")
    return pages


def _list_lists() -> Iterator[tuple[str, Page]]:
    facts = _Facts()
    for name, (model, columns) in _LISTS.items():
        base = f"/admin/participants/{model}/"
        yield f"{name}", Page(ADMIN, base)
        for question in SUBJECTS[name].questions:
            for text, words in facts.answer(question):
                yield f"{name}: {question.name} = {words}", Page(ADMIN, f"{base}?{question.name}={text}")
        for column in range(columns):
            for sign in ("", "-"):
                yield f"{name}: by column {sign}{column}", Page(ADMIN, f"{base}?o={sign}{column + 1}")
        for words, text in facts.list_words().items():
            yield f"{name}: search for {words}", Page(ADMIN, f"{base}?q={text}")
        yield f"{name}: page 150", Page(ADMIN, f"{base}?p=150") if name != "sessions" else Page(ADMIN, f"{base}?p=30")


def _list_others() -> Iterator[tuple[str, str]]:
    facts = _Facts()
    live = facts.live.meeting_id if facts.live else facts.meeting.pk
    yield "report of a meeting", f"/admin/participants/meeting/{facts.meeting.pk}/report/"
    yield "live board", f"/admin/participants/meeting/{live}/board/"
    yield "live board, its script", f"/admin/participants/meeting/{live}/board.json"
    yield "dashboard", "/admin/"
    yield "reports and files", "/admin/reports/"
    api = "/api/v1/manage"
    yield "API: attendance", f"{api}/attendance/"
    for name, text in (
        *(("came", "false"), ("late_more_than_minutes", 60), ("present", "true"), ("present_less_than_percent", 50)),
        *(("meeting", facts.meeting.pk), ("preset", "scale_examiner"), ("preset", "scale_participant")),
        *(("manager", HEAD), ("group", facts.groups[-1].pk), ("batch", facts.batch.pk)),
        ("person", facts.person.pk),
    ):
        shown = text if isinstance(text, str | int) else "one"
        yield f"API: attendance, {name} = {shown}", f"{api}/attendance/?{name}={text}"
    yield "API: attendance of a meeting", f"{api}/meetings/{facts.meeting.pk}/attendance/"
    yield "API: sessions of a meeting", f"{api}/meetings/{facts.meeting.pk}/sessions/"
    yield "API: participants of a meeting", f"{api}/meetings/{facts.meeting.pk}/participants/"


class _Facts:
    """Rows to ask for."""

    def __init__(self) -> None:
        self.now = timezone.now()
        ended = Session.objects.filter(ended_at__isnull=False, came_count__gt=9).order_by(F("started_at").desc())
        self.session = ended.select_related("meeting")[0]
        assert self.session.meeting is not None
        self.meeting = self.session.meeting
        self.live = Session.objects.live().order_by("-came_count").first()
        participant = Participant.objects.filter(meeting=self.meeting).order_by("pk")[0]
        self.participant, self.person = participant, Person.objects.get(pk=participant.person_id)
        self.batch = Batch.objects.order_by("-created_at")[0]
        self.presets = list(Preset.objects.order_by("realtimekit_id"))
        self.groups = list(Group.objects.order_by("pk")[:5])

    def list_words(self) -> dict[str, str]:
        first, last = self.person.display_name.lower().split()
        assert self.session.meeting is not None
        return {
            "a rare name": last,
            "a first name": first,
            "a common part": "an",
            "everybody's address": "@scale.example",
            "one address": self.person.email,
            "two words": f"{first} {last}",
            "a meeting": f'"{self.session.meeting.title}"',
            "a subject": "algebra",
            "nothing": "zzyzx",
        }

    def answer(self, question: Question) -> list[tuple[Any, str]]:
        """Texts to ask with, each with what they stand for."""
        name = question.name
        if name in _NUMBERS:
            return [(number, str(number)) for number in _NUMBERS[name]]
        if question.kind is Kind.CHOICE:
            return [(text, text) for text, _ in question.choices]
        if question.kind is Kind.DAY:
            days = {"3 days ago": 3, "a year ago": 365, "3 years ago": 1080}
            return [(f"{self.now - timedelta(days=days[words]):%Y-%m-%d}", words) for words in days]
        if question.kind is Kind.PERIOD:
            last = self.now - timedelta(days=200)
            day = self.participant.created_at if question.label == "Enrolled in" else self.session.started_at
            return [(f"{last:%Y}", "a year"), (f"{last:%Y-%m}", "a month"), (f"{day:%Y-%m-%d}", "a day")]
        return self._name_rows(name)

    def _name_rows(self, name: str) -> list[tuple[Any, str]]:
        one = {
            "meeting": self.meeting.pk,
            "session": self.session.pk,
            "person": self.person.pk,
            "participant": self.participant.pk,
            "batch": self.batch.pk,
        }
        if name in one:
            return [(one[name], "one")]
        if name == "preset":
            return [(preset.name, preset.name) for preset in self.presets]
        if name == "group":
            return [(group.pk, group.name.split()[0]) for group in self.groups]
        staff = {"manager": (HEAD, "staff2", TEACHER), "enrolled_by": ("staff0", "staff5", "staff29")}[name]
        return [(user.pk, user.username) for user in User.objects.filter(username__in=staff).order_by("pk")]
