"""The one judge and the order of its checks (design 2.4)."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from participants.errors import NotAdmitted
from participants.models import ConsentText, Meeting, Participant, Person, Preset
from participants.services.admission import CODES, Case, judge, run_checks, would_enrol

NOW = datetime(2027, 1, 11, 8, 0, tzinfo=UTC)
LATER, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(hours=1)
PRESET = Preset(name="group_call_participant")
TEXT = ConsentText(number=2, text="This meeting is recorded.")


def make_case(
    *,
    meeting: dict[str, Any] | None = None,
    person: dict[str, Any] | None = None,
    row: dict[str, Any] | None = None,
    enrolled: bool = True,
    **case: Any,
) -> Case:
    """A case that is admitted, unless told otherwise; nothing of it is stored."""
    room = Meeting(**{"title": "Algebra", "state": "created", "default_preset": PRESET, **(meeting or {})})
    who = Person(**{"user": User(pk=1, username="ada"), **(person or {})})
    participant = Participant(**{"meeting": room, "person": who, "state": "enrolled", **(row or {})})
    return Case(
        **{"meeting": room, "person": who, "participant": participant if enrolled else None, "now": NOW, **case}
    )


REFUSALS: dict[str, dict[str, Any]] = {
    "not_found": {"meeting_missing": True},
    "blocked": {"person": {"blocked_at": NOW}},
    "removed": {"row": {"state": "removed"}},
    "not_enrolled": {"enrolled": False},
    "meeting_inactive": {"meeting": {"status": "INACTIVE"}},
    "too_early": {"meeting": {"opens_at": LATER}},
    "closed": {"meeting": {"closes_at": EARLIER}},
    "full": {"enrolled": False, "meeting": {"admission": "signed_in"}, "has_room": False},
    "enrolment_failed": {"meeting": {"state": "failed"}},
    "consent_required": {"meeting": {"consent": TEXT}},
}
NEVER_TOGETHER = {("removed", "not_enrolled"), ("removed", "full"), ("not_enrolled", "full")}
"""A row is there or not, and an open meeting refuses nobody as not enrolled."""


def combine(*codes: str) -> Case:
    merged: dict[str, Any] = {"meeting": {}, "person": {}, "row": {}}
    for code in codes:
        for key, value in REFUSALS[code].items():
            merged[key] = {**merged[key], **value} if isinstance(value, dict) else value
    missing = merged.pop("meeting_missing", False)
    case = make_case(**merged)
    return replace(case, meeting=None) if missing else case


def test_every_code_of_the_judge_is_tried_here() -> None:
    assert tuple(REFUSALS) == CODES


@pytest.mark.parametrize("code", CODES)
def test_each_refusal_has_its_code(code: str) -> None:
    assert judge(combine(code)).code == code


@pytest.mark.parametrize(
    ("first", "second"), [pair for pair in itertools.combinations(CODES, 2) if pair not in NEVER_TOGETHER]
)
def test_an_earlier_check_hides_a_later_one(first: str, second: str) -> None:
    assert judge(combine(first, second)).code == first


def test_all_that_can_be_wrong_at_once_is_told_in_order() -> None:
    case = combine("blocked", "removed", "meeting_inactive", "too_early", "closed", "enrolment_failed")
    failing = [code for code, verdict in run_checks(case) if verdict is not None]
    assert failing == ["blocked", "removed", "meeting_inactive", "too_early", "closed", "enrolment_failed"]
    assert [code for code, _ in run_checks(case)] == list(CODES)


def test_nothing_more_is_checked_without_a_meeting() -> None:
    assert [code for code, _ in run_checks(combine("not_found"))] == ["not_found"]


@pytest.mark.parametrize("state", ["enrolled", "pending"])
def test_an_enrolled_and_a_pending_row_are_admitted(state: str) -> None:
    verdict = judge(make_case(row={"state": state}, meeting={"state": "pending"}))
    assert verdict.admitted
    verdict.enforce()


@pytest.mark.parametrize("state", ["removed", "removing"])
def test_a_removal_bites_before_realtimekit_has_heard_of_it(state: str) -> None:
    assert judge(make_case(row={"state": state})).code == "removed"


@pytest.mark.parametrize(
    "person",
    [{"blocked_at": NOW}, {"erased_at": NOW}, {"user": User(pk=2, username="gone", is_active=False)}],
    ids=["blocked", "erased", "deactivated"],
)
def test_blocked_erased_and_deactivated_people_are_blocked(person: dict[str, Any]) -> None:
    assert judge(make_case(person=person)).code == "blocked"


def test_the_window_opens_and_closes_on_the_moment() -> None:
    assert judge(make_case(meeting={"opens_at": NOW})).admitted
    assert judge(make_case(meeting={"opens_at": NOW + timedelta(microseconds=1)})).code == "too_early"
    assert judge(make_case(meeting={"closes_at": NOW + timedelta(microseconds=1)})).admitted
    assert judge(make_case(meeting={"closes_at": NOW})).code == "closed"


def test_the_window_holds_here_even_where_it_is_not_enforced_remotely() -> None:
    assert judge(make_case(meeting={"opens_at": LATER, "enforce_window": False})).code == "too_early"


def test_an_enrolled_person_is_never_turned_away_as_too_many() -> None:
    assert judge(make_case(has_room=False)).admitted


def test_the_datum_comes_with_the_refusal() -> None:
    with pytest.raises(NotAdmitted) as caught:
        judge(make_case(meeting={"opens_at": LATER})).enforce()
    assert (caught.value.code, caught.value.data) == ("too_early", {"opens_at": LATER})
    failed = judge(make_case(row={"state": "failed", "last_error_code": "refused", "last_error_detail": "no preset"}))
    assert failed.data == {"reason": "no preset"}


@pytest.mark.parametrize(
    ("policy", "preset", "person", "wanted"),
    [
        ("signed_in", PRESET, Person(user_id=1), True),
        ("signed_in", PRESET, None, True),
        ("signed_in", None, Person(user_id=1), False),
        ("signed_in", PRESET, Person(email="guest@example.org"), False),
        ("invited", PRESET, Person(user_id=1), False),
    ],
)
def test_an_open_meeting_enrols_users_and_no_guests(
    policy: str, preset: Preset | None, person: Person | None, wanted: bool
) -> None:
    assert would_enrol(Meeting(admission=policy, default_preset=preset), person) is wanted


def test_an_open_meeting_never_enrols_again_who_was_removed() -> None:
    assert judge(make_case(row={"state": "removed"}, meeting={"admission": "signed_in"})).code == "removed"
