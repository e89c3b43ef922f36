"""What is done every so often: pulling what is there, tidying up. Whoever finds one due takes it by a guarded write.

A chore whose worker died, or whose message was lost, is due again a few minutes later.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.core.management import call_command
from django.utils import timezone

from participants import conf
from participants.errors import RollcallError
from participants.models import Actor, Chore
from participants.realtimekit import Deadline
from participants.services import exporting, linking, presence, repair, sync

logger = logging.getLogger(__name__)

SECONDS = 120.0
_AGAIN = timedelta(minutes=5)
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class _Chore:
    do: Callable[[Actor, Deadline], object]
    every: Callable[[], timedelta]


def _pull(by: Actor, deadline: Deadline) -> None:
    sync.pull(by=by, deadline=deadline)


def _pull_sessions(by: Actor, deadline: Deadline) -> None:
    repair.pull_due(by=by)


def _find_sessions(by: Actor, deadline: Deadline) -> None:
    repair.find_missed(deadline=deadline)


def _forget_task_results(by: Actor, deadline: Deadline) -> None:
    call_command("prune_db_task_results", min_age_days=1, failed_min_age_days=7, verbosity=0)


def _forget_files(by: Actor, deadline: Deadline) -> None:
    exporting.forget_old()


_CHORES = {
    "sync": _Chore(_pull, conf.read_sync_interval),
    "files": _Chore(_forget_files, lambda: _DAY),
    "repair": _Chore(_pull_sessions, lambda: _MINUTE),
    repair.CHORE: _Chore(_find_sessions, lambda: 10 * _MINUTE),
    "presence": _Chore(lambda by, deadline: presence.recompute_live(), lambda: _MINUTE),
    "linking": _Chore(lambda by, deadline: linking.link_all(), lambda: 10 * _MINUTE),
    "task_results": _Chore(_forget_task_results, lambda: _DAY),
}


def take_due() -> list[str]:
    """Names of chores that this caller is to do now; nobody else is told so for five minutes."""
    now = timezone.now()
    waiting = set(Chore.objects.filter(due_at__gt=now).values_list("name", flat=True))
    return [name for name in _CHORES if name not in waiting and Chore.objects.take(name, now, again=_AGAIN)]


def do(name: str, *, by: Actor) -> bool:
    """Do it now. False when RealtimeKit stood in the way; it is then due again in a few minutes."""
    chore = _CHORES[name]
    try:
        chore.do(by, Deadline.after(SECONDS))
    except RollcallError as error:
        logger.warning("%s was put off: %s", name, error.data.get("reason", error))
        return False
    Chore.objects.finish(name, timezone.now(), every=chore.every())
    return True
