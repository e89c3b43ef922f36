"""manage.py reconcile and manage.py sync: what they print, do, and end with."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from participants.models import Meeting, Participant
from participants.sandbox import Sandbox
from participants.states import ParticipantState
from tests.factories import MadeMeetingFactory
from tests.services.drifting import add_remotely, age, delete_remotely, list_remote

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> tuple[int, str]:
    """What it ends with, and what it prints."""
    out = io.StringIO()
    options: dict[str, Any] = {"stdout": out, "stderr": out}
    try:
        call_command(*arguments, **options)
    except CommandError as error:
        return error.returncode, out.getvalue() + str(error)
    return 0, out.getvalue()


def test_both_sides_agree(sandbox: Sandbox, ada: Participant) -> None:
    age()
    assert run("reconcile") == (0, "1 meetings, 0 differences left, 0 not compared.\n")


def test_a_dry_run_prints_what_differs_and_changes_nothing(sandbox: Sandbox, ada: Participant) -> None:
    delete_remotely(sandbox, ada)
    add_remotely(sandbox, ada.meeting, "crm-1", name="Bob")
    age()
    code, told = run("reconcile")
    assert code == 1
    assert "remote_only | Bob | crm-1" in told
    assert "local_only" in told
    assert len(list_remote(sandbox, ada.meeting)) == 1


def test_applying_carries_out_what_is_on_record_and_leaves_strangers(sandbox: Sandbox, ada: Participant) -> None:
    delete_remotely(sandbox, ada)
    add_remotely(sandbox, ada.meeting, "crm-1")
    age()
    code, told = run("reconcile", "--apply")
    assert (code, "1 differences left" in told) == (1, True)
    assert {one.custom_participant_id for one in list_remote(sandbox, ada.meeting)} == {
        "crm-1",
        ada.custom_participant_id,
    }


@pytest.mark.parametrize(("option", "rows", "remote"), [("--adopt", 1, 1), ("--remove-unknown", 0, 0)])
def test_strangers_are_dealt_with_when_asked(
    sandbox: Sandbox, meeting: Meeting, option: str, rows: int, remote: int
) -> None:
    add_remotely(sandbox, meeting, "crm-1")
    code, _ = run("reconcile", "--apply", option)
    assert (code, Participant.objects.count(), len(list_remote(sandbox, meeting))) == (0, rows, remote)


@pytest.mark.parametrize(
    "arguments",
    [("--adopt",), ("--remove-unknown",), ("--apply", "--adopt", "--remove-unknown"), ("--meeting", "nonsense")],
)
def test_what_makes_no_sense_ends_with_2(sandbox: Sandbox, meeting: Meeting, arguments: tuple[str, ...]) -> None:
    assert run("reconcile", *arguments)[0] == 2


def test_one_meeting_is_named_by_either_id(sandbox: Sandbox, meeting: Meeting) -> None:
    MadeMeetingFactory()
    for given in (str(meeting.pk), str(meeting.realtimekit_id)):
        assert run("reconcile", "--meeting", given) == (0, "1 meetings, 0 differences left, 0 not compared.\n")


def test_what_can_not_be_compared_ends_with_2(sandbox: Sandbox, meeting: Meeting) -> None:
    sandbox.faults.add("refuse", operation="participants.list", status=403, message="no", times=None)
    assert run("reconcile")[0] == 2


def test_a_sync_tells_of_participants_too(sandbox: Sandbox, ada: Participant) -> None:
    delete_remotely(sandbox, ada)
    age()
    code, told = run("sync")
    assert code == 0
    assert "0 participants seen in 1 meetings; 1 newly gone." in told


def test_whom_a_restored_back_up_has_too_many_is_removed_by_the_ids_that_were_printed(
    sandbox: Sandbox, ada: Participant
) -> None:
    delete_remotely(sandbox, ada)
    age()
    meeting, person = str(ada.meeting_id), ada.custom_participant_id
    assert person in run("reconcile")[1]
    code, told = run("remove_participants", meeting, person)
    ada.refresh_from_db()
    assert (code, "Nothing was changed. Add --yes" in told, ada.state) == (0, True, ParticipantState.ENROLLED)
    assert run("remove_participants", meeting, person, "--yes") == (0, f"{person} is removed.\n")
    assert run("remove_participants", str(ada.meeting.realtimekit_id), person, "--yes")[0] == 0  # safe to repeat
    ada.refresh_from_db()
    assert ada.state == ParticipantState.REMOVED
    age()
    assert run("reconcile", "--apply")[0] == 0
    assert list_remote(sandbox, ada.meeting) == []


def test_nobody_is_removed_where_one_of_the_ids_is_wrong(sandbox: Sandbox, ada: Participant) -> None:
    code, told = run("remove_participants", str(ada.meeting_id), ada.custom_participant_id, "crm-1", "--yes")
    assert (code, told) == (1, "Nobody of that meeting has the id crm-1.")
    assert run("remove_participants", "crm-1", "crm-2", "--yes") == (1, "No meeting has that id.")
    ada.refresh_from_db()
    assert ada.state == ParticipantState.ENROLLED


def test_a_removal_that_realtimekit_could_not_be_told_of_holds_here_and_says_so(
    sandbox: Sandbox, ada: Participant
) -> None:
    sandbox.faults.down()
    code, told = run("remove_participants", str(ada.meeting_id), ada.custom_participant_id, "--yes")
    assert (code, "RealtimeKit is told later." in told) == (0, True)
    ada.refresh_from_db()
    assert ada.state == ParticipantState.REMOVING
