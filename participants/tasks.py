"""The messages that workers get. A message only says "look now": what to do, and who does it, is in the rows.

So a message that is lost, late or doubled changes nothing, whichever engine carries it.
"""

import logging
import threading
from typing import Any

from django.dispatch import receiver
from django_tasks import task

from participants.models import Actor
from participants.services import chores, passes
from participants.services.waking import work_left

logger = logging.getLogger(__name__)

BY = Actor(via="worker")
alarms: set[threading.Event] = set()
"""Set when a message arrives: of loops in this process that look at the rows anyway."""


stopping = threading.Event()
"""Set when this process is to end: what a message has begun ends between two rows."""


has_ticker = threading.Event()
"""Set while a loop of this process looks at all rows but those of files and mails, which others see to."""


@task()
def look() -> None:
    """Look at the rows now."""
    if not has_ticker.is_set():
        passes.tick(by=BY, is_stopping=stopping.is_set, with_sidelines=not alarms)
    for alarm in list(alarms):
        alarm.set()


@task()
def do_chore(name: str) -> None:
    chores.do(name, by=BY, is_stopping=stopping.is_set)


@receiver(work_left, dispatch_uid="rollcall.work_left")
def send_for_workers(sender: Any, **kwargs: Any) -> None:
    try:
        look.enqueue()
    except Exception:
        # The queue may be another machine's. Nothing is lost: the next tick finds the rows.
        logger.exception("Workers could not be told that there is work; they find it at their next tick.")


def send_chores() -> None:
    """Have the chores that are due done by whichever worker is free."""
    for name in chores.take_due():
        try:
            do_chore.enqueue(name)
        except Exception:
            logger.exception("%s could not be handed to a worker; it is tried again in a few minutes.", name)
