from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from participants.sandbox import Sandbox, serve


class Command(BaseCommand):
    help = "Run the sandbox: a local server that behaves as RealtimeKit's contract says."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8787)
        parser.add_argument("--state", type=Path, default=None, help="file that keeps its state over restarts")

    def handle(self, *args: Any, host: str, port: int, state: Path | None, **options: Any) -> None:
        given = {
            "account_id": settings.REALTIMEKIT_ACCOUNT_ID,
            "app_id": settings.REALTIMEKIT_APP_ID,
            "api_token": settings.REALTIMEKIT_API_TOKEN,
        }
        known = {name: value for name, value in given.items() if value}
        serve(host=host, port=port, state_file=state, on_ready=self.tell, **known)

    def tell(self, sandbox: Sandbox) -> None:
        token = " as it is set for this process" if settings.REALTIMEKIT_API_TOKEN else f"={sandbox.api_token}"
        self.stdout.write(
            f"The sandbox serves until interrupted. To use it:\n"
            f"  REALTIMEKIT_BASE_URL={sandbox.base_url}\n"
            f"  REALTIMEKIT_WEBHOOK_KEY_URL={sandbox.webhook_key_url}\n"
            f"  REALTIMEKIT_ACCOUNT_ID={sandbox.account_id}\n"
            f"  REALTIMEKIT_APP_ID={sandbox.app_id}\n"
            f"  REALTIMEKIT_API_TOKEN{token}"
        )
        self.stdout.flush()
