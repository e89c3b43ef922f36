"""Deliveries on a bad way: over HTTP, shuffled, up to three times, some lost for good, and forged ones among them."""

import http.client
import itertools
import json
import random
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from django.db import connections

from participants.models import Delivery
from participants.sandbox.courier import Parcel
from participants.sandbox.tokens import SigningKey
from participants.services import inbox
from participants.states import DeliveryState

PATH = "/webhooks/realtimekit/"
LOST, FORGED, MOST_COPIES = 0.10, 0.05, 3
Forger = Callable[[Parcel, Parcel], "Letter"]


@dataclass(frozen=True)
class Letter:
    body: bytes
    headers: dict[str, str]


@dataclass
class Mail:
    """``kept`` are genuine and arrive at least once; ``genuine`` holds every copy of them, in no order."""

    kept: list[Parcel]
    genuine: list[Letter]
    forged: list[Letter]


@dataclass
class Post:
    """Senders of letters at several servers. ``statuses`` counts answers of genuine and of forged ones."""

    addresses: Sequence[str]
    senders: int = 4
    genuine: Counter[int] = field(default_factory=Counter)
    forged: Counter[int] = field(default_factory=Counter)

    def send(self, mail: Mail) -> None:
        """Everything, from several threads; forged ones from one, which a server can't tell from RealtimeKit."""
        shares = [mail.genuine[place :: self.senders] for place in range(self.senders)]
        with ThreadPoolExecutor(self.senders + 1) as pool:
            jobs = [pool.submit(self._deliver, place, share) for place, share in enumerate(shares)]
            forging = pool.submit(self._deliver, 0, mail.forged)
            for job in jobs:
                self.genuine += job.result()
            self.forged += forging.result()

    def _deliver(self, place: int, letters: list[Letter]) -> Counter[int]:
        statuses: Counter[int] = Counter()
        where = urlsplit(self.addresses[place % len(self.addresses)])
        line = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
        try:
            for letter in letters:
                line.request("POST", PATH, letter.body, {"Content-Type": "application/json", **letter.headers})
                answer = line.getresponse()
                answer.read()
                statuses[answer.status] += 1
        finally:
            line.close()
        return statuses


def spoil(parcels: list[Parcel], chance: random.Random) -> Mail:
    lost = set(chance.sample(range(len(parcels)), round(LOST * len(parcels))))
    kept = [parcel for place, parcel in enumerate(parcels) if place not in lost]
    copies = [copy for parcel in kept for copy in _copy(parcel, chance)]
    chance.shuffle(copies)
    forgers = itertools.cycle(_list_forgers(chance))
    # What never arrived is the most tempting to make up.
    models = [parcels[place] for place in sorted(lost)] + kept
    wanted = round(FORGED * len(parcels))
    forged = [next(forgers)(parcel, chance.choice(kept)) for parcel in chance.sample(models, wanted)]
    return Mail(kept, copies, forged)


def _copy(parcel: Parcel, chance: random.Random) -> list[Letter]:
    """One to three: RealtimeKit repeats under the same id or another; the headers' names may be the old ones."""
    letters = []
    for number in range(chance.randint(1, MOST_COPIES)):
        again = replace(parcel, uuid=f"{parcel.uuid}-{number}") if chance.random() < 0.5 else parcel
        headers = _name_headers(again)
        if chance.random() < 0.2:
            headers = {name.replace("rtk-", "dyte-"): text for name, text in headers.items()}
        letters.append(Letter(parcel.body, headers))
    return letters


def _name_headers(parcel: Parcel, signature: bytes | None = None) -> dict[str, str]:
    return {
        "rtk-signature": b64encode(parcel.signature if signature is None else signature).decode(),
        "rtk-uuid": parcel.uuid,
        "rtk-webhook-id": parcel.webhook_id,
    }


def _list_forgers(chance: random.Random) -> list[Forger]:
    other_key = SigningKey.generate()

    def with_another_key(parcel: Parcel, _: Parcel) -> Letter:
        return Letter(_alter(parcel), _name_headers(parcel, other_key.sign(_alter(parcel))))

    def altered(parcel: Parcel, _: Parcel) -> Letter:
        return Letter(_alter(parcel), _name_headers(parcel))

    def with_a_space(parcel: Parcel, _: Parcel) -> Letter:
        return Letter(parcel.body + b" ", _name_headers(parcel))

    def with_the_signature_of(parcel: Parcel, other: Parcel) -> Letter:
        return Letter(_alter(parcel), _name_headers(other))

    def with_noise(parcel: Parcel, _: Parcel) -> Letter:
        return Letter(parcel.body, _name_headers(parcel, chance.randbytes(256)))

    def unsigned(parcel: Parcel, _: Parcel) -> Letter:
        headers = _name_headers(parcel)
        del headers["rtk-signature"]
        return Letter(parcel.body, headers)

    return [with_another_key, altered, with_a_space, with_the_signature_of, with_noise, unsigned]


def _alter(parcel: Parcel) -> bytes:
    """The same news with other times: who believes it counts somebody as there for ten years, say."""
    told = json.loads(parcel.body)
    told["meeting"]["startedAt"] = "2020-01-01T00:00:00.000Z"
    if "participant" in told:
        told["participant"] |= {"joinedAt": "2020-01-01T00:00:00.000Z", "leftAt": "2030-01-01T00:00:00.000Z"}
    else:
        told["meeting"]["endedAt"] = "2030-01-01T00:00:00.000Z"
    return json.dumps(told).encode()


@contextmanager
def working(threads: int) -> Iterator[None]:
    """Deliveries are worked off meanwhile, and to the last one before it ends. Raises what a worker tripped over."""
    ending = threading.Event()
    with ThreadPoolExecutor(threads) as pool:
        jobs = [pool.submit(_work, ending) for _ in range(threads)]
        try:
            yield
        finally:
            ending.set()
        for job in jobs:
            job.result()


def _work(ending: threading.Event) -> None:
    try:
        while True:
            is_last = ending.is_set()
            inbox.work()
            if is_last and not Delivery.objects.filter(state=DeliveryState.NEW).exists():
                return
            ending.wait(0.2)
    finally:
        connections.close_all()
