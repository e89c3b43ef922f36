"""A page is the same whichever way it is found."""

from datetime import timedelta

import pytest
from django.db import connection

from participants.models import Presence
from participants.services import paging
from tests.factories import NOW, PresenceFactory, SessionFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "order", [("-began_at", "-pk"), ("late_seconds", "began_at", "pk"), ("-meeting__title", "-pk")]
)
def test_few_rows_are_sorted_as_many_are_met(order: tuple[str, ...]) -> None:
    for place in range(7):
        session = SessionFactory(started_at=NOW + timedelta(days=place % 3))
        PresenceFactory(session=session, joined=place % 2 or None)
    rows = Presence.objects.order_by(*order)
    for begin in (0, 3, 6):
        met = paging.find_keys(rows, begin, begin + 3, few=False)
        assert paging.find_keys(rows, begin, begin + 3, few=True) == met
    assert paging.find_keys(rows, 0, 50, few=True) == list(rows.values_list("pk", flat=True))


def test_a_page_of_nothing_is_empty() -> None:
    assert paging.find_keys(Presence.objects.none().order_by("pk"), 0, 50, few=True) == []
    assert paging.estimate(Presence.objects.none()) == 0


def test_what_is_estimated_is_a_number_of_rows() -> None:
    PresenceFactory()
    found = paging.estimate(Presence.objects.all())
    assert found > 0 if connection.vendor == "postgresql" else found == 0
