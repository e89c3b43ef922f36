"""What hooks are told is written with what it tells of: once, to whom it concerns, and never by name."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from participants.models import Actor, Attendance, Hook, HookMessage, Meeting, Participant, Session
from participants.realtimekit import Deadline
from participants.sandbox import Sandbox
from participants.services import batches, bulkwork, drift, enrolment, hooks, meetings, mirror, removal, sessionlinks
from participants.services.mirror import PeerNews, SessionNews
from participants.services.rosters import parse_text
from participants.states import DriftAction, HookKind, KnownBy, Source
from tests.factories import NOW, EnrolledFactory, MadeMeetingFactory, MeetingFactory, PersonFactory, UserFactory
from tests.hooks.conftest import add_hook
from tests.services.drifting import add_remotely, apply

pytestmark = pytest.mark.django_db(transaction=True)
URL = "http://127.0.0.1:9/hooks"


@pytest.fixture
def everything(by: Actor) -> Hook:
    return add_hook(URL, by)


def read_told() -> list[tuple[str, dict[str, Any]]]:
    rows = HookMessage.objects.order_by("created_at", "pk")
    return [(row.kind, row.payload["data"]) for row in rows]


def list_told() -> list[str]:
    return sorted(kind for kind, _ in read_told())


def enrol(meeting: Meeting, by: Actor) -> Participant:
    row, _ = enrolment.store(meeting=meeting, person=PersonFactory(), preset=None, source=Source.API, by=by)
    return row


def test_an_enrolment_is_told_by_ids_and_without_name_or_address(everything: Hook, by: Actor) -> None:
    row = enrol(MadeMeetingFactory(title="Algebra"), by)
    ((kind, data),) = read_told()
    assert kind == HookKind.ENROLLED
    assert data == {
        "meeting": {"id": str(row.meeting_id), "realtimekit_id": row.meeting.realtimekit_id, "title": "Algebra"},
        "participant": {
            "id": str(row.pk),
            "custom_participant_id": row.custom_participant_id,
            "person": str(row.person_id),
            "user": row.person.user_id,
        },
        "preset": "group_call_participant",
        "source": "api",
        "restored": False,
    }
    text = json.dumps(HookMessage.objects.get().payload)
    assert row.person.display_name not in text
    assert "@" not in text


def test_enrolling_somebody_twice_is_told_once(everything: Hook, by: Actor) -> None:
    row = enrol(MadeMeetingFactory(), by)
    enrolment.store(meeting=row.meeting, person=row.person, preset=None, source=Source.API, by=by)
    assert list_told() == [HookKind.ENROLLED]


def test_a_removal_and_a_restoring_are_told(everything: Hook, by: Actor) -> None:
    row = EnrolledFactory()
    with transaction.atomic():
        removal.mark(row.pk, by=by)
    removal.mark_restored(row, by=by)
    (removed, gone), (enrolled, back) = read_told()
    assert (removed, enrolled) == (HookKind.REMOVED, HookKind.ENROLLED)
    assert gone["removed_at"].endswith("Z")
    assert gone["cause"] is None
    assert back["restored"] is True


def test_what_is_rolled_back_is_not_told(everything: Hook, by: Actor) -> None:
    row = EnrolledFactory()
    with transaction.atomic():
        removal.mark(row.pk, by=by)
        transaction.set_rollback(True)
    assert read_told() == []


def test_a_bulk_enrolment_is_told_a_message_a_person(everything: Hook, by: Actor) -> None:
    meeting = MadeMeetingFactory()
    names = [UserFactory().username for _ in range(30)]
    batches.start(meeting=meeting, entries=parse_text("\n".join(names)), preset=None, pre_enrol=False, by=by)
    bulkwork.advance(by=by, deadline=Deadline.after(300))
    assert list_told() == [HookKind.ENROLLED] * 30
    assert {data["participant"]["id"] for _, data in read_told()} == {
        str(key) for key in Participant.objects.values_list("pk", flat=True)
    }


def test_many_are_told_of_in_few_statements(everything: Hook, by: Actor) -> None:
    add_hook(URL, by, name="Another")
    rows = [EnrolledFactory(meeting=MadeMeetingFactory()) for _ in range(40)]
    with CaptureQueriesContext(connection) as few, transaction.atomic():
        removal.mark_many(Participant.objects.filter(pk__in=[row.pk for row in rows]), by=by, limit=100)
    assert HookMessage.objects.count() == 80
    assert len(few) < 12


def test_without_a_hook_telling_costs_one_query(by: Actor) -> None:
    row = EnrolledFactory()
    with CaptureQueriesContext(connection) as seen, transaction.atomic():
        removal.mark(row.pk, by=by)
    assert sum("participants_hook" in query["sql"] for query in seen) == 1


def test_a_hook_is_told_of_its_kinds_and_meetings_alone(by: Actor) -> None:
    mine, other = MadeMeetingFactory(), MadeMeetingFactory()
    add_hook(URL, by, name="Mine", meetings=[mine])
    add_hook(URL, by, name="Removals", kinds=[HookKind.REMOVED])
    enrol(mine, by)
    enrol(other, by)
    (message,) = HookMessage.objects.select_related("hook")
    assert (message.hook.name, message.meeting_id) == ("Mine", mine.pk)


def test_who_is_switched_off_is_told_nothing(everything: Hook, by: Actor) -> None:
    hooks.switch(everything, on=False, by=by)
    enrol(MadeMeetingFactory(), by)
    assert read_told() == []


def test_who_is_found_at_realtimekit_and_adopted_is_told_of(everything: Hook, sandbox: Sandbox, by: Actor) -> None:
    meeting = MeetingFactory()
    assert meetings.try_now(meeting, by=by) is None
    add_remotely(sandbox, meeting, "crm-4711", name="Bob")
    apply(drift.compare(meeting, by=by), by, DriftAction.ADOPT)
    ((kind, data),) = read_told()
    assert (kind, data["source"]) == (HookKind.ENROLLED, "sync")
    assert data["participant"]["custom_participant_id"] == "crm-4711"


# --- attendance ---------------------------------------------------------------------------------------


@pytest.fixture
def ada() -> Participant:
    return EnrolledFactory(custom_participant_id="ada-id")


def news_of(meeting: Meeting, **told: Any) -> SessionNews:
    return SessionNews(session_id="s1", meeting_id=str(meeting.realtimekit_id), **told)


def join(meeting: Meeting, peer: str = "p1", known_by: KnownBy = KnownBy.WEBHOOK) -> None:
    told = PeerNews(peer_id=peer, custom_participant_id="ada-id", name="Ada", joined_at=NOW)
    mirror.merge_peer(news_of(meeting), told, known_by=known_by)


def leave(meeting: Meeting, peer: str = "p1", known_by: KnownBy = KnownBy.WEBHOOK) -> None:
    told = PeerNews(peer_id=peer, custom_participant_id="ada-id", left_at=NOW + timedelta(minutes=30))
    mirror.merge_peer(news_of(meeting), told, known_by=known_by)


def end(meeting: Meeting, known_by: KnownBy = KnownBy.WEBHOOK) -> None:
    mirror.merge_session(news_of(meeting, ended_at=NOW + timedelta(hours=1)), known_by=known_by)


def test_joining_leaving_and_the_end_are_told_in_that_order(everything: Hook, ada: Participant) -> None:
    join(ada.meeting)
    leave(ada.meeting)
    end(ada.meeting)
    (first, joined), (second, left), (third, ended) = read_told()
    assert (first, second, third) == (HookKind.JOINED, HookKind.LEFT, HookKind.SESSION_ENDED)
    assert joined["participant"]["id"] == left["participant"]["id"] == str(ada.pk)
    assert joined["session"]["id"] == ended["session"]["id"] == str(Session.objects.get().pk)
    assert (joined["joined_at"], joined["known_by"]) == ("2027-01-11T08:00:00Z", "webhook")
    assert left["left_at"] == "2027-01-11T08:30:00Z"
    assert ended["session"]["ended_at"] == "2027-01-11T09:00:00Z"
    assert HookMessage.objects.get(kind=HookKind.LEFT).payload["timestamp"] == left["left_at"]


def test_what_is_learnt_twice_is_told_once(everything: Hook, ada: Participant) -> None:
    for known_by in (KnownBy.WEBHOOK, KnownBy.WEBHOOK, KnownBy.PULLED):
        join(ada.meeting, known_by=known_by)
        leave(ada.meeting, known_by=known_by)
        end(ada.meeting, known_by=known_by)
    assert list_told() == [HookKind.JOINED, HookKind.LEFT, HookKind.SESSION_ENDED]


def test_out_of_order_each_is_told_once_all_the_same(everything: Hook, ada: Participant) -> None:
    end(ada.meeting)
    leave(ada.meeting)
    join(ada.meeting)
    assert list_told() == [HookKind.JOINED, HookKind.LEFT, HookKind.SESSION_ENDED]


def test_who_is_still_there_when_the_session_ends_is_told_to_have_left_as_an_estimate(
    everything: Hook, ada: Participant
) -> None:
    join(ada.meeting)
    end(ada.meeting)
    told = dict(read_told())
    assert (told[HookKind.LEFT]["known_by"], told[HookKind.LEFT]["left_at"]) == ("estimated", "2027-01-11T09:00:00Z")
    leave(ada.meeting)  # the true time, late: our rows know it, nobody is told again
    assert Attendance.objects.get().left_known_by == KnownBy.WEBHOOK
    assert list_told() == [HookKind.JOINED, HookKind.LEFT, HookKind.SESSION_ENDED]


def test_two_tabs_are_two_connections(everything: Hook, ada: Participant) -> None:
    join(ada.meeting, "p1")
    join(ada.meeting, "p2")
    assert sorted(data["peer_id"] for _, data in read_told()) == ["p1", "p2"]


def test_a_session_that_was_missed_is_told_of_when_it_is_pulled(everything: Hook, ada: Participant) -> None:
    peers = [
        PeerNews(peer_id=f"p{n}", custom_participant_id="ada-id", joined_at=NOW, left_at=NOW + timedelta(minutes=n))
        for n in range(1, 4)
    ]
    mirror.merge_peers(news_of(ada.meeting, ended_at=NOW + timedelta(hours=1)), peers, known_by=KnownBy.PULLED)
    assert list_told() == [HookKind.JOINED] * 3 + [HookKind.LEFT] * 3 + [HookKind.SESSION_ENDED]


def test_a_stranger_is_told_of_without_a_participant_and_a_recorder_not_at_all(
    everything: Hook, ada: Participant
) -> None:
    stranger = PeerNews(peer_id="p8", custom_participant_id="who", joined_at=NOW)
    recorder = PeerNews(peer_id="p9", name="recorder", joined_at=NOW, is_recorder=True)
    mirror.merge_peers(news_of(ada.meeting), [stranger, recorder], known_by=KnownBy.WEBHOOK)
    ((kind, data),) = read_told()
    assert (kind, data["participant"], data["custom_participant_id"]) == (HookKind.JOINED, None, "who")


def test_a_session_of_an_unknown_meeting_is_told_of_once_we_know_it(everything: Hook, by: Actor) -> None:
    told = PeerNews(peer_id="p1", custom_participant_id="ada-id", joined_at=NOW)
    mirror.merge_peer(SessionNews("s1", "remote-1"), told, known_by=KnownBy.WEBHOOK)
    assert read_told() == []
    MadeMeetingFactory(realtimekit_id="remote-1")
    assert sessionlinks.link_all() == 1
    assert list_told() == [HookKind.JOINED]
    mirror.merge_peer(SessionNews("s1", "remote-1"), told, known_by=KnownBy.PULLED)
    assert list_told() == [HookKind.JOINED]


def test_news_that_is_none_costs_no_query_of_hooks(ada: Participant) -> None:
    join(ada.meeting)
    with CaptureQueriesContext(connection) as seen:
        join(ada.meeting)
    assert not any("participants_hook" in query["sql"] for query in seen)
