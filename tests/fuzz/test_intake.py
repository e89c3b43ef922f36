"""The door for deliveries, whatever knocks: never a 5xx; what is signed is stored and worked on, however odd."""

import json
import string
from base64 import b64encode
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from participants.models import Delivery
from participants.sandbox import Sandbox
from participants.services import inbox
from participants.states import DeliveryState
from tests.fuzz import EXAMPLES

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/webhooks/realtimekit/"
bounded = settings(
    derandomize=True,
    max_examples=15 * EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
VALUES = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=120)
NAMES = st.sampled_from(
    [
        *("rtk-signature", "rtk-uuid", "rtk-webhook-id", "dyte-signature", "dyte-uuid", "Content-Encoding"),
        *("X-Forwarded-For", "X-Forwarded-Proto", "Transfer-Encoding", "User-Agent", "Cookie", "Expect", "cf-ray"),
    ]
) | st.text(string.ascii_letters + "-", min_size=1, max_size=20)
HEADERS = st.dictionaries(NAMES, VALUES, max_size=5)
NUMBERS = st.from_regex(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,6})?", fullmatch=True) | st.sampled_from(
    ["9" * 5000, "1e999999", "-0", "NaN", "Infinity", "-Infinity", "01"]
)
TEXTS = st.sampled_from(['"\\ud800"', '"\\u0000"', '"\\udfff\\ud800"', '"' + "a" * 5000 + '"', '"2027-13-45T99:00Z"'])
LEAVES = NUMBERS | TEXTS | st.sampled_from(["null", "true", "{}", "[]", '{"a":1,"a":2}'])
KEYS = st.sampled_from(
    [
        *(
            "event",
            "meeting",
            "participant",
            "id",
            "sessionId",
            "startedAt",
            "endedAt",
            "peerId",
            "joinedAt",
            "leftAt",
        ),
        *("customParticipantId", "reason", "recording", "\\u0000", "__proto__"),
    ]
)
WRITTEN = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(KEYS, inner), max_size=5).map(
            lambda pairs: "{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}"
        )
    ),
    max_leaves=25,
)
DEEP = st.integers(1, 20_000).map(lambda depth: "[" * depth + "]" * depth)
EVENTS = st.sampled_from(["meeting.started", "meeting.ended", "meeting.participantJoined", "meeting.participantLeft"])
ODD = st.builds(
    lambda event, meeting, participant: (
        f'{{"event":"{event}","meeting":{{"id":{meeting},"sessionId":"s1","startedAt":{participant}}},'
        f'"participant":{{"peerId":{participant},"customParticipantId":{meeting},"joinedAt":{meeting}}}}}'
    ),
    EVENTS,
    WRITTEN,
    WRITTEN,
)


def knock(raw: bytes, method: str = "POST", *, content_type: str = "application/json", **more: Any) -> Any:
    """With a stream as servers give one: the test client's own refuses to be asked for more than there is."""
    extra = {"content_type": content_type, **more, "wsgi.input": BytesIO(raw)}
    return Client().generic(method, URL, raw, **extra)


@bounded
@given(raw=st.binary(max_size=2000), headers=HEADERS, method=st.sampled_from(["POST", "POST", "PUT", "GET", "PATCH"]))
def test_whatever_knocks_unsigned_is_turned_away(
    sandbox: Sandbox, raw: bytes, headers: dict[str, str], method: str
) -> None:
    answer = knock(raw, method, headers=headers)
    assert answer.status_code == (401 if method == "POST" else 405)
    assert not Delivery.objects.exists()


@bounded
@given(length=VALUES | st.integers(-5, 10**9).map(str), kind=VALUES)
def test_no_length_and_no_content_type_breaks_the_door(sandbox: Sandbox, length: str, kind: str) -> None:
    answer = knock(b"{}", content_type=kind, CONTENT_LENGTH=length)
    assert answer.status_code in {400, 401, 413, 503}
    if answer.status_code == 503:
        assert answer["Retry-After"]  # a sender who broke off is to send it again
    assert not Delivery.objects.exists()


@pytest.mark.usefixtures("without_collecting")
@bounded
@given(text=WRITTEN | DEEP | ODD, headers=HEADERS)
def test_whatever_is_signed_is_stored_and_worked_on(sandbox: Sandbox, text: str, headers: dict[str, str]) -> None:
    raw = text.encode()
    signed = {name: value for name, value in headers.items() if "signature" not in name.lower()}
    signed["rtk-signature"] = b64encode(sandbox.world.webhook_key.sign(raw)).decode()
    answer = knock(raw, headers=signed)
    assert answer.status_code == 200
    assert inbox.work().failed == 0
    kept = Delivery.objects.order_by("-received_at", "pk").first()
    assert kept is not None
    assert kept.state == DeliveryState.DONE
    assert json.dumps(kept.body)
