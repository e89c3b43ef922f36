"""The API token and participant tokens show up nowhere: not in errors, logs, reprs or stored payloads."""

import json
import logging
import traceback

import pytest

from participants.realtimekit import Credentials, RealtimeKit, RealtimeKitError
from participants.realtimekit.redaction import redact, scrub
from tests.realtimekit.conftest import (
    API_TOKEN,
    MakeClient,
    ScriptedServer,
    Step,
    data,
    hang_up,
    raw,
    reply,
)
from tests.realtimekit.samples import CUSTOM_ID, MEETING_ID, PARTICIPANT_ID, TOKEN, complaint, participant


def show(error: BaseException) -> str:
    """Everything a log or a debug page could print of an error: itself, its causes, its frames' locals."""
    seen = [repr(error), str(error), repr(error.args), repr(vars(error))]
    seen += traceback.TracebackException.from_exception(error, capture_locals=True).format()
    return "\n".join(seen)


@pytest.mark.parametrize(
    "step",
    [
        reply(400, complaint(400, f"bad header Authorization: Bearer {API_TOKEN}")),
        reply(500, {"message": f"token {TOKEN} and {API_TOKEN}"}),
        reply(200, {"success": False, "error": {"message": f"x{TOKEN}x"}}),
        reply(302, b"", {"Location": f"https://x.example/?t={API_TOKEN}"}),
        reply(500, f"<html>{API_TOKEN} {TOKEN}</html>".encode()),
        reply(500, b"", {"cf-ray": f"{TOKEN}"}),
        raw(f"HTTP/1.1 500 {API_TOKEN}\r\nContent-Length: 0\r\n\r\n".encode()),
        raw(f"{API_TOKEN} {TOKEN}\r\n\r\n".encode()),
        hang_up,
    ],
)
def test_no_error_shows_a_secret_or_holds_what_does(
    server: ScriptedServer, client: RealtimeKit, step: Step, caplog: pytest.LogCaptureFixture
) -> None:
    server.will(step)
    with caplog.at_level(logging.DEBUG), pytest.raises(RealtimeKitError) as caught:
        client.meetings.create(title="Algebra")
    shown = show(caught.value) + caplog.text
    assert API_TOKEN not in shown
    assert TOKEN not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_no_record_shows_its_token_and_no_raw_keeps_one(server: ScriptedServer, client: RealtimeKit) -> None:
    nested = {"token": TOKEN, "deep": [{"authToken": TOKEN, "note": f"see {TOKEN}"}]}
    server.will(data(participant(token=TOKEN, extra=nested), status=201))
    issued = client.participants.add(MEETING_ID, custom_participant_id=CUSTOM_ID, preset_name="p")
    assert TOKEN not in repr(issued)
    assert TOKEN not in json.dumps(issued.participant.raw)
    assert issued.participant.raw["extra"] == {"deep": [{"note": "see [redacted]"}]}


def test_the_client_and_its_credentials_hide_the_api_token(make_client: MakeClient) -> None:
    client = make_client("https://rtk.example")
    assert API_TOKEN not in repr(client)
    assert API_TOKEN not in repr(Credentials("https://rtk.example", "a", "b", API_TOKEN))


def test_one_line_per_exchange_is_logged_without_ids_or_bodies(
    server: ScriptedServer, client: RealtimeKit, caplog: pytest.LogCaptureFixture
) -> None:
    server.will(
        reply(200, {"success": True, "data": {"token": TOKEN}}, {"cf-ray": "8f0c-FRA"}),
        reply(422, complaint(422, "no"), {"cf-ray": "8f0d-FRA"}),
    )
    with caplog.at_level(logging.INFO, logger="participants.realtimekit"):
        client.participants.refresh_token(MEETING_ID, PARTICIPANT_ID)
        with pytest.raises(RealtimeKitError):
            client.participants.refresh_token(MEETING_ID, PARTICIPANT_ID)
    good, bad = (record for record in caplog.records if record.name == "participants.realtimekit")
    assert (good.levelno, bad.levelno) == (logging.INFO, logging.WARNING)
    start = (
        "participants.refresh_token POST /accounts/{account_id}/realtime/kit/{app_id}"
        "/meetings/{meeting_id}/participants/{participant_id}/token "
    )
    assert good.getMessage().startswith(start + "status=200 result=ok cf-ray=8f0c-FRA ms=")
    assert bad.getMessage().startswith(start + "status=422 result=unprocessable cf-ray=8f0d-FRA ms=")
    assert MEETING_ID not in caplog.text
    assert TOKEN not in caplog.text


def test_a_message_is_one_short_printable_line() -> None:
    assert redact("a\r\nb\x00c\u2028d\x1b[31m") == "a b c d [31m"
    assert len(redact("x" * 5000)) == 300


def test_a_secret_cut_by_the_length_limit_is_still_gone() -> None:
    assert API_TOKEN[:5] not in redact("x" * 290 + API_TOKEN, API_TOKEN)
    assert "eyJ" not in redact("x" * 295 + TOKEN)


@pytest.mark.parametrize("text", ["Bearer abc", "bearer  abc", "Authorization: Basic abc", "BEARER abc,"])
def test_credentials_of_any_kind_are_replaced(text: str) -> None:
    assert "abc" not in redact(text)


@pytest.mark.parametrize(
    "key",
    [
        "token",
        "auth_token",
        "authToken",
        "streamKey",
        "stream_key",
        "downloadUrl",
        "download_url",
        "audioDownloadUrl",
        "audio_download_url",
        "chatDownloadUrl",
        "transcript_download_url",
        "summaryDownloadUrl",
        "Authorization",
        "secret",
    ],
)
def test_secret_fields_are_dropped_at_any_depth(key: str) -> None:
    assert scrub({"a": [{"b": {key: "s", "kept": 1}}]}) == {"a": [{"b": {"kept": 1}}]}


def test_what_is_stored_is_valid_json_of_bounded_depth() -> None:
    deep: object = 1e308 * 10
    for _ in range(200):
        deep = [deep]
    assert json.loads(json.dumps(scrub({"deep": deep, "number": float("inf")}), allow_nan=False))["number"] is None
