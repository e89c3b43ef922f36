import signal
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from participants.services.passes import Outcome
from participants.workers import Worker, metricsserver
from participants.workers.ticker import Ticker


class Command(BaseCommand):
    help = "Work in the background until stopped: enrolments, removals, meetings, tokens, bulk jobs, regular chores."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--threads",
            type=int,
            default=settings.WORKER_THREADS,
            help="rows worked on at the same time (default: %(default)s)",
        )
        parser.add_argument(
            "--every", type=float, default=5.0, metavar="SECONDS", help="between two looks (default: %(default)s)"
        )
        parser.add_argument(
            "--no-tick",
            action="store_true",
            help="look only when a message says so; some other process must run tick --every",
        )

        parser.add_argument(
            "--metrics-port",
            type=int,
            default=settings.METRICS_PORT,
            metavar="PORT",
            help="serve this process's metrics there, with METRICS_TOKEN (default: METRICS_PORT, else none)",
        )

    def handle(
        self, *args: Any, threads: int, every: float, no_tick: bool, metrics_port: int, **options: Any
    ) -> None:
        if threads < 1 or every <= 0:
            raise CommandError("--threads and --every must be greater than 0.")
        if metrics_port:
            self._serve_metrics(metrics_port)
        worker = Worker(None if no_tick else Ticker(every, threads, self._report))

        def stop(signum: int, frame: FrameType | None) -> None:
            worker.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        self.stdout.write(f"Working with {threads} threads; messages come by {settings.TASKS_ENGINE}.")
        if not worker.run():
            raise CommandError("The worker ended by itself; the log says why. Have it started again.")
        self.stdout.write("Stopped.")

    def _serve_metrics(self, port: int) -> None:
        if not settings.METRICS_TOKEN:
            raise CommandError("--metrics-port needs METRICS_TOKEN, which whoever asks for metrics has to show.")
        try:
            metricsserver.start(port)
        except (OSError, OverflowError) as error:
            raise CommandError(f"Metrics can't be served on port {port}: {error}") from None

    def _report(self, outcome: Outcome) -> None:
        if outcome.settled or outcome.waiting or outcome.withdrawn or outcome.renewed:
            self.stdout.write(
                f"{outcome.settled} settled, {outcome.waiting} waiting, {outcome.withdrawn} withdrawn, "
                f"{outcome.renewed} tokens renewed."
            )
        if outcome.trouble:
            self.stderr.write(self.style.WARNING(f"RealtimeKit: {outcome.trouble}"))
