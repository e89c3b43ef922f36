"""Deliveries at the webhook door against a bare view that verifies the signature and inserts a row."""

import base64
import itertools
import json
from collections.abc import Callable, Iterator
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks import places
from benchmarks.doors import FLOOR, NAMES
from benchmarks.effort import CLIENTS, Effort
from benchmarks.load import Measure, Target, run_each
from benchmarks.ratios import Line, compare, take_turns
from participants.demo.failures import DemoError

BITS = 2048


def compare_intake(effort: Effort) -> Iterator[Line]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    numbers = itertools.count()
    settings = {"REALTIMEKIT_WEBHOOK_PUBLIC_KEY": public}

    def sending(address: str) -> Callable[[], Measure]:
        return lambda: send([make(key, next(numbers), address) for _ in range(effort.deliveries)])

    for database in effort.databases:
        with places.running(database, working=False, settings=settings, limit=(1_000_000, 60.0)) as stack:
            bare = f"{places.serve_beside(stack, FLOOR.path, FLOOR.application)}/floor/delivery/"
            door = f"{stack.web}/webhooks/realtimekit/"
            for address in (door, bare):
                sending(address)()  # warm
            turns = take_turns(sending(door), sending(bare), effort.repeats)
        rates = compare(turns, _find_rate)
        name = f"webhook intake : verify and insert, {NAMES[database]}, throughput"
        yield Line(name, rates.ratios, rates.controls, None, rates.describe("deliveries/s"))


def send(deliveries: list[Target]) -> Measure:
    """Each once. Raises DemoError for one that was not taken."""
    measure, _ = run_each(deliveries, clients=CLIENTS)
    if measure.failed or measure.count != len(deliveries):
        raise DemoError(f"{measure.failed} of {measure.count} deliveries were not taken.")
    return measure


def make(key: rsa.RSAPrivateKey, number: int, address: str) -> Target:
    """A genuine delivery like no other."""
    body = {
        "event": "meeting.participantJoined",
        "meeting": {"id": str(UUID(int=1)), "sessionId": str(UUID(int=number)), "title": "Algebra, group 7"},
        "participant": {"peerId": str(UUID(int=number)), "customParticipantId": str(UUID(int=3)), "name": "Ada"},
    }
    raw = json.dumps(body).encode()
    signature = key.sign(raw, PKCS1v15(), SHA256())
    headers = {
        "Content-Type": "application/json",
        "rtk-signature": base64.b64encode(signature).decode(),
        "rtk-uuid": str(UUID(int=number)),
        "rtk-webhook-id": str(UUID(int=2)),
    }
    return Target(address, headers, raw)


def _find_rate(measure: Measure) -> float:
    """Of clients that each send the next one when they are answered; starting their processes is no part of it."""
    return CLIENTS * 1000 / measure.mean
