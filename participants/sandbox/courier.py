"""Delivers signed webhooks in the background (contract 16): 2xx is delivered, 5xx and network failures are tried
again after a while, everything else is never sent again."""

import base64
import heapq
import http.client
import itertools
import json
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urlsplit

from participants.sandbox.answers import Json
from participants.sandbox.settings import Settings

LOOK_SECONDS = 0.5
TIMEOUT_SECONDS = 10.0
OVERTAKEN_SECONDS = 2.0
"""How long a delivery waits at most for others to overtake it."""
MOST_REMEMBERED = 50_000

Fate = Literal["delivered", "failed", "lost", "gave_up"]


@dataclass(frozen=True)
class Parcel:
    """One delivery on its way to one registration."""

    event: str
    webhook_id: str
    url: str
    body: bytes
    signature: bytes
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempt: int = 1

    def headers(self) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "User-Agent": "RealtimeKit-Sandbox",
            "rtk-signature": base64.b64encode(self.signature).decode(),
            "rtk-uuid": self.uuid,
            "rtk-webhook-id": self.webhook_id,
        }


@dataclass(frozen=True)
class Sending:
    """One attempt and its end. `status` is None where nobody answered; `fate` is `failed` while it is tried again."""

    parcel: Parcel
    status: int | None
    fate: Fate

    def shown(self) -> Json:
        return {
            "event": self.parcel.event,
            "url": self.parcel.url,
            "uuid": self.parcel.uuid,
            "webhook_id": self.parcel.webhook_id,
            "attempt": self.parcel.attempt,
            "status": self.status,
            "fate": self.fate,
            "body": json.loads(self.parcel.body),
        }


@dataclass
class _Held:
    parcels: list[Parcel]
    to_overtake: int
    until: float


class Courier:
    """One thread sends, in the order in which deliveries are due. `plan` says what befalls an event on its way."""

    def __init__(self, settings: Settings, plan: Callable[[str], dict[str, Json]]) -> None:
        self._settings = settings
        self._plan = plan
        self._look_around: Callable[[], None] = _look_at_nothing
        self._changed = threading.Condition()
        self._queue: list[tuple[float, int, Parcel]] = []
        self._held: list[_Held] = []
        self._numbers = itertools.count()
        self._busy = False
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._sendings: list[Sending] = []

    def start(self, look_around: Callable[[], None]) -> None:
        """`look_around` is called twice a second."""
        self._look_around = look_around
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="sandbox courier", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """What is not delivered yet is kept for the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(TIMEOUT_SECONDS + 1)
            self._thread = None

    def clear(self) -> None:
        with self._changed:
            self._queue.clear()
            self._held.clear()
            self._sendings.clear()

    def all(self) -> list[Sending]:
        """Every attempt so far, oldest first."""
        with self._changed:
            return list(self._sendings)

    def post(self, parcel: Parcel) -> None:
        """Take a delivery, which meets its mishaps now."""
        met = self._plan(parcel.event)
        with self._changed:
            if "lose" in met:
                self._remember(Sending(parcel, None, "lost"))
                return
            doubled = met.get("duplicate", {"copies": 0, "new_uuid": False})
            copies = [parcel] * (1 + int(doubled["copies"]))
            if doubled["new_uuid"]:
                copies = [parcel, *(replace(copy, uuid=str(uuid.uuid4())) for copy in copies[1:])]
            if "reorder" in met:
                until = time.monotonic() + OVERTAKEN_SECONDS
                self._held.append(_Held(copies, int(met["reorder"]["by"]), until))
            else:
                self._push(copies, after=float(met.get("delay", {"seconds": 0.0})["seconds"]))
                for held in self._held:
                    held.to_overtake -= 1
            self._release()
            self._changed.notify_all()

    def settle(self, timeout: float = 30.0) -> None:
        """Wait until everything has been delivered or given up. Raises TimeoutError."""
        limit = time.monotonic() + timeout
        with self._changed:
            for held in self._held:
                held.until = 0.0
            self._release()
            self._changed.notify_all()
            while self._queue or self._held or self._busy:
                if not self._changed.wait(limit - time.monotonic()):
                    raise TimeoutError(f"{len(self._queue)} deliveries are still on their way")

    def _run(self) -> None:
        looked = 0.0
        while not self._stopping:
            if time.monotonic() - looked > LOOK_SECONDS:
                self._look_around()
                looked = time.monotonic()
            parcel = self._take()
            if parcel is not None:
                sending = self._send(parcel)
                with self._changed:
                    self._busy = False
                    self._remember(sending)
                    if sending.fate == "failed":
                        delay = self._settings.delivery_retries[parcel.attempt - 1]
                        self._push([replace(parcel, attempt=parcel.attempt + 1)], after=delay)
                    self._changed.notify_all()

    def _take(self) -> Parcel | None:
        """The next one due, or None after a while without any."""
        with self._changed:
            self._release()
            now = time.monotonic()
            due = self._queue[0][0] if self._queue else now + LOOK_SECONDS
            if due > now:
                self._changed.wait(min(due - now, LOOK_SECONDS))
                return None
            self._busy = True
            return heapq.heappop(self._queue)[2]

    def _send(self, parcel: Parcel) -> Sending:
        try:
            status: int | None = _deliver(parcel)
        except (OSError, http.client.HTTPException, ValueError):
            status = None
        if status is not None and status < 500:
            return Sending(parcel, status, "delivered" if 200 <= status < 300 else "gave_up")
        again = parcel.attempt <= len(self._settings.delivery_retries)
        return Sending(parcel, status, "failed" if again else "gave_up")

    def _push(self, parcels: list[Parcel], *, after: float) -> None:
        due = time.monotonic() + after
        for parcel in parcels:
            heapq.heappush(self._queue, (due, next(self._numbers), parcel))

    def _release(self) -> None:
        """Send on those that were overtaken often enough, or waited long enough for it."""
        now = time.monotonic()
        ready = [held for held in self._held if held.to_overtake <= 0 or held.until <= now]
        self._held = [held for held in self._held if held not in ready]
        for held in ready:
            self._push(held.parcels, after=0.0)

    def _remember(self, sending: Sending) -> None:
        if len(self._sendings) < MOST_REMEMBERED:
            self._sendings.append(sending)


def _look_at_nothing() -> None:
    """Until the courier is told where to look."""


def _deliver(parcel: Parcel) -> int:
    """The status of the answer. Raises OSError, HTTPException or ValueError when there was none."""
    parts = urlsplit(parcel.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with closing(kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)) as connection:
        connection.request("POST", path, body=parcel.body, headers=parcel.headers())
        return connection.getresponse().status
