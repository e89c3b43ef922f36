"""Every shape an answer can have, good or bad, over real HTTP."""

import gzip
import json

import pytest

from participants.realtimekit import (
    Absent,
    FailureKind,
    Misconfigured,
    NotDelivered,
    OutcomeUnknown,
    RealtimeKit,
    RealtimeKitError,
    Refused,
)
from tests.realtimekit.conftest import ScriptedServer, reply
from tests.realtimekit.samples import MEETING_ID, complaint, edge, meeting

HTML = b"<!DOCTYPE html><html><title>error</title></html>"


def create(client: RealtimeKit) -> RealtimeKitError:
    """What a write that is never repeated after doubt runs into."""
    with pytest.raises(RealtimeKitError) as caught:
        client.meetings.create(title="Algebra")
    return caught.value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (complaint(400, 'BAD_REQUEST: "name" is required'), 'BAD_REQUEST: "name" is required'),
        (edge(1000, "edge says no"), "edge says no"),
        ({"success": False, "errors": [], "messages": ["first"]}, "first"),
        ({"success": False, "messages": [{"code": 1, "message": "inner"}]}, "inner"),
        ({"message": "plain"}, "plain"),
        ({"data": {"message": "deep"}}, "deep"),
        ({"error": "just text"}, "just text"),
        ({"error": {"message": ""}, "message": "second choice"}, "second choice"),
        ({"error": {"message": {"odd": 1}}, "errors": "odd", "messages": 3}, "Bad Request"),
        ({"errors": [None]}, "Bad Request"),
        ([], "Bad Request"),
        ("text", "Bad Request"),
        (HTML, "Bad Request"),
        (b"", "Bad Request"),
        (b"\xff\xfe\x00", "Bad Request"),
    ],
)
def test_the_message_is_found_in_every_shape(
    server: ScriptedServer, client: RealtimeKit, body: object, message: str
) -> None:
    server.will(reply(400, body))
    error = create(client)
    assert isinstance(error, Refused)
    assert (error.code, error.status, error.message) == ("bad_request", 400, message)
    assert error.operation == "meetings.create"
    assert str(error) == f"meetings.create: bad_request (HTTP 400): {message}"


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (401, {"message": "Unauthorized"}, Misconfigured, "token_invalid"),
        (400, edge(10000, "Authentication error"), Misconfigured, "token_invalid"),
        (403, edge(10000, "Authentication error"), Misconfigured, "token_invalid"),
        (403, HTML, Misconfigured, "permission_missing"),
        (404, edge(7003, "Could not route"), Misconfigured, "route_unknown"),
        (404, complaint(404, "Meeting not found"), Absent, "not_found"),
        (404, HTML, Absent, "not_found"),
        (404, edge(404, "Meeting not found"), Absent, "not_found"),
        (409, complaint(409, "exists"), Refused, "conflict"),
        (422, complaint(422, '"title" must be a string'), Refused, "unprocessable"),
        (500, complaint(500, "INTERNAL"), OutcomeUnknown, "server_error"),
        (502, HTML, OutcomeUnknown, "server_error"),
        (520, b"", OutcomeUnknown, "server_error"),
        (500, complaint(500, "No preset found with name x"), Refused, "preset_not_found"),
        (200, complaint(404, "gone"), Absent, "not_found"),
        (200, {"success": False}, OutcomeUnknown, "unsuccessful_answer"),
        (200, {"success": False, "data": meeting()}, OutcomeUnknown, "unsuccessful_answer"),
    ],
)
def test_a_failed_answer_becomes_the_error_that_says_what_to_do(
    server: ScriptedServer,
    client: RealtimeKit,
    status: int,
    body: object,
    error: type[RealtimeKitError],
    code: str,
) -> None:
    server.will(reply(status, body))
    caught = create(client)
    assert type(caught) is error
    assert (caught.code, caught.status) == (code, status)
    assert len(server.requests) == 1


@pytest.mark.usefixtures("without_collecting")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        HTML,
        b'{"success": true, "data": {"id": "x"',
        b'{"success": true, "data": {"id": "x", "n": NaN}}',
        b"[" * 100_000,
        b"null",
        b'"text"',
        b"[]",
        {},
        {"success": True},
        {"success": True, "data": None},
        {"success": True, "data": []},
        {"success": True, "data": "x"},
        {"success": "true", "data": meeting()},
        {"success": 1, "data": meeting()},
        {"success": True, "data": meeting(id=None)},
        {"success": True, "data": meeting(id="")},
        {"success": True, "data": meeting(id=7)},
        {"success": True, "data": meeting(id="a\x00b")},
        {"success": True, "data": meeting(title=["x"])},
    ],
)
def test_a_2xx_that_cannot_be_read_leaves_the_outcome_unknown(
    server: ScriptedServer, client: RealtimeKit, body: object
) -> None:
    server.will(reply(201, body))
    error = create(client)
    assert error.kind is FailureKind.OUTCOME_UNKNOWN
    assert (error.code, error.status) == ("unreadable_answer", 201)


@pytest.mark.parametrize(
    "body",
    [{"data": meeting()}, {"result": meeting()}, {"success": True, "data": None, "result": meeting()}],
    ids=["no success", "result", "data null"],
)
def test_good_data_is_taken_from_neighbouring_envelopes(
    server: ScriptedServer, client: RealtimeKit, body: object
) -> None:
    server.will(reply(200, body))
    assert client.meetings.get(MEETING_ID).id == MEETING_ID


def test_a_compressed_answer_is_read(server: ScriptedServer, client: RealtimeKit) -> None:
    packed = gzip.compress(json.dumps({"success": True, "data": meeting()}).encode())
    server.will(reply(200, packed, {"Content-Encoding": "gzip"}))
    assert client.meetings.get(MEETING_ID).id == MEETING_ID


def test_a_broken_compression_is_an_unreadable_answer(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(reply(200, b"not gzip at all", {"Content-Encoding": "gzip"}))
    assert create(client).code == "unreadable_answer"


def test_an_endless_answer_is_cut_off_as_unreadable(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(reply(200, b'"' + b"x" * (17 * 1024 * 1024)))
    assert create(client).code == "unreadable_answer"


def test_the_ray_id_is_kept_for_the_log(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(reply(422, complaint(422, "no"), {"cf-ray": "8f0c1d2e3f4a5b6c-FRA"}))
    assert create(client).cf_ray == "8f0c1d2e3f4a5b6c-FRA"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "86400"}, 300.0),
        ({"Retry-After": "inf"}, 300.0),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Mon, 11 Jan 2027 08:00:40 GMT", "Date": "Mon, 11 Jan 2027 08:00:00 GMT"}, 40.0),
        ({"Retry-After": "Mon, 11 Jan 2027 07:00:00 GMT", "Date": "Mon, 11 Jan 2027 08:00:00 GMT"}, 0.0),
        ({"Retry-After": "Mon, 11 Jan 2999 07:00:00 GMT", "Date": "never"}, 300.0),
        ({"Retry-After": "Mon, 99 Jan 2027 99:00:00 GMT"}, None),
    ],
)
def test_retry_after_is_understood_in_both_forms(
    server: ScriptedServer, client: RealtimeKit, headers: dict[str, str], seconds: float | None
) -> None:
    server.will(reply(503, b"", headers))
    assert create(client).retry_after == seconds


def test_a_rate_limit_is_not_delivered(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(reply(429, edge(1015, "slow down"), {"Retry-After": "120"}))
    error = create(client)
    assert isinstance(error, NotDelivered)
    assert (error.code, error.retry_after) == ("rate_limited", 120.0)
