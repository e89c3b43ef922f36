"""The loop that looks at the rows: every few seconds, and at once when a message says so."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from django.db import DatabaseError, InterfaceError

from participants import tasks
from participants.realtimekit import Deadline
from participants.services import chores, passes
from participants.services.passes import Outcome
from participants.watch import spans
from participants.workers.loop import Loop

logger = logging.getLogger(__name__)

PASS_SECONDS = 15.0
"""A pass that has more to do is followed by another at once, which begins with what matters most."""


def ignore(outcome: Outcome) -> None:
    pass


@dataclass
class Ticker(Loop):
    threads: int
    report: Callable[[Outcome], None] = ignore

    def run(self) -> None:
        tasks.has_ticker.set()
        try:
            super().run()
        finally:
            tasks.has_ticker.clear()

    def _look(self) -> bool:
        """One pass and the chores that are due."""
        try:
            chores.note_look()
            tasks.send_chores()
            with spans.of_work("worker pass"):
                outcome = passes.tick(
                    by=tasks.BY,
                    deadline=Deadline.after(PASS_SECONDS),
                    threads=self.threads,
                    is_stopping=self._stopping.is_set,
                    with_sidelines=False,
                )
        except (DatabaseError, InterfaceError):
            logger.exception("The database could not be asked for work.")
            return False
        except Exception:
            # A defect is no reason to end the worker: its successor would trip over the same rows.
            logger.exception("A look at the rows ended early.")
            return False
        self.report(outcome)
        return outcome.unfinished
