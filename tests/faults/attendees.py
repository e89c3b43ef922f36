"""People who join over HTTP from time to time, whatever happens behind the door."""

import random
import threading
import time
from dataclasses import dataclass, field

import requests

LONGEST = 20.0
"""Seconds: a join answers within 10 s (design 2.9), and this machine has other things to do."""


@dataclass(frozen=True)
class Guest:
    """A signed-in browser. ``warm`` when a token waits, so that nothing but 200 will do."""

    name: str
    session: requests.Session
    warm: bool


@dataclass
class Attendees:
    """Joins of one meeting, each by a guest and at a server drawn from a seed, in a thread of its own.

    A server that was just killed does not answer; that is no complaint, and the same guest asks another one.
    """

    addresses: list[str]
    meeting: str
    seed: int
    pause: float = 0.2
    codes: dict[int, int] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    slowest: float = 0.0
    _guests: list[Guest] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def invite(self, *guests: Guest) -> None:
        self._guests = [*self._guests, *guests]

    def start(self) -> None:
        self._thread = threading.Thread(target=self._come_and_go, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(30)

    def join(self, guest: Guest, address: str) -> requests.Response | None:
        """The answer, looked at; None when there was none."""
        begun = time.monotonic()
        try:
            answer = guest.session.post(f"{address}/api/v1/meetings/{self.meeting}/join/", json={}, timeout=30)
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            return None
        except requests.Timeout:
            self.complaints.append(f"{guest.name} waited 30 s")
            return None
        seconds = time.monotonic() - begun
        self.slowest = max(self.slowest, seconds)
        self.codes[answer.status_code] = self.codes.get(answer.status_code, 0) + 1
        if answer.status_code not in ((200,) if guest.warm else (200, 503)):
            self.complaints.append(f"{guest.name} got {answer.status_code}: {answer.text[:300]}")
        elif answer.status_code == 503 and "Retry-After" not in answer.headers:
            self.complaints.append(f"{guest.name} got 503 without Retry-After")
        if seconds > LONGEST:
            self.complaints.append(f"{guest.name} waited {seconds:.1f} s")
        return answer

    def _come_and_go(self) -> None:
        dice = random.Random(self.seed)
        while not self._stopping.wait(self.pause):
            if self._guests:
                self.join(dice.choice(self._guests), dice.choice(self.addresses))
