"""Measures one process's work on two databases in turn, for ``benchmarks.growth``: ``benchmarks.growing REPEATS``.

In the environment: BENCH_SMALL and BENCH_LARGE, their addresses. Prints JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402 - needs the settings
from django.core.cache import cache  # noqa: E402
from django.db import connections  # noqa: E402
from django.db.models import F, OuterRef, Subquery  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks.crowd import LASTS, make_token  # noqa: E402
from benchmarks.pages import open_database  # noqa: E402
from benchmarks.ratios import take_turns  # noqa: E402
from participants.models import Meeting, Participant, Person, Preset  # noqa: E402
from participants.services import gauges, renewal  # noqa: E402
from participants.states import ExpirySource, MeetingState, MeetingStatus, ParticipantState  # noqa: E402

WARM = 3
EACH = 5
"""Requests of one turn; the shortest counts, since what else ran can only lengthen it."""
STAFF = "staff0"
_BACKEND = "participants.signin.backends.LocalBackend"

Work = Callable[[], object]


class Side:
    """One of the two databases, with somebody at its door and a member of staff."""

    def __init__(self, name: str) -> None:
        self._connection = open_database(name)
        settle_everybody()
        self._row = prepare_row()
        self._attendee, self._staff = Client(), Client()
        assert self._row.person.user is not None
        self._attendee.force_login(self._row.person.user, _BACKEND)
        self._staff.force_login(User.objects.get(username=STAFF), _BACKEND)

    def list_work(self) -> dict[str, Work]:
        meeting = self._row.meeting_id
        join = f"/api/v1/meetings/{meeting}/join/"
        return {
            "cached join": lambda: _check(self._attendee.post(join, {}, "application/json")),
            "participants, a page in admin": lambda: self._get("/admin/participants/participant/"),
            "participants of a meeting, API": lambda: self._get(f"/api/v1/manage/meetings/{meeting}/participants/"),
            "worker's look, its searches": search,
            "worker's search for tokens to renew": find_tokens,
            "worker's gauges for /metrics": gauges.read,
        }

    def time(self, work: Work) -> float:
        """Milliseconds."""
        connections["default"] = self._connection
        return min(_time(work) for _ in range(EACH))

    def _get(self, address: str) -> object:
        return _check(self._staff.get(address))


def main() -> None:
    repeats = int(sys.argv[1])
    small, large = Side("small"), Side("large")
    few, many = small.list_work(), large.list_work()
    found = {}
    for name in few:
        pair = (large, many[name]), (small, few[name])
        one, other = (_repeat(side, work) for side, work in pair)
        take_turns(one, other, WARM)
        found[name] = take_turns(one, other, repeats)
    json.dump(found, sys.stdout)


def settle_everybody() -> None:
    """Made-up rows as they are when RealtimeKit holds all that is wanted, as a worker finds most of them."""
    name = Person.objects.filter(pk=OuterRef("person")).values("display_name")[:1]
    preset = Preset.objects.filter(pk=OuterRef("preset")).values("name")[:1]
    Person.objects.exclude(picture_url="").update(picture_url="")
    Participant.objects.exclude(state=ParticipantState.REMOVED).update(
        state=ParticipantState.ENROLLED,
        name="",
        applied_name=Subquery(name),
        applied_preset=Subquery(preset),
        verify_after=None,
    )
    Meeting.objects.update(
        state=MeetingState.CREATED,
        enforce_window=False,
        applied_title=F("title"),
        applied_status=F("status"),
        verify_after=None,
    )
    with connections["default"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def prepare_row() -> Participant:
    """Somebody whose meeting is open and whose token is fresh."""
    rows = Participant.objects.select_related("meeting", "person__user")
    row = rows.filter(person__user__is_active=True, state=ParticipantState.ENROLLED).order_by("-pk")[0]
    now = timezone.now()
    Meeting.objects.filter(pk=row.meeting_id).update(
        state=MeetingState.CREATED,
        status=MeetingStatus.ACTIVE,
        applied_status=MeetingStatus.ACTIVE,
        opens_at=None,
        closes_at=None,
        gone_at=None,
    )
    row.token, row.token_issued_at, row.token_expires_at = make_token(row.person), now, now + LASTS
    row.token_expiry_source = ExpirySource.JWT
    row.save()
    return row


def search() -> object:
    """The searches of a pass that finds what is due, as ``services.passes`` makes them."""
    now = timezone.now()
    found = [
        *Participant.objects.of_inactive().values_list("pk", flat=True)[:200],
        *Meeting.objects.unsettled(now).due(now).values_list("pk", flat=True),
        *Participant.objects.unsettled(now).due(now).values_list("pk", flat=True),
    ]
    if found:
        raise RuntimeError(f"{len(found)} rows were to be worked on, so this measured something else.")
    return found


def find_tokens() -> object:
    return renewal.find_due(timezone.now(), limit=25, due_only=True)


def _repeat(side: Side, work: Work) -> Callable[[], float]:
    return lambda: side.time(work)


def _time(work: Work) -> float:
    cache.clear()
    gauges.forget()
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _check(answer: Any) -> object:
    if answer.status_code != 200:
        raise RuntimeError(f"{answer.status_code}: {answer.content[:500]!r}")
    return answer.content


if __name__ == "__main__":
    main()
