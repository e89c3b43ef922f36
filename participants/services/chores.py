"""What is done every so often: pulling what is there, tidying up. Whoever finds one due takes it by a guarded write.

A chore whose worker died, or whose message was lost, is due again a few minutes later.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.management import call_command
from django.utils import timezone

from participants import conf
from participants.errors import RollcallError
from participants.models import Actor, Chore
from participants.realtimekit import Deadline
from participants.services import (
    drift,
    erasing,
    exporting,
    hooks,
    idempotency,
    inbox,
    presence,
    repair,
    retention,
    samepeople,
    sessionlinks,
    sync,
)
from participants.watch import spans

logger = logging.getLogger(__name__)

SECONDS = 120.0
_AGAIN = timedelta(minutes=5)
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class _Chore:
    do: Callable[[Actor, Deadline], object]
    every: Callable[[], timedelta]


def _pull(by: Actor, deadline: Deadline) -> None:
    sync.pull(by=by, deadline=deadline)


def _survey(by: Actor, deadline: Deadline) -> None:
    drift.survey(by=by, deadline=deadline)


def _pull_sessions(by: Actor, deadline: Deadline) -> None:
    repair.pull_due(by=by)


def _find_sessions(by: Actor, deadline: Deadline) -> None:
    repair.find_missed(deadline=deadline)


def _forget_task_results(by: Actor, deadline: Deadline) -> None:
    if conf.has_queue_in_database():  # the command refuses any other; RQ forgets by itself
        call_command("prune_db_task_results", min_age_days=1, failed_min_age_days=7, verbosity=0)


def _forget_files(by: Actor, deadline: Deadline) -> None:
    exporting.forget_old()


def _forget_deliveries(by: Actor, deadline: Deadline) -> None:
    inbox.forget(deadline=deadline)


def _forget_calls(by: Actor, deadline: Deadline) -> None:
    idempotency.prune()


def _forget_hook_messages(by: Actor, deadline: Deadline) -> None:
    hooks.forget(deadline=deadline)


def _forget_old(by: Actor, deadline: Deadline) -> None:
    retention.forget(by=by, deadline=deadline)


def _forget_browser_sessions(by: Actor, deadline: Deadline) -> None:
    call_command("clearsessions", verbosity=0)


def _finish_erasing(by: Actor, deadline: Deadline) -> None:
    erasing.finish_all(by=by, deadline=deadline)


_LOOK = "look"
_NOTED_EVERY = timedelta(seconds=10)
_MISSED = timedelta(minutes=2)

_CHORES = {
    "sync": _Chore(_pull, conf.read_sync_interval),
    "survey": _Chore(_survey, conf.read_survey_interval),
    "files": _Chore(_forget_files, lambda: _DAY),
    "repair": _Chore(_pull_sessions, lambda: _MINUTE),
    repair.CHORE: _Chore(_find_sessions, lambda: 10 * _MINUTE),
    "presence": _Chore(lambda by, deadline: presence.recompute_live(), lambda: _MINUTE),
    "linking": _Chore(lambda by, deadline: sessionlinks.link_all(), lambda: 10 * _MINUTE),
    "merged": _Chore(lambda by, deadline: samepeople.unite_all(by=by), lambda: 10 * _MINUTE),
    "erasing": _Chore(_finish_erasing, lambda: 10 * _MINUTE),
    "retention": _Chore(_forget_old, lambda: _DAY),
    "browser_sessions": _Chore(_forget_browser_sessions, lambda: _DAY),
    "deliveries": _Chore(_forget_deliveries, lambda: _DAY),
    "idempotent_calls": _Chore(_forget_calls, lambda: _HOUR),
    "hook_messages": _Chore(_forget_hook_messages, lambda: _DAY),
    "task_results": _Chore(_forget_task_results, lambda: _DAY),
}


NAMES = tuple(_CHORES)


@dataclass(frozen=True)
class Background:
    """When a worker last looked at the rows, if ever, and whether that is so long ago that none can be running."""

    looked_at: datetime | None
    is_missing: bool


def note_look() -> None:
    """Leave a trace that somebody works in the background; every ten seconds at most."""
    now = timezone.now()
    Chore.objects.get_or_create(name=_LOOK, defaults={"due_at": now})
    Chore.objects.filter(name=_LOOK).exclude(done_at__gt=now - _NOTED_EVERY).update(done_at=now)


def read_background() -> Background:
    looked_at = Chore.objects.filter(name=_LOOK).values_list("done_at", flat=True).first()
    return Background(looked_at, looked_at is None or looked_at < timezone.now() - _MISSED)


def take_due() -> list[str]:
    """Names of chores that this caller is to do now; nobody else is told so for five minutes."""
    now = timezone.now()
    waiting = set(Chore.objects.filter(due_at__gt=now).values_list("name", flat=True))
    return [name for name in _CHORES if name not in waiting and Chore.objects.take(name, now, again=_AGAIN)]


def do(name: str, *, by: Actor, is_stopping: Callable[[], bool] = lambda: False) -> bool:
    """Do it now. False when RealtimeKit stood in the way; it is then due again in a few minutes.

    ``is_stopping`` ends it between two calls.
    """
    chore = _CHORES[name]
    try:
        with spans.of_work(f"chore {name}"):
            chore.do(by, Deadline.after(SECONDS).unless(is_stopping))
    except RollcallError as error:
        logger.warning("%s was put off: %s", name, error.data.get("reason", error))
        return False
    Chore.objects.finish(name, timezone.now(), every=chore.every())
    return True
