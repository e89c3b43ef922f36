"""Credentials, routes and bodies the sandbox refuses, each in the shape contract 2.1 gives it."""

import socket
from typing import Any

import pytest
import requests

from participants.sandbox import Sandbox
from tests.sandbox.caller import TIMEOUT, Caller

ABSENT = "aaaa1111-0000-4000-8000-000000000001"


def edge_error(answer: requests.Response) -> tuple[int, int]:
    """Status and code of shape C."""
    body = answer.json()
    assert (body["success"], body["messages"], body["result"]) == (False, [], None)
    return answer.status_code, body["errors"][0]["code"]


def kit_error(answer: requests.Response) -> tuple[int, str]:
    """Status and message of shape A, whose code repeats the status."""
    body = answer.json()
    assert (body["success"], body["error"]["code"]) == (False, answer.status_code)
    return answer.status_code, body["error"]["message"]


def test_a_wrong_token_is_an_authentication_error_of_the_edge(sandbox: Sandbox) -> None:
    caller = Caller(sandbox, api_token="wrong")
    assert edge_error(caller.get("meetings")) == (401, 10000)
    caller.close()


@pytest.mark.parametrize("header", ["", "Basic c2FuZGJveA==", "Bearer", "Bearer \u00e9"])
def test_a_missing_or_odd_authorization_is_one_too(header: str, sandbox: Sandbox) -> None:
    address = f"{sandbox.base_url}/accounts/{sandbox.account_id}/realtime/kit/{sandbox.app_id}/meetings"
    answer = requests.get(address, headers={"Authorization": header.encode("latin-1")}, timeout=TIMEOUT)
    assert edge_error(answer) == (401, 10000)


def test_another_account_is_forbidden(caller: Caller, sandbox: Sandbox) -> None:
    address = caller.kit.replace(sandbox.account_id, "0" * 32)
    assert edge_error(caller.get(f"{address}/meetings")) == (403, 10000)


def test_an_unknown_app_is_no_route(sandbox: Sandbox) -> None:
    caller = Caller(sandbox, app_id=ABSENT)
    assert edge_error(caller.get("meetings")) == (404, 7003)
    caller.close()


@pytest.mark.parametrize("path", ["nowhere", f"meetings/{ABSENT}/sessions", "meetings/", ""])
def test_an_unknown_path_is_no_route(path: str, caller: Caller) -> None:
    assert edge_error(caller.get(path)) == (404, 7003)


@pytest.mark.parametrize("method", ["DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"])
def test_a_method_the_path_does_not_know_is_not_allowed(method: str, caller: Caller) -> None:
    answer = caller.call(method, "meetings")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, POST"
    if method == "HEAD":
        assert answer.content == b""
    else:
        assert kit_error(answer)[0] == 405
    # The connection is still in step.
    assert caller.get("meetings").status_code == 200


def test_every_answer_names_its_ray(caller: Caller) -> None:
    rays = {caller.get(path).headers["cf-ray"] for path in ("meetings", "nowhere", f"meetings/{ABSENT}")}
    assert len(rays) == 3
    assert all(len(ray.partition("-")[0]) == 16 for ray in rays)


def test_the_webhook_key_needs_no_authorization(sandbox: Sandbox) -> None:
    answer = requests.get(sandbox.webhook_key_url, timeout=TIMEOUT).json()
    assert answer["data"]["publicKey"].startswith("-----BEGIN PUBLIC KEY-----")
    assert (answer["success"], answer["message"]) == (True, "")


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"preset_name": "group_call_host"}, '"custom_participant_id" is required'),
        ({"custom_participant_id": "u-1"}, '"preset_name" is required'),
        ({"custom_participant_id": "", "preset_name": "x"}, '"custom_participant_id" is not allowed to be empty'),
        ({"custom_participant_id": 7, "preset_name": "x"}, '"custom_participant_id" must be a string'),
        ({"custom_participant_id": None, "preset_name": "x"}, '"custom_participant_id" must be a string'),
        (
            {"custom_participant_id": "u-1", "preset_name": "group_call_host", "picture": "not a uri"},
            '"picture" must be a valid uri',
        ),
        (["u-1"], '"value" must be of type object'),
    ],
)
def test_a_bad_participant_is_refused_by_name_of_the_field(
    body: Any, complaint: str, caller: Caller, meeting_id: str
) -> None:
    answer = caller.post(f"meetings/{meeting_id}/participants", body)
    assert kit_error(answer) == (400, f"BAD_REQUEST: {complaint}")


def test_an_unknown_preset_is_refused_and_nobody_is_added(caller: Caller, meeting_id: str, sandbox: Sandbox) -> None:
    body = {"custom_participant_id": "u-1", "preset_name": "Group_Call_Host"}
    answer = caller.post(f"meetings/{meeting_id}/participants", body)
    assert kit_error(answer) == (400, "No preset found with name Group_Call_Host")
    assert sandbox.world.participants(meeting_id) == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"session_keep_alive_time_in_secs": 59}, '"session_keep_alive_time_in_secs" must be greater'),
        ({"session_keep_alive_time_in_secs": 601}, '"session_keep_alive_time_in_secs" must be less'),
        ({"session_keep_alive_time_in_secs": True}, '"session_keep_alive_time_in_secs" must be a number'),
        ({"record_on_start": "yes"}, '"record_on_start" must be a boolean'),
        ({"persist_chat": None}, '"persist_chat" must be a boolean'),
        ({"status": "INACTIVE"}, '"status" is not allowed'),
        ({"ai_config": {"transcription": {"language": "en"}}}, '"ai_config.transcription.language" must be one of'),
        ({"ai_config": []}, '"ai_config" must be an object'),
        ({"recording_config": {"max_seconds": 10}}, '"recording_config.max_seconds" must be greater'),
    ],
)
def test_a_bad_meeting_is_refused_by_name_of_the_field(body: Any, complaint: str, caller: Caller) -> None:
    status, message = kit_error(caller.post("meetings", body))
    assert (status, message.startswith(f"BAD_REQUEST: {complaint}")) == (400, True)


@pytest.mark.parametrize(
    "query", [{"per_page": "many"}, {"page_no": "-1"}, {"status": "OPEN"}, {"start_time": "noon"}]
)
def test_a_bad_filter_is_refused(query: dict[str, str], caller: Caller) -> None:
    assert kit_error(caller.get("meetings", **query))[0] == 400


@pytest.mark.parametrize("body", [b"{title", b"\xff", b'{"session_keep_alive_time_in_secs": NaN}'])
def test_a_body_that_is_not_json_is_refused(body: bytes, caller: Caller) -> None:
    answer = caller.session.post(f"{caller.kit}/meetings", data=body, timeout=TIMEOUT)
    assert kit_error(answer) == (400, "BAD_REQUEST: the body is not valid JSON")


def test_an_id_that_is_none_is_told_from_one_that_is_absent(caller: Caller) -> None:
    assert kit_error(caller.get("meetings/7")) == (400, 'BAD_REQUEST "meeting_id" must be a valid GUID')
    assert kit_error(caller.get(f"meetings/{ABSENT}")) == (404, "Meeting not found")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"411"),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300 + b"\r\n", b"431"),
    ],
)
def test_what_is_not_http_is_refused_and_hung_up_on(sent: bytes, status: bytes, sandbox: Sandbox) -> None:
    host, port = sandbox.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), TIMEOUT) as connection:
        connection.sendall(sent)
        received = b"".join(iter(lambda: connection.recv(4096), b""))
    assert received.split()[1] == status
