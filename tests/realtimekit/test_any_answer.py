"""No answer, however strange, gets past the door as anything but a record or UnreadableError."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from participants.realtimekit.envelopes import (
    UnreadableError,
    claims_failure,
    decode,
    open_envelope,
    read_complaint,
)
from participants.realtimekit.failures import judge_answer
from participants.realtimekit.records import (
    parse_app,
    parse_meeting,
    parse_participant,
    parse_preset,
    parse_session,
    parse_token,
)
from participants.realtimekit.redaction import redact, scrub
from participants.realtimekit.tokens import ParticipantToken

FIELDS = ["success", "data", "result", "error", "errors", "messages", "message", "code", "paging"]
FIELDS += ["total_count", "id", "name", "title", "status", "token", "created_at", "live_participants"]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=12,
)
repeatable = settings(max_examples=150, derandomize=True, database=None, deadline=None)


@repeatable
@given(anything, st.integers(0, 999))
def test_any_json_is_judged(decoded: object, status: int) -> None:
    complaint = read_complaint(decoded, "reason")
    assert judge_answer(status, complaint).code
    assert len(redact(complaint.message)) <= 300
    assert claims_failure(decoded) in (True, False)


@repeatable
@given(anything, st.booleans())
def test_any_json_opens_or_is_unreadable(decoded: object, needs_data: bool) -> None:
    try:
        envelope = open_envelope(decoded, needs_data=needs_data)
        envelope.mapping("meeting")
        envelope.rows("meetings")
    except UnreadableError:
        return


@repeatable
@given(st.dictionaries(st.sampled_from(FIELDS), anything, max_size=8))
def test_any_object_is_a_record_or_unreadable(data: dict[str, object]) -> None:
    for parse in (parse_app, parse_preset, parse_meeting, parse_participant, parse_session, parse_token):
        try:
            parse(data)
        except UnreadableError:
            continue


@repeatable
@given(anything)
def test_whatever_is_stored_is_plain_json(decoded: object) -> None:
    stored = json.dumps(scrub(decoded), allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in stored
    stored.encode()


@repeatable
@given(st.binary(max_size=60))
def test_any_bytes_decode_to_something(body: bytes) -> None:
    decode(body)


@repeatable
@given(st.text(max_size=80))
def test_any_text_may_be_a_token(value: str) -> None:
    token = ParticipantToken.of(value)
    assert token.expires_at is None
