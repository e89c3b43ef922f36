"""Sending mails: what is sent once, what is repeated, what is given up."""

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage

import pytest
import time_machine
from django.conf import LazySettings
from django.core import mail
from django.db import transaction
from icalendar import Calendar

from participants.errors import WrongState
from participants.gateway import RemoteCallInTransaction
from participants.models import Actor, Event, EventKind, Meeting, Message, Participant
from participants.services import invitations, meetings, outbox, passes, removal
from participants.services.outbox import Draft
from participants.states import MessageKind, MessageState
from tests.factories import NOW, EnrolledFactory, GuestFactory, MadeMeetingFactory
from tests.mailserver import MailServer, use_mail_server

pytestmark = pytest.mark.django_db
SITE = "https://rollcall.example.org"


@pytest.fixture(autouse=True)
def _mail(settings: LazySettings) -> None:
    settings.MAIL_ENABLED, settings.ROLLCALL_PUBLIC_URL = True, SITE


@pytest.fixture
def server(settings: LazySettings) -> Iterator[MailServer]:
    with MailServer() as running:
        use_mail_server(settings, f"smtp://127.0.0.1:{running.port}")
        yield running


def make_row(email: str = "bob@example.org", **meeting: object) -> Participant:
    window = {"opens_at": NOW, "closes_at": NOW + timedelta(hours=1), **meeting}
    made = MadeMeetingFactory(title="Algebra, group 7", **window)
    row: Participant = EnrolledFactory(meeting=made, person=GuestFactory(display_name="Bob Example", email=email))
    return row


def queue(row: Participant, by: Actor, kind: MessageKind = MessageKind.ENROLLED) -> Message:
    outbox.queue([Draft(kind, row)], by=by)
    return Message.objects.latest("created_at")


def read_entry(sent: EmailMessage) -> tuple[str, dict[str, str]]:
    """The calendar's method, and the entry's properties as text."""
    (part,) = [part for part in sent.walk() if part.get_content_type() == "text/calendar"]
    calendar = Calendar.from_ical(part.get_content())
    (entry,) = calendar.walk("VEVENT")
    assert part.get_filename() == "meeting.ics"
    assert part.get_param("method") == str(calendar["method"])
    return str(calendar["method"]), {name.lower(): value.to_ical().decode() for name, value in entry.items()}


def test_an_invitation_is_sent_with_its_link_in_both_parts_and_a_calendar_entry(
    server: MailServer, by: Actor
) -> None:
    row = make_row()
    issued = invitations.issue(row, by=by, mail=True)
    link = issued.build_link(SITE)
    assert outbox.work(by=by) is False
    (sent,) = server.taken
    assert (str(sent["To"]), str(sent["Subject"])) == ("bob@example.org", "Invitation: Algebra, group 7")
    plain, html = sent.get_body(("plain",)), sent.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert link in plain.get_content()
    assert f'href="{link}"' in html.get_content()
    method, entry = read_entry(sent)
    assert (method, entry["uid"], entry["sequence"]) == ("REQUEST", f"{row.pk}@rollcall", "0")
    assert (entry["dtstart"], entry["dtend"]) == ("20270111T080000Z", "20270111T090000Z")
    assert entry["url"] == link


def test_what_was_sent_is_on_record_and_holds_no_secret(server: MailServer, by: Actor) -> None:
    issued = invitations.issue(make_row(), by=by, mail=True)
    outbox.work(by=by)
    message = Message.objects.get()
    assert (message.state, message.secret, message.attempts) == (MessageState.SENT, None, 1)
    assert message.sent_at is not None
    assert message.subject == "Invitation: Algebra, group 7"
    assert Event.objects.filter(kind=EventKind.MAIL_SENT).count() == 1
    assert issued.secret not in str(list(Message.objects.values())) + str(list(Event.objects.values()))


def test_nothing_is_sent_twice(server: MailServer, by: Actor) -> None:
    queue(make_row(), by)
    outbox.work(by=by)
    outbox.work(by=by)
    assert len(server.taken) == 1


def test_one_connection_serves_all_mails_of_a_pass(server: MailServer, by: Actor) -> None:
    for number in range(5):
        queue(make_row(f"guest{number}@example.com"), by)
    outbox.work(by=by)
    assert (len(server.taken), server.connections) == (5, 1)


def test_a_meeting_without_hours_has_no_calendar_entry(server: MailServer, by: Actor) -> None:
    invitations.issue(make_row(opens_at=None, closes_at=None), by=by, mail=True)
    outbox.work(by=by)
    (sent,) = server.taken
    assert [part.get_content_type() for part in sent.walk() if not part.is_multipart()] == ["text/plain", "text/html"]
    body = sent.get_body(("plain",))
    assert body is not None
    assert "It is open at any time." in body.get_content()


def test_a_meeting_without_an_end_has_an_entry_without_one(server: MailServer, by: Actor) -> None:
    invitations.issue(make_row(closes_at=None), by=by, mail=True)
    outbox.work(by=by)
    assert "dtend" not in read_entry(server.taken[0])[1]


def test_a_changed_time_moves_the_entry_and_an_unchanged_one_does_not(server: MailServer, by: Actor) -> None:
    row = make_row()
    queue(row, by)
    outbox.work(by=by)
    queue(row, by, MessageKind.CHANGED)
    outbox.work(by=by)
    meetings.store(_move(row), by=by, changed=["opens_at"])
    queue(row, by, MessageKind.CHANGED)
    outbox.work(by=by)
    entries = [read_entry(sent)[1] for sent in server.taken]
    assert [entry["sequence"] for entry in entries] == ["0", "0", "1"]
    assert {entry["uid"] for entry in entries} == {f"{row.pk}@rollcall"}


def _move(row: Participant) -> Meeting:
    row.meeting.opens_at = NOW + timedelta(minutes=30)
    return row.meeting


def test_a_removal_takes_the_entry_out_again(server: MailServer, by: Actor) -> None:
    row = make_row()
    queue(row, by)
    outbox.work(by=by)
    removal.mark_all_of(row.person, by=by)
    queue(row, by, MessageKind.REMOVED)
    outbox.work(by=by)
    method, entry = read_entry(server.taken[1])
    assert (method, entry["status"], entry["sequence"]) == ("CANCEL", "CANCELLED", "1")


def test_a_refused_address_fails_at_once_and_stops_no_other(server: MailServer, by: Actor) -> None:
    server.refuse["nobody@example.org"] = "550 no such user"
    lost, kept = queue(make_row("nobody@example.org"), by), queue(make_row("ada@example.org"), by)
    outbox.work(by=by)
    lost.refresh_from_db()
    kept.refresh_from_db()
    assert (lost.state, lost.last_error_code, lost.last_error_detail) == (
        MessageState.FAILED,
        "recipient_refused",
        "550 no such user",
    )
    assert kept.state == MessageState.SENT
    assert Event.objects.filter(kind=EventKind.MAIL_FAILED).count() == 1


def test_a_mail_that_is_refused_as_a_whole_fails_at_once(server: MailServer, by: Actor) -> None:
    server.refuse_mail = "554 looks like spam"
    message = queue(make_row(), by)
    outbox.work(by=by)
    message.refresh_from_db()
    assert (message.state, message.last_error_code) == (MessageState.FAILED, "mail_refused")


def test_an_address_put_off_is_tried_again_with_a_growing_wait(server: MailServer, by: Actor) -> None:
    server.refuse["bob@example.org"] = "450 greylisted"
    with time_machine.travel(NOW, tick=False) as clock:
        message = queue(make_row(), by)
        waits = []
        for _ in range(3):
            outbox.work(by=by)
            message.refresh_from_db()
            assert message.next_attempt_at is not None
            waits.append(message.next_attempt_at - NOW)
            clock.move_to(message.next_attempt_at)
        server.refuse.clear()
        outbox.work(by=by)
    message.refresh_from_db()
    assert [wait.total_seconds() for wait in waits] == [30, 90, 210]
    assert (message.state, message.attempts, message.last_error_code) == (MessageState.SENT, 4, "")


def test_a_server_that_is_away_stops_the_pass_and_loses_nothing(by: Actor, settings: LazySettings) -> None:
    use_mail_server(settings, "smtp://127.0.0.1:9")
    for number in range(3):
        queue(make_row(f"guest{number}@example.com"), by)
    assert outbox.work(by=by) is False
    assert Message.objects.waiting().count() == 3
    assert list(Message.objects.exclude(last_error_code="").values_list("last_error_code", flat=True)) == [
        "mail_server_unreachable"
    ]


def test_a_line_that_breaks_after_the_mail_leaves_a_doubt_and_the_same_message_id(
    server: MailServer, by: Actor
) -> None:
    server.drop_after_data = 1
    with time_machine.travel(NOW, tick=False) as clock:
        message = queue(make_row(), by)
        outbox.work(by=by)
        message.refresh_from_db()
        assert (message.state, message.last_error_code, message.outcome_unknown) == (
            MessageState.WAITING,
            "connection_lost",
            True,
        )
        clock.shift(timedelta(minutes=1))
        outbox.work(by=by)
    message.refresh_from_db()
    assert message.state == MessageState.SENT
    first, second = server.taken
    assert first["Message-ID"] == second["Message-ID"]


def test_a_mail_that_some_worker_holds_is_left_to_it(server: MailServer, by: Actor) -> None:
    message = queue(make_row(), by)
    assert Message.objects.waiting().claim(message.pk, seconds=60)
    outbox.work(by=by)
    assert server.taken == []


def test_a_mail_in_doubt_after_a_kill_is_sent_again_once_its_lease_has_ended(server: MailServer, by: Actor) -> None:
    message = queue(make_row(), by)
    assert Message.objects.waiting().claim(message.pk, seconds=-1, outcome_unknown=True, attempts=1)
    outbox.work(by=by)
    outbox.work(by=by)
    message.refresh_from_db()
    assert (message.state, message.attempts, len(server.taken)) == (MessageState.SENT, 2, 1)


def test_workers_send_mails_at_their_tick(server: MailServer, by: Actor, settings: LazySettings) -> None:
    settings.REALTIMEKIT_API_TOKEN = ""
    queue(make_row(), by)
    passes.tick(by=by)
    assert server.list_recipients() == ["bob@example.org"]


def test_a_tick_leaves_mails_to_whoever_sends_them_beside_it(
    server: MailServer, by: Actor, settings: LazySettings
) -> None:
    settings.REALTIMEKIT_API_TOKEN = ""
    queue(make_row(), by)
    passes.tick(by=by, with_sidelines=False)
    assert (server.connections, Message.objects.get().attempts) == (0, 0)


def test_a_mail_that_trips_over_a_defect_holds_up_no_other(server: MailServer, by: Actor) -> None:
    broken, fine = queue(make_row(), by), queue(make_row("ada@example.org"), by)
    Message.objects.filter(pk=broken.pk).update(kind="nonsense")
    outbox.work(by=by)
    fine.refresh_from_db()
    assert fine.state == MessageState.SENT


def test_a_mail_is_given_up_after_a_day_of_tries(server: MailServer, by: Actor) -> None:
    server.refuse["bob@example.org"] = "450 greylisted"
    message = queue(make_row(), by)
    Message.objects.update(attempts=outbox.ATTEMPTS - 1)
    outbox.work(by=by)
    message.refresh_from_db()
    assert (message.state, message.last_error_code) == (MessageState.FAILED, "recipient_delayed")


def test_staff_have_a_failed_mail_sent_again(server: MailServer, by: Actor) -> None:
    server.refuse["bob@example.org"] = "550 no such user"
    message = queue(make_row(), by)
    outbox.work(by=by)
    server.refuse.clear()
    assert outbox.retry(Message.objects.filter(pk=message.pk), by=by) == 1
    outbox.work(by=by)
    message.refresh_from_db()
    assert message.state == MessageState.SENT


def test_a_failed_invitation_is_not_repeated_since_its_secret_is_gone(server: MailServer, by: Actor) -> None:
    server.refuse["bob@example.org"] = "550 no such user"
    invitations.issue(make_row(), by=by, mail=True)
    outbox.work(by=by)
    assert Message.objects.get().secret is None
    with pytest.raises(WrongState):
        outbox.retry(Message.objects.all(), by=by)


def test_a_mail_overtaken_by_events_is_dropped(server: MailServer, by: Actor) -> None:
    row = make_row()
    message = queue(row, by)
    removal.mark_all_of(row.person, by=by)
    outbox.work(by=by)
    message.refresh_from_db()
    assert (message.state, message.last_error_code, server.taken) == (MessageState.DROPPED, "removed", [])


def test_nothing_is_sent_while_mail_is_not_set_up(by: Actor, settings: LazySettings) -> None:
    settings.ROLLCALL_PUBLIC_URL = ""
    message = queue(make_row(), by)
    outbox.work(by=by)
    message.refresh_from_db()
    assert (message.state, message.attempts, mail.outbox) == (MessageState.WAITING, 0, [])


@pytest.mark.django_db(transaction=True)
def test_no_mail_is_sent_inside_a_transaction(by: Actor) -> None:
    with transaction.atomic(), pytest.raises(RemoteCallInTransaction):
        outbox.work(by=by)


def test_nobody_can_add_a_header_by_their_name(server: MailServer, by: Actor) -> None:
    row = make_row()
    row.meeting.title = "Algebra\r\nBcc: everybody@example.org"
    row.meeting.save()
    queue(row, by)
    outbox.work(by=by)
    assert server.taken[0]["Bcc"] is None
    assert server.list_recipients() == ["bob@example.org"]
