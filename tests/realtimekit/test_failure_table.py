"""One test per row of the failure table, and nothing outside it is believed."""

import socket
import ssl

import pytest
import requests
import urllib3.exceptions
from requests.exceptions import ContentDecodingError, InvalidURL

from participants.realtimekit.envelopes import Complaint, Layer
from participants.realtimekit.errors import FailureKind
from participants.realtimekit.failures import (
    AFTER_DEPARTURE,
    BEFORE_DEPARTURE,
    BY_EDGE_CODE,
    BY_STATUS,
    judge_answer,
    judge_exception,
)

NOT_DELIVERED = FailureKind.NOT_DELIVERED
OUTCOME_UNKNOWN = FailureKind.OUTCOME_UNKNOWN
REFUSED = FailureKind.REFUSED
MISCONFIGURED = FailureKind.MISCONFIGURED
ABSENT = FailureKind.ABSENT

STATUS_ROWS = [
    (400, REFUSED, "bad_request"),
    (401, MISCONFIGURED, "token_invalid"),
    (403, MISCONFIGURED, "permission_missing"),
    (404, ABSENT, "not_found"),
    (407, MISCONFIGURED, "proxy_refused"),
    (408, OUTCOME_UNKNOWN, "request_timeout"),
    (409, REFUSED, "conflict"),
    (410, ABSENT, "not_found"),
    (422, REFUSED, "unprocessable"),
    (425, OUTCOME_UNKNOWN, "too_early"),
    (429, NOT_DELIVERED, "rate_limited"),
    (301, MISCONFIGURED, "redirected"),
    (308, MISCONFIGURED, "redirected"),
    (402, REFUSED, "refused_other"),
    (405, REFUSED, "refused_other"),
    (413, REFUSED, "refused_other"),
    (451, REFUSED, "refused_other"),
    (500, OUTCOME_UNKNOWN, "server_error"),
    (502, OUTCOME_UNKNOWN, "server_error"),
    (522, OUTCOME_UNKNOWN, "server_error"),
    (530, OUTCOME_UNKNOWN, "server_error"),
    (199, OUTCOME_UNKNOWN, "unexpected_status"),
    (601, OUTCOME_UNKNOWN, "unexpected_status"),
    (999, OUTCOME_UNKNOWN, "unexpected_status"),
]


@pytest.mark.parametrize(("status", "kind", "code"), STATUS_ROWS)
@pytest.mark.parametrize("layer", [Layer.REALTIMEKIT, Layer.UNKNOWN])
def test_a_status_decides_when_nothing_more_is_known(status: int, kind: FailureKind, code: str, layer: Layer) -> None:
    verdict = judge_answer(status, Complaint("something went wrong", status, layer))
    assert (verdict.kind, verdict.code) == (kind, code)


def test_every_named_status_has_its_test() -> None:
    assert BY_STATUS.keys() <= {status for status, _, _ in STATUS_ROWS}


EDGE_ROWS = [
    (10000, MISCONFIGURED, "token_invalid"),
    (6003, MISCONFIGURED, "token_invalid"),
    (6111, MISCONFIGURED, "token_invalid"),
    (9109, MISCONFIGURED, "token_invalid"),
    (7000, MISCONFIGURED, "route_unknown"),
    (7003, MISCONFIGURED, "route_unknown"),
    (1015, NOT_DELIVERED, "rate_limited"),
]


@pytest.mark.parametrize(("edge_code", "kind", "code"), EDGE_ROWS)
@pytest.mark.parametrize("status", [200, 400, 403, 404, 429])
def test_a_code_of_the_edge_decides_whatever_status_carries_it(
    edge_code: int, kind: FailureKind, code: str, status: int
) -> None:
    verdict = judge_answer(status, Complaint("", edge_code, Layer.EDGE))
    assert (verdict.kind, verdict.code) == (kind, code)


def test_every_code_of_the_edge_has_its_test() -> None:
    assert BY_EDGE_CODE.keys() == {edge_code for edge_code, _, _ in EDGE_ROWS}


@pytest.mark.parametrize("edge_code", [7003, 10000])
def test_a_code_of_the_edge_counts_neither_in_other_bodies_nor_beside_a_5xx(edge_code: int) -> None:
    assert judge_answer(400, Complaint("", edge_code, Layer.REALTIMEKIT)).code == "bad_request"
    assert judge_answer(502, Complaint("", edge_code, Layer.EDGE)).code == "server_error"


@pytest.mark.parametrize(
    ("edge_code", "code"), [(404, "not_found"), (1234, "route_unknown"), (None, "route_unknown")]
)
def test_a_404_of_the_edge_is_a_wrong_route_unless_it_mirrors_the_status(edge_code: int | None, code: str) -> None:
    assert judge_answer(404, Complaint("", edge_code, Layer.EDGE)).code == code


@pytest.mark.parametrize("status", [200, 400, 404, 422, 500])
def test_an_unknown_preset_is_refused_whatever_the_status(status: int) -> None:
    verdict = judge_answer(status, Complaint("No preset found with name x", status, Layer.REALTIMEKIT))
    assert (verdict.kind, verdict.code) == (REFUSED, "preset_not_found")


@pytest.mark.parametrize("status", [400, 404, 500])
def test_no_active_session_means_absent_whatever_the_status(status: int) -> None:
    assert judge_answer(status, Complaint("No active session found", status)).kind is ABSENT


@pytest.mark.parametrize(
    ("mirrored", "code"),
    [(404, "not_found"), (422, "unprocessable"), (500, "server_error"), (429, "rate_limited")],
)
def test_a_200_that_failed_is_judged_by_the_status_its_code_mirrors(mirrored: int, code: str) -> None:
    assert judge_answer(200, Complaint("no", mirrored, Layer.REALTIMEKIT)).code == code


@pytest.mark.parametrize("odd", [None, 0, 200, 12, 1301, 100000])
def test_a_200_that_failed_for_no_known_reason_has_an_unknown_outcome(odd: int | None) -> None:
    verdict = judge_answer(200, Complaint("no", odd, Layer.REALTIMEKIT))
    assert (verdict.kind, verdict.code) == (OUTCOME_UNKNOWN, "unsuccessful_answer")


def wrapped(cause: BaseException) -> requests.ConnectionError:
    """As requests wraps what urllib3 wrapped."""
    return requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", cause))


BEFORE_ROWS: list[tuple[BaseException, FailureKind, str]] = [
    (InvalidURL("no host"), MISCONFIGURED, "address_invalid"),
    (UnicodeError("label too long"), MISCONFIGURED, "address_invalid"),
    (requests.exceptions.InvalidSchema("gopher"), MISCONFIGURED, "address_invalid"),
    (requests.exceptions.MissingSchema("none"), MISCONFIGURED, "address_invalid"),
    (requests.exceptions.InvalidProxyURL("socks"), MISCONFIGURED, "address_invalid"),
    (urllib3.exceptions.LocationParseError("::"), MISCONFIGURED, "address_invalid"),
    (
        requests.exceptions.ProxyError(urllib3.exceptions.ProxyError("no", ConnectionRefusedError())),
        NOT_DELIVERED,
        "proxy_failed",
    ),
    (wrapped(socket.gaierror(-2, "Name or service not known")), NOT_DELIVERED, "name_lookup_failed"),
    (requests.exceptions.SSLError(ssl.SSLCertVerificationError("expired")), NOT_DELIVERED, "tls_failed"),
    (urllib3.exceptions.SSLError("handshake"), NOT_DELIVERED, "tls_failed"),
    (wrapped(TimeoutError("timed out")), NOT_DELIVERED, "connect_timeout"),
    (
        requests.ReadTimeout(urllib3.exceptions.ReadTimeoutError(None, "/", "handshake")),  # type: ignore[arg-type]  # no pool here
        NOT_DELIVERED,
        "connect_timeout",
    ),
    (wrapped(ConnectionRefusedError(111, "refused")), NOT_DELIVERED, "connection_refused"),
    (wrapped(OSError(101, "Network is unreachable")), NOT_DELIVERED, "connection_failed"),
    (ValueError("anything else"), MISCONFIGURED, "address_invalid"),
]


@pytest.mark.parametrize(("error", "kind", "code"), BEFORE_ROWS)
def test_nothing_that_fails_before_departure_was_delivered(
    error: BaseException, kind: FailureKind, code: str
) -> None:
    verdict = judge_exception(error, departed=False)
    assert (verdict.kind, verdict.code) == (kind, code)


AFTER_ROWS: list[tuple[BaseException, str]] = [
    (ContentDecodingError("bad gzip"), "unreadable_answer"),
    (wrapped(TimeoutError("timed out")), "read_timeout"),
    (
        requests.ReadTimeout(urllib3.exceptions.ReadTimeoutError(None, "/", "slow")),  # type: ignore[arg-type]  # no pool here
        "read_timeout",
    ),
    (wrapped(ConnectionResetError(104, "reset")), "connection_lost"),
    (requests.exceptions.ChunkedEncodingError("cut"), "connection_lost"),
    (requests.exceptions.SSLError(ssl.SSLError("bad record")), "connection_lost"),
    (wrapped(ConnectionRefusedError(111, "refused")), "connection_lost"),
    (ValueError("anything else"), "connection_lost"),
]


@pytest.mark.parametrize(("error", "code"), AFTER_ROWS)
def test_whatever_fails_after_departure_has_an_unknown_outcome(error: BaseException, code: str) -> None:
    verdict = judge_exception(error, departed=True)
    assert (verdict.kind, verdict.code) == (OUTCOME_UNKNOWN, code)


def test_every_row_for_exceptions_has_its_test() -> None:
    before = {verdict.code for _, verdict in BEFORE_DEPARTURE}
    after = {verdict.code for _, verdict in AFTER_DEPARTURE}
    assert before <= {code for _, _, code in BEFORE_ROWS}
    assert after <= {code for _, code in AFTER_ROWS}
