"""The one table that says what a failure means, closed by default: what no row names is not believed.

Pure: an HTTP status with the complaint in its body, or an exception with "had the request left?", goes in,
and a verdict comes out. Sources: design 2.3, contract 2.1, 2.2 and 18.
"""

import http.client
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import requests
import urllib3.exceptions

from participants.realtimekit.envelopes import Complaint, Layer
from participants.realtimekit.errors import FailureKind

NOT_DELIVERED = FailureKind.NOT_DELIVERED
OUTCOME_UNKNOWN = FailureKind.OUTCOME_UNKNOWN
REFUSED = FailureKind.REFUSED
MISCONFIGURED = FailureKind.MISCONFIGURED
ABSENT = FailureKind.ABSENT


@dataclass(frozen=True)
class Verdict:
    """`text` is what to say when the other side said nothing."""

    kind: FailureKind
    code: str
    text: str


NOT_FOUND = Verdict(ABSENT, "not_found", "RealtimeKit knows no such thing")
ROUTE_UNKNOWN = Verdict(MISCONFIGURED, "route_unknown", "Cloudflare knows no such account, app or address")
TOKEN_INVALID = Verdict(MISCONFIGURED, "token_invalid", "The API token was not accepted")
RATE_LIMITED = Verdict(NOT_DELIVERED, "rate_limited", "Too many calls; RealtimeKit asks to wait")
UNREADABLE = Verdict(OUTCOME_UNKNOWN, "unreadable_answer", "The answer could not be read")
UNSUCCESSFUL = Verdict(OUTCOME_UNKNOWN, "unsuccessful_answer", "The answer says it was not successful")
LISTING_INCOMPLETE = Verdict(OUTCOME_UNKNOWN, "listing_incomplete", "The list could not be read to its end")
DEADLINE_EXCEEDED = Verdict(NOT_DELIVERED, "deadline_exceeded", "No time was left to ask RealtimeKit")
CREDENTIALS_MISSING = Verdict(
    MISCONFIGURED, "credentials_missing", "The account, the app or the API token is not set"
)

BY_STATUS: dict[int, Verdict] = {
    400: Verdict(REFUSED, "bad_request", "RealtimeKit did not accept the request"),
    401: TOKEN_INVALID,
    403: Verdict(MISCONFIGURED, "permission_missing", "The API token may not do this"),
    404: NOT_FOUND,
    407: Verdict(MISCONFIGURED, "proxy_refused", "The outbound proxy wants credentials"),
    408: Verdict(OUTCOME_UNKNOWN, "request_timeout", "RealtimeKit stopped waiting for the request"),
    409: Verdict(REFUSED, "conflict", "RealtimeKit sees a conflict with what it has"),
    410: NOT_FOUND,
    422: Verdict(REFUSED, "unprocessable", "RealtimeKit did not accept a value"),
    425: Verdict(OUTCOME_UNKNOWN, "too_early", "RealtimeKit was not ready for the request"),
    429: RATE_LIMITED,
}
BY_STATUS_CLASS: dict[int, Verdict] = {
    3: Verdict(MISCONFIGURED, "redirected", "The address answers with a redirect, which is not followed"),
    4: Verdict(REFUSED, "refused_other", "RealtimeKit did not accept the request"),
    5: Verdict(OUTCOME_UNKNOWN, "server_error", "RealtimeKit failed"),
}
BY_DEFAULT = Verdict(OUTCOME_UNKNOWN, "unexpected_status", "The answer has an unknown status")

# Codes of Cloudflare's edge; they count in a body of shape C only, whatever 4xx (or 200) carries them.
BY_EDGE_CODE: dict[int, Verdict] = {
    1015: RATE_LIMITED,
    6003: TOKEN_INVALID,
    6111: TOKEN_INVALID,
    7000: ROUTE_UNKNOWN,
    7003: ROUTE_UNKNOWN,
    9109: TOKEN_INVALID,
    10000: TOKEN_INVALID,
}
# Wording seen on the live service; the status around it is not documented (contract 2.2, 18 row 4).
BY_PHRASE: tuple[tuple[str, Verdict], ...] = (
    ("no preset found", Verdict(REFUSED, "preset_not_found", "RealtimeKit has no preset of that name")),
    ("no active session found", NOT_FOUND),
)

# Before the first byte left: what the chain of causes contains decides, first match wins.
BEFORE_DEPARTURE: tuple[tuple[tuple[type[BaseException], ...], Verdict], ...] = (
    (
        (urllib3.exceptions.ProxyError,),
        Verdict(NOT_DELIVERED, "proxy_failed", "The outbound proxy could not be used"),
    ),
    (
        (urllib3.exceptions.NameResolutionError, socket.gaierror),
        Verdict(NOT_DELIVERED, "name_lookup_failed", "The name of RealtimeKit's host could not be looked up"),
    ),
    (
        (urllib3.exceptions.SSLError, requests.exceptions.SSLError, ssl.SSLError),
        Verdict(NOT_DELIVERED, "tls_failed", "No trusted TLS connection could be made"),
    ),
    (
        (TimeoutError, urllib3.exceptions.ReadTimeoutError),
        Verdict(NOT_DELIVERED, "connect_timeout", "Connecting to RealtimeKit took too long"),
    ),
    (
        (ConnectionRefusedError,),
        Verdict(NOT_DELIVERED, "connection_refused", "RealtimeKit's host refused the connection"),
    ),
    (
        # Every complaint of requests and urllib3 about an address is a ValueError; so are some TLS errors above.
        (ValueError,),
        Verdict(MISCONFIGURED, "address_invalid", "The address of RealtimeKit or of the proxy is not usable"),
    ),
)
BEFORE_DEPARTURE_DEFAULT = Verdict(NOT_DELIVERED, "connection_failed", "RealtimeKit's host could not be reached")

AFTER_DEPARTURE: tuple[tuple[tuple[type[BaseException], ...], Verdict], ...] = (
    ((requests.exceptions.ContentDecodingError, urllib3.exceptions.DecodeError), UNREADABLE),
    (
        (TimeoutError, urllib3.exceptions.ReadTimeoutError),
        Verdict(OUTCOME_UNKNOWN, "read_timeout", "RealtimeKit did not answer in time"),
    ),
)
AFTER_DEPARTURE_DEFAULT = Verdict(OUTCOME_UNKNOWN, "connection_lost", "The connection was lost before the answer")

# Everything `requests`, urllib3 and the socket layer raise; nothing of ours is among them.
EXCHANGE_ERRORS: tuple[type[Exception], ...] = (
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)


def judge_answer(status: int, complaint: Complaint) -> Verdict:
    """What an answer outside 2xx means, or a 2xx with `success: false`."""
    message = complaint.message.lower()
    for phrase, verdict in BY_PHRASE:
        if phrase in message:
            return verdict
    from_edge = complaint.layer is Layer.EDGE
    if from_edge and status < 500 and complaint.code in BY_EDGE_CODE:
        return BY_EDGE_CODE[complaint.code]
    if 200 <= status < 300:
        mirrored = complaint.code if complaint.code is not None and 400 <= complaint.code < 600 else None
        return UNSUCCESSFUL if mirrored is None else _judge_status(mirrored)
    if status == 404 and from_edge and complaint.code != status:
        return ROUTE_UNKNOWN
    return _judge_status(status)


def judge_exception(error: BaseException, *, departed: bool) -> Verdict:
    """What a failed exchange means; `departed` says whether the first byte of the request could have left."""
    rows, default = (
        (AFTER_DEPARTURE, AFTER_DEPARTURE_DEFAULT) if departed else (BEFORE_DEPARTURE, BEFORE_DEPARTURE_DEFAULT)
    )
    chain = list(walk_causes(error))
    for types, verdict in rows:
        if any(isinstance(link, types) for link in chain):
            return verdict
    return default


def explain_exception(error: BaseException, verdict: Verdict) -> str:
    """The verdict's text with the operating system's own words, which name no secret, behind it."""
    details = [link.strerror for link in walk_causes(error) if isinstance(link, OSError) and link.strerror]
    return f"{verdict.text} ({details[-1]})" if details else verdict.text


def walk_causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything it wraps: causes, contexts, arguments, urllib3's `reason`."""
    waiting, seen = [error], set[int]()
    while waiting:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        wrapped = (link.__cause__, link.__context__, getattr(link, "reason", None), *link.args)
        waiting.extend(item for item in wrapped if isinstance(item, BaseException))


def _judge_status(status: int) -> Verdict:
    return BY_STATUS.get(status) or BY_STATUS_CLASS.get(status // 100) or BY_DEFAULT
