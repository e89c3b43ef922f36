import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections

from participants.models import Actor
from participants.realtimekit import Deadline
from participants.services import chores, hooksending, passes

HOOKS_SECONDS = 10.0
"""For outgoing webhooks; where workers run, they are sent besides and hold up nothing."""


class Command(BaseCommand):
    help = "Run one tick: work and chores that are due, windows that open or close. With --every, tick until stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, metavar="SECONDS", help="repeat, this many seconds apart")

    def handle(self, *args: Any, every: float | None = None, **options: Any) -> None:
        stopping = threading.Event()
        if every is not None:
            self._stop_politely(stopping)
        while not stopping.is_set():
            self._tick(stopping)
            if every is None or stopping.wait(every):
                return

    def _tick(self, stopping: threading.Event) -> None:
        close_old_connections()
        by = Actor(via="tick")
        chores.note_look()
        outcome = passes.tick(by=by, is_stopping=stopping.is_set)
        if outcome.settled or outcome.waiting or outcome.withdrawn or outcome.renewed:
            self.stdout.write(
                f"{outcome.settled} settled, {outcome.waiting} waiting, {outcome.withdrawn} withdrawn, "
                f"{outcome.renewed} tokens renewed."
            )
        if outcome.trouble:
            self.stderr.write(self.style.WARNING(f"RealtimeKit: {outcome.trouble}"))
        hooksending.work(deadline=Deadline.after(HOOKS_SECONDS), is_stopping=stopping.is_set)
        for name in chores.take_due():
            chores.do(name, by=by, is_stopping=stopping.is_set)

    @staticmethod
    def _stop_politely(stopping: threading.Event) -> None:
        def stop(signum: int, frame: FrameType | None) -> None:
            stopping.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
