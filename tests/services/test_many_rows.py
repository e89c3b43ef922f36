"""A page of very many rows is that of the plain list, in whichever way it is looked for."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from participants.management import scaledata
from participants.management.scalepeople import Plan
from participants.models import Participant, Presence
from participants.services import reports
from participants.services.reports import SUBJECTS
from participants.services.zones import find_zone
from tests.factories import NOW, AdminFactory

pytestmark = pytest.mark.django_db(transaction=True)
PLAN = Plan(participants=4_000, sessions=400, attendance=14_000, now=NOW)
LISTS = {"attendance": "presence", "participants": "participant"}


def show(staff: Client, subject: str, query: str) -> list[Any]:
    answer: Any = staff.get(f"/admin/participants/{LISTS[subject]}/?{query}")
    assert answer.status_code == 200
    return [row.pk for row in answer.context_data["cl"].result_list]


def test_pages_are_the_same_however_they_are_found() -> None:
    boss, staff = AdminFactory(), Client()
    scaledata.make(PLAN)
    staff.force_login(boss)
    everybody = Group.objects.get(name__startswith="Everybody").pk
    asked = [
        ("attendance", "preset=scale_participant"),
        ("attendance", "preset=scale_guest"),
        ("attendance", f"group={everybody}"),
        ("participants", f"group={everybody}"),
        ("participants", "present_less_than_percent=90"),
        ("participants", "corrected=true"),
        ("participants", "late_more_than_minutes=5"),
    ]
    for subject, query in asked:
        rows = reports.find(SUBJECTS[subject], boss, reports.read_query(SUBJECTS[subject], query, find_zone("UTC")))
        plain = list(rows.values_list("pk", flat=True))
        assert plain, query
        assert show(staff, subject, query) == plain[:50], query
        assert show(staff, subject, f"{query}&p=2") == plain[50:100], query
    for sign in ("", "-"):
        order = (f"{sign}preset__name", f"{sign}updated_at", f"{sign}pk")
        plain = list(Participant.objects.order_by(*order).values_list("pk", flat=True))
        assert show(staff, "participants", f"o={sign}5&p=3") == plain[100:150]
    first = Presence.objects.filter(participant__preset__name="scale_participant").order_by("-began_at", "-pk")[:200]
    answer = staff.get("/api/v1/manage/attendance/?preset=scale_participant&page_size=200").json()
    assert [row["id"] for row in answer["results"]] == [str(row.pk) for row in first]
