"""Warm tokens: a pass renews what would not be fresh when it is needed (design 4, last paragraph)."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from participants import gateway
from participants.models import Actor, Event, Meeting, Participant
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import joining, passes, removal, renewal
from participants.services.passes import RENEWALS, RENEWALS_FAILED
from participants.services.tokencache import inspect
from participants.services.tokensearch import is_fresh
from tests.factories import EnrolledFactory, GuestFactory, MadeMeetingFactory

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2027, 1, 11, 8, 0, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
REFRESH = "participants.refresh"


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


def make_meeting(sandbox: Sandbox, **fields: Any) -> Meeting:
    """Made at the sandbox too, and as wanted there."""
    meeting: Meeting = MadeMeetingFactory(**fields)
    wanted = "ACTIVE" if meeting.wants_active(NOW) else "INACTIVE"
    meeting.realtimekit_id = sandbox.world.create_meeting(meeting.title).id
    meeting.applied_status = wanted
    meeting.save()
    return meeting


def seat(
    sandbox: Sandbox,
    meeting: Meeting,
    *,
    left: timedelta | None = None,
    lifetime: timedelta = 100 * DAY,
    **fields: Any,
) -> Participant:
    """Somebody enrolled whose token has ``left`` to live; without it, nobody ever fetched one."""
    if left is not None:
        expires_at = NOW + left
        fields |= {"token": "old", "token_issued_at": expires_at - lifetime, "token_expires_at": expires_at}
    row: Participant = EnrolledFactory(meeting=meeting, **fields)
    remote = sandbox.world.add_participant(
        str(meeting.realtimekit_id), row.custom_participant_id, row.preset.name, name=row.applied_name
    )
    row.realtimekit_id = remote.id
    row.save()
    return row


def count_fresh(meeting: Meeting, at: datetime) -> int:
    return sum(inspect(row, at).fresh for row in Participant.objects.filter(meeting=meeting))


def list_refreshed(sandbox: Sandbox) -> list[str]:
    """Remote ids in the order in which their tokens were asked for."""
    return [request.path.split("/")[-2] for request in sandbox.requests.all() if request.operation == REFRESH]


@pytest.mark.parametrize("lifetime", [2 * MINUTE, HOUR, 5 * DAY, 100 * DAY])
def test_the_rule_in_sql_is_the_rule_of_the_join(sandbox: Sandbox, lifetime: timedelta) -> None:
    opens = NOW + 3 * HOUR
    meeting = make_meeting(sandbox, opens_at=opens)
    second = timedelta(seconds=1)
    for edge in (MINUTE, lifetime / 10, DAY):
        for left in (edge - second, edge, edge + second):
            seat(sandbox, meeting, left=opens - NOW + left, lifetime=lifetime)
    found = set(Participant.objects.filter(is_fresh(F("meeting__opens_at"))))
    assert found == {row for row in Participant.objects.all() if inspect(row, opens).fresh}
    assert found == set(Participant.objects.filter(is_fresh(opens)))
    assert 0 < len(found) < 9


def test_a_token_about_to_stop_being_fresh_is_renewed(sandbox: Sandbox, by: Actor) -> None:
    row = seat(sandbox, make_meeting(sandbox), left=2 * DAY - MINUTE)
    assert inspect(row, NOW).fresh
    assert passes.tick(by=by).renewed == 1
    row.refresh_from_db()
    assert row.token_expires_at is not None
    assert row.token_expires_at > NOW + 99 * DAY
    assert Event.objects.filter(kind="participant.refreshed", participant=row, via="tests").count() == 1


def test_a_token_with_more_than_that_left_is_let_alone(sandbox: Sandbox, by: Actor) -> None:
    seat(sandbox, make_meeting(sandbox), left=2 * DAY + MINUTE)
    assert passes.tick(by=by) == passes.Outcome()
    assert sandbox.requests.all() == []


def test_somebody_enrolled_without_a_token_gets_one(sandbox: Sandbox, by: Actor) -> None:
    row = seat(sandbox, make_meeting(sandbox))
    assert passes.tick(by=by).renewed == 1
    row.refresh_from_db()
    assert inspect(row, NOW).fresh


@pytest.mark.parametrize("lifetime", [15 * MINUTE, 40 * MINUTE, 3 * HOUR, 100 * DAY])
def test_everybody_enrolled_an_hour_before_has_a_fresh_token_when_the_meeting_opens(
    sandbox: Sandbox, by: Actor, clock: Any, lifetime: timedelta
) -> None:
    opens = NOW + HOUR
    sandbox.token_lifetime = lifetime
    meeting = make_meeting(sandbox, opens_at=opens)
    rows = [seat(sandbox, meeting, left=lifetime, lifetime=lifetime) for _ in range(6)]
    rows += [
        seat(sandbox, meeting, left=-DAY),
        seat(sandbox, meeting, left=opens - NOW + 2 * MINUTE),
        seat(sandbox, meeting),
    ]
    while timezone.now() < opens:
        clock.shift(MINUTE)
        passes.tick(by=by)
    assert count_fresh(meeting, opens) == len(rows)
    # A token is asked for again only when the last would not do.
    assert sandbox.requests.count(REFRESH) <= len(rows) * (1 + HOUR // (lifetime * 0.4))
    sandbox.requests.clear()
    for row in rows:
        assert row.person.user is not None
        joining.join(meeting_id=meeting.pk, user=row.person.user, by=by)
    assert sandbox.requests.all() == []


def test_short_lived_tokens_of_an_open_meeting_stay_fresh(sandbox: Sandbox, by: Actor, clock: Any) -> None:
    sandbox.token_lifetime = 20 * MINUTE
    meeting = make_meeting(sandbox)
    seat(sandbox, meeting, left=20 * MINUTE, lifetime=20 * MINUTE)
    for _ in range(60):
        clock.shift(MINUTE)
        passes.tick(by=by)
        assert count_fresh(meeting, timezone.now()) == 1
    assert sandbox.requests.count(REFRESH) == 5


def test_tokens_that_are_never_fresh_are_not_asked_for_without_end(sandbox: Sandbox, by: Actor) -> None:
    sandbox.token_lifetime = timedelta(seconds=30)
    seat(sandbox, make_meeting(sandbox))
    assert [passes.tick(by=by).renewed, passes.converge(by=by).renewed, passes.tick(by=by).renewed] == [1, 0, 0]


def test_a_meeting_so_far_off_that_a_new_token_would_not_last_is_left_for_later(
    sandbox: Sandbox, by: Actor, clock: Any
) -> None:
    meeting = make_meeting(sandbox, opens_at=NOW + 10 * HOUR)
    sandbox.token_lifetime = HOUR
    seat(sandbox, meeting, left=-MINUTE, lifetime=HOUR, refresh_tried_at=NOW - HOUR)
    assert passes.tick(by=by).renewed == 0
    clock.shift(9 * HOUR + 7 * MINUTE)
    assert passes.tick(by=by).renewed == 1
    assert count_fresh(meeting, NOW + 10 * HOUR) == 1


def test_before_that_is_known_a_token_is_asked_for_once(sandbox: Sandbox, by: Actor, clock: Any) -> None:
    sandbox.token_lifetime = HOUR
    seat(sandbox, make_meeting(sandbox, opens_at=NOW + 10 * HOUR), left=-MINUTE, lifetime=MINUTE)
    assert passes.tick(by=by).renewed == 1
    clock.shift(2 * HOUR)
    assert passes.tick(by=by).renewed == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "INACTIVE"},
        {"opens_at": NOW - 2 * HOUR, "closes_at": NOW},
        {"opens_at": NOW - 2 * HOUR, "closes_at": NOW - HOUR, "enforce_window": False},
        {"gone_at": NOW},
    ],
    ids=["inactive", "over", "over, not enforced", "gone at RealtimeKit"],
)
def test_nothing_is_renewed_where_nobody_will_be_let_in(sandbox: Sandbox, by: Actor, fields: dict[str, Any]) -> None:
    seat(sandbox, make_meeting(sandbox, **fields), left=HOUR)
    assert passes.converge(by=by).renewed == 0
    assert sandbox.requests.count(REFRESH) == 0


@pytest.mark.parametrize("column", ["blocked_at", "erased_at"])
def test_people_who_may_enter_nothing_take_up_no_place(sandbox: Sandbox, by: Actor, column: str) -> None:
    row = seat(sandbox, make_meeting(sandbox), left=HOUR, person=GuestFactory(**{column: NOW}))
    passes.tick(by=by)
    row.refresh_from_db()
    assert (row.state, sandbox.requests.count(REFRESH)) == ("removed", 0)


def test_a_guest_without_an_account_is_renewed_too(sandbox: Sandbox, by: Actor) -> None:
    guest = GuestFactory()
    seat(sandbox, make_meeting(sandbox), left=HOUR, person=guest, applied_name=guest.display_name)
    assert passes.tick(by=by).renewed == 1


def test_who_could_join_now_comes_first_and_then_the_soonest_opening(sandbox: Sandbox, by: Actor) -> None:
    always, later, soon, opened = (
        make_meeting(sandbox, opens_at=opens) for opens in (None, NOW + 5 * HOUR, NOW + HOUR, NOW - MINUTE)
    )
    rows = [seat(sandbox, meeting, left=HOUR) for meeting in (later, soon, always, opened)]
    cooling = seat(sandbox, always, left=DAY + HOUR)
    assert passes.tick(by=by).renewed == 5
    expected = [rows[3], rows[2], rows[1], rows[0], cooling]
    assert list_refreshed(sandbox) == [row.realtimekit_id for row in expected]


def test_many_tokens_due_at_once_are_spread_over_ticks(sandbox: Sandbox, by: Actor) -> None:
    meeting = make_meeting(sandbox)
    for _ in range(RENEWALS + 5):
        seat(sandbox, meeting, left=HOUR)
    assert [passes.tick(by=by).renewed for _ in range(3)] == [RENEWALS, 5, 0]


def test_a_pass_by_hand_renews_all_of_them(sandbox: Sandbox, by: Actor) -> None:
    meeting = make_meeting(sandbox)
    for _ in range(RENEWALS + 5):
        seat(sandbox, meeting, left=HOUR)
    assert passes.converge(by=by).renewed == RENEWALS + 5


def test_removals_and_new_enrolments_come_before_renewals(sandbox: Sandbox, by: Actor) -> None:
    meeting = make_meeting(sandbox)
    seat(sandbox, meeting, left=HOUR)
    leaving = seat(sandbox, meeting)
    with transaction.atomic():
        removal.mark(leaving.pk, by=by)
    EnrolledFactory(meeting=meeting, state="pending", realtimekit_id=None)
    passes.tick(by=by)
    operations = [request.operation for request in sandbox.requests.all()]
    assert operations[-1] == REFRESH
    assert {"participants.delete", "participants.add"} < set(operations)


def test_tokens_get_their_turn_however_many_wait_to_be_added(sandbox: Sandbox, by: Actor) -> None:
    meeting = make_meeting(sandbox)
    row = seat(sandbox, meeting, left=HOUR)
    EnrolledFactory.create_batch(30, meeting=meeting, state="pending", realtimekit_id=None)
    a_second_a_call = Deadline.after(15, clock=sandbox.requests.count)
    outcome = passes.tick(by=by, deadline=a_second_a_call)
    assert (outcome.renewed, outcome.unfinished) == (1, True)
    assert list_refreshed(sandbox) == [row.realtimekit_id]
    assert sandbox.requests.count("participants.add") == 10


def test_no_time_is_kept_for_tokens_where_none_is_due(sandbox: Sandbox, by: Actor) -> None:
    EnrolledFactory.create_batch(20, meeting=make_meeting(sandbox), state="pending", realtimekit_id=None)
    passes.tick(by=by, deadline=Deadline.after(15, clock=sandbox.requests.count))
    assert sandbox.requests.count("participants.add") == 15


def test_a_row_that_another_pass_has_renewed_costs_no_second_call(sandbox: Sandbox, by: Actor) -> None:
    row = seat(sandbox, make_meeting(sandbox), left=HOUR)
    passes.tick(by=by)
    assert not renewal.renew(row, deadline=Deadline.after(10), by=by, client=gateway.get_client())
    assert sandbox.requests.count(REFRESH) == 1


def test_a_row_that_somebody_works_on_is_left_to_them(sandbox: Sandbox, by: Actor) -> None:
    row = seat(sandbox, make_meeting(sandbox), left=HOUR)
    Participant.objects.claim(row.pk, seconds=60)
    passes.converge(by=by)
    assert sandbox.requests.all() == []


def test_a_failed_renewal_keeps_the_token_and_is_tried_again_a_minute_later(
    sandbox: Sandbox, by: Actor, clock: Any
) -> None:
    row = seat(sandbox, make_meeting(sandbox), left=HOUR)
    sandbox.faults.down()
    outcome = passes.tick(by=by)
    assert (outcome.renewed, outcome.waiting) == (0, 1)
    assert outcome.trouble
    sandbox.faults.up()
    row.refresh_from_db()
    assert (row.token, row.lease_id) == ("old", None)
    assert passes.tick(by=by).renewed == 0
    clock.shift(61)
    assert passes.tick(by=by).renewed == 1


def test_a_pass_by_hand_does_not_wait_that_minute(sandbox: Sandbox, by: Actor) -> None:
    seat(sandbox, make_meeting(sandbox), left=HOUR)
    sandbox.faults.down()
    passes.tick(by=by)
    sandbox.faults.up()
    assert passes.converge(by=by).renewed == 1


def test_while_realtimekit_is_down_a_pass_gives_up_after_a_few(sandbox: Sandbox, by: Actor) -> None:
    meeting = make_meeting(sandbox)
    for _ in range(RENEWALS_FAILED + 4):
        seat(sandbox, meeting, left=HOUR)
    sandbox.faults.down()
    assert passes.converge(by=by).waiting == RENEWALS_FAILED


def test_a_wrong_api_token_ends_the_pass_and_costs_nobody_a_token(sandbox: Sandbox, by: Actor, settings: Any) -> None:
    meeting = make_meeting(sandbox)
    rows = [seat(sandbox, meeting, left=HOUR) for _ in range(3)]
    settings.REALTIMEKIT_API_TOKEN = "wrong"
    assert passes.tick(by=by).trouble
    assert sandbox.requests.count(REFRESH) == 1
    assert {row.token for row in Participant.objects.filter(pk__in=[row.pk for row in rows])} == {"old"}


def test_a_participant_gone_at_realtimekit_is_added_again(sandbox: Sandbox, by: Actor) -> None:
    meeting = make_meeting(sandbox)
    row = seat(sandbox, meeting, left=HOUR)
    sandbox.world.remove_participant(str(meeting.realtimekit_id), str(row.realtimekit_id))
    assert passes.tick(by=by).renewed == 0
    passes.tick(by=by)
    row.refresh_from_db()
    (remote,) = sandbox.world.participants(str(meeting.realtimekit_id))
    assert (row.state, row.realtimekit_id) == ("enrolled", remote.id)
    assert inspect(row, NOW).fresh


def test_the_judge_is_asked_again_for_every_row(sandbox: Sandbox, by: Actor) -> None:
    row = seat(sandbox, make_meeting(sandbox), left=HOUR)
    row.meeting.status = "INACTIVE"
    assert not renewal.renew(row, deadline=Deadline.after(10), by=by, client=gateway.get_client())
    assert sandbox.requests.all() == []


@pytest.mark.parametrize("command", ["converge", "tick"])
def test_the_commands_say_how_many_tokens_they_renewed(sandbox: Sandbox, command: str) -> None:
    seat(sandbox, make_meeting(sandbox), left=HOUR)
    said = io.StringIO()
    call_command(command, stdout=said)
    assert "1 tokens renewed." in said.getvalue()
