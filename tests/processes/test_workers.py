"""Worker processes: told by a message or by their own tick, stopped politely or not at all."""

import socket
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.utils import timezone

from participants.models import Actor, Budget, Chore, Export, Meeting, Message, Participant
from participants.models.meeting import OPENS_EARLY
from participants.sandbox import Sandbox
from participants.services import exporting, meetings, outbox, reports, waking, zones
from participants.services.outbox import Draft
from participants.services.reports import SUBJECTS
from participants.states import ExportState, MessageKind, MessageState, ParticipantState
from tests.factories import (
    AdminFactory,
    EnrolledFactory,
    GuestFactory,
    MadeMeetingFactory,
    MeetingFactory,
    ParticipantFactory,
)
from tests.mailserver import MailServer
from tests.processes.conftest import Worker, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
StartWorker = Callable[..., Worker]


@pytest.fixture
def engine(request: pytest.FixtureRequest, settings: LazySettings) -> dict[str, str]:
    """The settings that choose an engine; in force in this process, too."""
    if request.param == "database":
        return {"TASKS_BACKEND": "database"}
    address = request.getfixturevalue("valkey")
    settings.TASKS_ENGINE = "rq"
    settings.TASKS = {"default": {"BACKEND": "django_tasks_rq.RQBackend", "QUEUES": ["default"]}}
    settings.RQ_QUEUES = {"default": {"URL": address}}
    return {"TASKS_BACKEND": "rq", "TASKS_URL": address}


@pytest.fixture
def meeting(sandbox: Sandbox, by: Actor, transactional_db: None) -> Meeting:
    """A meeting made at the sandbox."""
    made = MeetingFactory()
    assert meetings.try_now(made, by=by) is None
    return made


ENGINES = pytest.mark.parametrize("engine", ["database", "rq"], indirect=True)


def count(state: ParticipantState) -> int:
    return Participant.objects.filter(state=state).count()


def test_a_worker_finds_what_is_left_in_the_rows(
    sandbox: Sandbox, meeting: Meeting, start_worker: StartWorker
) -> None:
    ParticipantFactory.create_batch(20, meeting=meeting)
    worker = start_worker()
    wait_until(lambda: count(ParticipantState.ENROLLED) == 20)
    assert len(sandbox.world.participants(str(meeting.realtimekit_id))) == 20
    assert worker.stop() == 0


@ENGINES
def test_a_message_saves_the_wait_for_the_next_tick(
    meeting: Meeting, start_worker: StartWorker, engine: dict[str, str]
) -> None:
    start_worker("--every", "3600", **engine)
    wait_until(lambda: Chore.objects.exclude(done_at=None).filter(name="sync").exists())  # the first pass is over
    ParticipantFactory.create_batch(5, meeting=meeting)
    waking.wake()
    wait_until(lambda: count(ParticipantState.ENROLLED) == 5)


@ENGINES
def test_a_worker_without_a_tick_works_when_it_is_told_to(
    meeting: Meeting, start_worker: StartWorker, engine: dict[str, str]
) -> None:
    worker = start_worker("--no-tick", **engine)
    ParticipantFactory.create_batch(5, meeting=meeting)
    waking.wake()
    wait_until(lambda: count(ParticipantState.ENROLLED) == 5)
    assert worker.stop() == 0


@ENGINES
def test_a_lost_message_is_made_up_for_by_the_next_tick(
    meeting: Meeting, start_worker: StartWorker, engine: dict[str, str]
) -> None:
    start_worker("--every", "0.5", **engine)
    ParticipantFactory.create_batch(5, meeting=meeting)
    wait_until(lambda: count(ParticipantState.ENROLLED) == 5)


def test_when_the_queue_is_away_work_is_stored_all_the_same(meeting: Meeting, settings: LazySettings) -> None:
    settings.TASKS = {"default": {"BACKEND": "django_tasks_rq.RQBackend", "QUEUES": ["default"]}}
    settings.RQ_QUEUES = {"default": {"URL": "redis://127.0.0.1:9/0"}}
    ParticipantFactory(meeting=meeting)
    waking.wake()
    assert count(ParticipantState.PENDING) == 1


def test_a_worker_stopped_politely_finishes_the_call_in_hand(
    sandbox: Sandbox, meeting: Meeting, start_worker: StartWorker
) -> None:
    ParticipantFactory.create_batch(10, meeting=meeting)
    with sandbox.faults.hold("participants.add") as gate:
        worker = start_worker("--threads", "3")
        assert gate.wait_for(3)
        worker.ask_to_stop()
        gate.release()
    assert worker.process.wait(timeout=60) == 0
    assert (count(ParticipantState.ENROLLED), count(ParticipantState.PENDING)) == (3, 7)
    assert not Participant.objects.exclude(lease_id=None).exists()
    assert sandbox.requests.count("participants.add") == 3


@ENGINES
def test_a_worker_without_a_tick_stopped_politely_begins_no_other_row(
    sandbox: Sandbox, meeting: Meeting, start_worker: StartWorker, engine: dict[str, str]
) -> None:
    ParticipantFactory.create_batch(10, meeting=meeting)
    worker = start_worker("--no-tick", **engine)
    with sandbox.faults.hold("participants.add") as gate:
        waking.wake()
        assert gate.wait_for(1)
        worker.ask_to_stop()
        gate.release()
    assert worker.process.wait(timeout=60) == 0
    assert (count(ParticipantState.ENROLLED), count(ParticipantState.PENDING)) == (1, 9)


def test_a_worker_stopped_politely_gives_back_what_waits_for_the_budget(
    sandbox: Sandbox, meeting: Meeting, start_worker: StartWorker
) -> None:
    worker = start_worker("--threads", "2", "--every", "0.2")
    wait_until(lambda: Chore.objects.exclude(done_at=None).filter(name="sync").exists())

    def wait_for_budget() -> bool:
        # Anew at each look, and not for long: nobody waits for what does not come within a pass.
        Budget.objects.update(paused_until=timezone.now().timestamp() + 10)
        return Participant.objects.exclude(lease_id=None).count() == 2

    wait_for_budget()
    ParticipantFactory.create_batch(4, meeting=meeting)
    wait_until(wait_for_budget)
    assert worker.stop() == 0
    assert not Participant.objects.exclude(lease_id=None).exists()
    assert count(ParticipantState.PENDING) == 4


@ENGINES
def test_what_a_killed_worker_held_is_taken_over_when_its_lease_ends(
    sandbox: Sandbox, meeting: Meeting, start_worker: StartWorker, engine: dict[str, str]
) -> None:
    ParticipantFactory(meeting=meeting)
    with sandbox.faults.hold("participants.add") as gate:
        first = start_worker(**engine)
        assert gate.wait_for(1)
        first.kill()
        gate.release()
    assert Participant.objects.get().outcome_unknown
    Participant.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    start_worker(**engine)
    wait_until(lambda: count(ParticipantState.ENROLLED) == 1)
    assert len(sandbox.world.participants(str(meeting.realtimekit_id))) == 1


def test_workers_share_the_rows_and_enrol_everybody_once(
    sandbox: Sandbox, meeting: Meeting, start_worker: StartWorker
) -> None:
    ParticipantFactory.create_batch(150, meeting=meeting)
    for _ in range(3):
        start_worker("--threads", "2")
    wait_until(lambda: count(ParticipantState.ENROLLED) == 150, seconds=40)
    assert sandbox.requests.count("participants.add") == 150


def test_a_chore_is_done_by_one_worker_of_many(sandbox: Sandbox, start_worker: StartWorker) -> None:
    for _ in range(3):
        start_worker("--every", "0.2")
    wait_until(lambda: Chore.objects.exclude(done_at=None).filter(name="sync").exists())
    assert sandbox.requests.count("meetings.list") == 1


@pytest.mark.parametrize("options", [("--threads", "0"), ("--every", "0")])
def test_options_that_make_no_sense_are_refused(by: Actor, options: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match="greater than 0"):
        call_command("worker", *options)


def ask_for_file() -> Export:
    asked = reports.read_query(SUBJECTS["participants"], "", zones.UTC)
    return exporting.ask(AdminFactory(), asked, by=Actor(via="tests"))


def is_ready(export: Export) -> bool:
    return Export.objects.filter(pk=export.pk, state=ExportState.READY).exists()


def test_a_file_is_made_while_the_rows_wait_for_realtimekit(
    sandbox: Sandbox, meeting: Meeting, start_worker: StartWorker
) -> None:
    ParticipantFactory.create_batch(3, meeting=meeting)
    with sandbox.faults.hold("participants.add") as gate:
        start_worker("--threads", "1", "--every", "0.5")
        assert gate.wait_for(1)
        export = ask_for_file()
        wait_until(lambda: is_ready(export))
        assert count(ParticipantState.ENROLLED) == 0
        gate.release()
    wait_until(lambda: count(ParticipantState.ENROLLED) == 3)


@ENGINES
def test_a_worker_without_a_tick_makes_files_too(start_worker: StartWorker, engine: dict[str, str]) -> None:
    start_worker("--no-tick", **engine)
    export = ask_for_file()
    wait_until(lambda: is_ready(export))


def test_a_file_that_a_killed_worker_held_is_made_by_another(start_worker: StartWorker) -> None:
    export = ask_for_file()
    # As a worker leaves it that is killed in the middle of it.
    lease = Export.objects.waiting().claim(export.pk, seconds=60, attempts=1)
    assert lease is not None
    Export.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    start_worker("--every", "3600")
    wait_until(lambda: is_ready(export))


class SilentMailServer:
    """Takes connections and never says a word."""

    def __enter__(self) -> "SilentMailServer":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(20)
        self.settings = {
            "EMAIL_URL": f"smtp://127.0.0.1:{self._listener.getsockname()[1]}",
            "EMAIL_TIMEOUT": "60",
            "ROLLCALL_PUBLIC_URL": "https://rollcall.example.org",
        }
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.close()

    def wait_for_caller(self) -> socket.socket:
        return self._listener.accept()[0]


def queue_mail(row: Participant, by: Actor) -> None:
    outbox.queue([Draft(MessageKind.ENROLLED, row)], by=by)


def test_a_mail_server_that_hangs_holds_up_no_row(meeting: Meeting, start_worker: StartWorker, by: Actor) -> None:
    queue_mail(EnrolledFactory(meeting=meeting), by)
    with SilentMailServer() as mails:
        start_worker("--every", "3600", **mails.settings)
        with mails.wait_for_caller():
            ParticipantFactory.create_batch(5, meeting=meeting)
            waking.wake()
            wait_until(lambda: count(ParticipantState.PENDING) == 0)
            assert Message.objects.get().lease_id is not None


def test_a_mail_server_that_hangs_delays_no_opening(sandbox: Sandbox, start_worker: StartWorker, by: Actor) -> None:
    lesson = MeetingFactory(title="Lesson", opens_at=timezone.now() + timedelta(hours=1))
    assert meetings.try_now(lesson, by=by) is None
    queue_mail(EnrolledFactory(meeting=lesson), by)
    with SilentMailServer() as mails:
        start_worker("--every", "0.5", **mails.settings)
        with mails.wait_for_caller():
            assert [remote.status for remote in sandbox.world.meetings()] == ["INACTIVE"]
            opens_at = timezone.now() + OPENS_EARLY + timedelta(seconds=1)
            Meeting.objects.update(opens_at=opens_at)
            wait_until(lambda: [remote.status for remote in sandbox.world.meetings()] == ["ACTIVE"])
            assert timezone.now() < opens_at
            assert Message.objects.get().lease_id is not None


def test_a_worker_whose_mail_server_hangs_makes_files(start_worker: StartWorker, by: Actor) -> None:
    queue_mail(EnrolledFactory(), by)
    with SilentMailServer() as mails:
        start_worker("--every", "3600", **mails.settings)
        with mails.wait_for_caller():
            export = ask_for_file()
            wait_until(lambda: is_ready(export))


@ENGINES
def test_a_worker_without_a_tick_sends_mails_too(
    start_worker: StartWorker, by: Actor, engine: dict[str, str]
) -> None:
    with MailServer() as server:
        start_worker("--no-tick", **engine, **mail_settings(server))
        queue_mail(EnrolledFactory(person=GuestFactory(email="bob@example.org")), by)
        wait_until(lambda: Message.objects.get().state == MessageState.SENT)
        assert server.list_recipients() == ["bob@example.org"]


def mail_settings(server: MailServer) -> dict[str, str]:
    address = f"smtp://127.0.0.1:{server.port}"
    return {"EMAIL_URL": address, "ROLLCALL_PUBLIC_URL": "https://rollcall.example.org"}


def test_workers_share_the_mails_and_each_address_gets_one(start_worker: StartWorker, by: Actor) -> None:
    meeting = MadeMeetingFactory()
    addresses = [f"guest{number}@example.org" for number in range(60)]
    rows = [EnrolledFactory(meeting=meeting, person=GuestFactory(email=address)) for address in addresses]
    outbox.queue([Draft(MessageKind.ENROLLED, row) for row in rows], by=by)
    with MailServer(together=3) as server:
        workers = [start_worker("--every", "3600", **mail_settings(server)) for _ in range(3)]
        wait_until(lambda: Message.objects.filter(state=MessageState.SENT).count() == 60)
        assert [worker.stop() for worker in workers] == [0, 0, 0]
        assert sorted(server.list_recipients()) == sorted(addresses)
        assert server.connections >= 3
