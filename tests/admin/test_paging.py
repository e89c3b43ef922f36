"""A page is the same whichever way it is found."""

from datetime import timedelta

import pytest
from django.db import connection

from participants.models import Participant, Presence
from participants.services import paging
from tests.factories import (
    NOW,
    EnrolledFactory,
    MadeMeetingFactory,
    PresenceFactory,
    PresetFactory,
    SessionFactory,
)

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


@pytest.mark.parametrize("first", ["preset__name", "-preset__name"])
def test_rows_by_preset_are_in_the_order_of_its_name_and_then_their_own(first: str) -> None:
    room = MadeMeetingFactory()
    # One of a name that a preset which is gone has, too: their rows are one run of that name.
    presets = [PresetFactory(name="viewer", gone_at=NOW), PresetFactory(name="viewer"), PresetFactory(name="host")]
    for place in range(9):
        row = EnrolledFactory(meeting=room, preset=presets[place % 3])
        Participant.objects.filter(pk=row.pk).update(updated_at=NOW + timedelta(minutes=place * 7 % 5))
    sign = first[: -len("preset__name")]
    rows = Participant.objects.order_by(first, f"{sign}updated_at", f"{sign}pk")
    whole = sorted(rows, key=lambda row: (row.preset.name, row.updated_at, row.pk), reverse=bool(sign))
    for few in (False, True):
        for begin in (0, 2, 4, 6, 8):
            assert paging.find_keys(rows, begin, begin + 3, few=few) == [r.pk for r in whole[begin : begin + 3]]
    narrowed = rows.filter(preset__name="viewer")
    assert paging.find_keys(narrowed, 0, 50, few=False) == [r.pk for r in whole if r.preset.name == "viewer"]
