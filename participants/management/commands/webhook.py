from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from participants.errors import RollcallError
from participants.models import Actor
from participants.services import registration
from participants.services.registration import Registration, State


class Command(BaseCommand):
    help = "Say whether RealtimeKit is to send its deliveries here; with --register see to it that it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--register", action="store_true", help="register, or correct what is registered")
        parser.add_argument(
            "--url", default="", metavar="SITE", help="where the world finds this site, if not ROLLCALL_PUBLIC_URL"
        )

    def handle(self, *args: Any, register: bool, url: str, **options: Any) -> None:
        address = registration.find_url() if not url else registration.join(url)
        if not address:
            raise CommandError("Set ROLLCALL_PUBLIC_URL, or give --url https://rollcall.example.org")
        try:
            found = registration.repair(address, by=Actor(via="command")) if register else registration.look(address)
        except RollcallError as error:
            raise CommandError(f"{error} {error.data.get('reason', '')}".strip()) from None
        self._tell(found)
        self._tell_traffic()

    def _tell(self, found: Registration) -> None:
        say, style = self.stdout.write, self.style
        if found.state is State.MISSING:
            say(style.WARNING(f"{found.url} is not registered. Run: manage.py webhook --register"))
        elif found.state is State.WRONG:
            wrong = [*found.lacking, *([] if found.is_enabled else ["switched off"])]
            say(
                style.WARNING(f"{found.url} is registered, but wrongly: {', '.join(wrong)} (--register corrects it).")
            )
        else:
            say(style.SUCCESS(f"{found.url} is registered for {', '.join(found.events)}."))
        if found.others:
            say(f"Other registrations of this app: {', '.join(found.others)}.")

    def _tell_traffic(self) -> None:
        seen = registration.read_traffic()
        last = f"{seen.last_at:%Y-%m-%d %H:%M:%S} UTC" if seen.last_at else "never"
        self.stdout.write(f"Last delivery: {last}; {seen.waiting} waiting, {seen.failed} failed.")
        if seen.key_fingerprint:
            since = f"fetched {seen.key_fetched_at:%Y-%m-%d %H:%M:%S} UTC" if seen.key_fetched_at else "pinned"
            self.stdout.write(f"Key: {seen.key_fingerprint[:16]}…, {since}.")
