"""What is done every so often: once, by one of many, and again soon when it was not done."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from time_machine import TimeMachineFixture

from participants import tasks
from participants.models import Actor, Chore, Meeting
from participants.sandbox import Sandbox
from participants.services import chores, waking

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fixed_clock(time_machine: TimeMachineFixture) -> None:
    time_machine.move_to(timezone.now(), tick=True)


def test_every_chore_is_due_at_first_and_handed_out_once() -> None:
    assert set(chores.take_due()) >= {"sync", "task_results"}
    assert chores.take_due() == []


def test_a_chore_that_nobody_finished_is_due_again_minutes_later(time_machine: TimeMachineFixture) -> None:
    chores.take_due()
    time_machine.shift(timedelta(minutes=6))
    assert "sync" in chores.take_due()


def test_a_chore_that_was_done_waits_for_its_interval(
    sandbox: Sandbox, by: Actor, settings: LazySettings, time_machine: TimeMachineFixture
) -> None:
    settings.SYNC_INTERVAL = 900
    chores.take_due()
    assert chores.do("sync", by=by)
    assert sandbox.requests.count("meetings.list") == 1
    time_machine.shift(timedelta(minutes=14))
    assert "sync" not in chores.take_due()
    time_machine.shift(timedelta(minutes=2))
    assert "sync" in chores.take_due()


def test_a_chore_that_realtimekit_stood_in_the_way_of_is_put_off(sandbox: Sandbox, by: Actor) -> None:
    chores.take_due()
    sandbox.faults.down()
    assert not chores.do("sync", by=by)
    assert Chore.objects.get(name="sync").done_at is None


def test_a_chore_ends_when_the_worker_is_to_end(sandbox: Sandbox, meeting: Meeting, by: Actor) -> None:
    sandbox.requests.clear()
    chores.do("sync", by=by, is_stopping=lambda: sandbox.requests.count("meetings.list") == 1)
    assert sandbox.requests.count("meetings.list") == 1
    assert sandbox.requests.count("participants.list") == 0


def test_old_results_of_tasks_are_forgotten(by: Actor, time_machine: TimeMachineFixture) -> None:
    tasks.look.enqueue()
    DBTaskResult.objects.update(status="SUCCESSFUL", finished_at=timezone.now())
    time_machine.shift(timedelta(days=2))
    assert chores.do("task_results", by=by)
    assert not DBTaskResult.objects.exists()


def test_telling_workers_leaves_a_message(transactional_db: None) -> None:
    waking.wake()
    assert [result.task_path for result in DBTaskResult.objects.all()] == ["participants.tasks.look"]


def test_due_chores_are_handed_to_workers() -> None:
    tasks.send_chores()
    assert {result.args_kwargs["args"][0] for result in DBTaskResult.objects.all()} >= {"sync", "task_results"}
    tasks.send_chores()
    assert DBTaskResult.objects.filter(args_kwargs__args__0="sync").count() == 1


def test_where_messages_lie_in_valkey_no_results_are_looked_for_in_the_database(
    settings: LazySettings, by: Actor
) -> None:
    settings.TASKS_ENGINE = "rq"
    settings.TASKS = {"default": {"BACKEND": "django_tasks_rq.RQBackend", "QUEUES": ["default"]}}
    settings.RQ_QUEUES = {"default": {"URL": "redis://127.0.0.1:9/0"}}
    assert chores.do("task_results", by=by)
