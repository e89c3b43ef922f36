"""One pooled session towards RealtimeKit: auth, time limits, envelopes, repeats, failures, log lines."""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from random import Random
from typing import TypeVar
from urllib.parse import quote, urlsplit

import requests
from requests.auth import AuthBase
from requests.cookies import RequestsCookieJar
from requests.utils import get_environ_proxies

from participants.realtimekit import failures
from participants.realtimekit.calls import Answer, Attempt, Call, Credentials
from participants.realtimekit.connections import BoundedAdapter, exchange
from participants.realtimekit.deadlines import Deadline
from participants.realtimekit.envelopes import (
    Envelope,
    UnreadableError,
    claims_failure,
    decode,
    open_envelope,
    read_complaint,
)
from participants.realtimekit.errors import ERROR_OF_KIND, FailureKind, RealtimeKitError
from participants.realtimekit.failures import Verdict
from participants.realtimekit.redaction import redact
from participants.realtimekit.retry import Repeat, choose_wait
from participants.realtimekit.waits import read_retry_after

logger = logging.getLogger("participants.realtimekit")

T = TypeVar("T")
BeforeCall = Callable[[str, Deadline], None]
AfterCall = Callable[[str, RealtimeKitError | None], None]
OnAttempt = Callable[[Attempt], None]
USER_AGENT = "Rollcall/0.1.0"
DEFAULT_BUDGET = 30.0
BODY_LIMIT = 16 * 1024 * 1024
CHUNK = 64 * 1024
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class _BearerAuth(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: a redirect is never followed, so the API token cannot be led elsewhere."""
        return None


class Transport:
    """Safe to share between threads. See `RealtimeKit` for the arguments."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        connect_timeout: float,
        read_timeout: float,
        before_call: BeforeCall | None,
        after_call: AfterCall | None,
        on_attempt: OnAttempt | None,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        random: Random,
        pool_size: int,
    ) -> None:
        self._credentials = credentials
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._before_call = before_call
        self._after_call = after_call
        self._on_attempt = on_attempt
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._pool_size = pool_size
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._session_pid = 0

    def close(self) -> None:
        with self._lock:
            if self._session is not None:
                self._session.close()
            self._session = None

    def start_deadline(self, deadline: Deadline | None) -> Deadline:
        """The caller's deadline, or one of 30 s from now."""
        return deadline or Deadline.after(DEFAULT_BUDGET, clock=self._clock)

    def perform(self, call: Call, parse: Callable[[Envelope], T], *, deadline: Deadline | None = None) -> T:
        """Send the call, repeat it as its policy allows, and parse the answer. Raises RealtimeKitError."""
        deadline = self.start_deadline(deadline)
        attempt = 1
        while True:
            outcome = self._attempt(call, parse, deadline, attempt)
            if not isinstance(outcome, RealtimeKitError):
                return outcome
            wait = choose_wait(
                call.repeat,
                outcome.kind,
                attempt=attempt,
                retry_after=outcome.retry_after,
                remaining=deadline.remaining(),
                random=self._random,
            )
            # A fresh connection may take that long.
            enough = deadline.remaining() > self._connect_timeout
            if wait is None and attempt == 1 and enough and _met_closed_connection(call, outcome):
                wait = 0.0
            if wait is None:
                raise outcome
            self._sleep(wait)
            attempt += 1

    def fail(
        self, operation: str, verdict: Verdict, text: str = "", answer: Answer | None = None
    ) -> RealtimeKitError:
        """The error of a verdict, redacted. Returned, not raised, so that it never drags a context along."""
        headers = answer.headers if answer else {}
        return ERROR_OF_KIND[verdict.kind](
            operation,
            verdict.code,
            redact(text or verdict.text, self._credentials.api_token),
            status=answer.status if answer else None,
            retry_after=read_retry_after(headers),
            cf_ray=_read_ray(headers),
        )

    def _attempt(
        self, call: Call, parse: Callable[[Envelope], T], deadline: Deadline, attempt: int
    ) -> T | RealtimeKitError:
        problem = self._find_problem()
        if problem is not None:
            return self.fail(call.operation, problem)
        if not deadline.expired and self._before_call is not None:
            self._before_call(call.operation, deadline)
        remaining = deadline.remaining()
        if remaining <= 0:
            return self.fail(call.operation, failures.DEADLINE_EXCEEDED)
        started = time.monotonic()
        answer = self._exchange(call, remaining)
        outcome = answer if isinstance(answer, RealtimeKitError) else self._read(call, parse, answer)
        self._tell(call, _describe(call, outcome, answer, time.monotonic() - started, attempt))
        if self._after_call is not None:
            self._after_call(call.operation, outcome if isinstance(outcome, RealtimeKitError) else None)
        return outcome

    def _find_problem(self) -> Verdict | None:
        known = self._credentials
        if not (known.base_url and known.account_id and known.app_id and known.api_token):
            return failures.CREDENTIALS_MISSING
        token = known.api_token
        if not (token.isascii() and token.isprintable() and " " not in token):
            return failures.TOKEN_INVALID
        return None

    def _exchange(self, call: Call, remaining: float) -> Answer | RealtimeKitError:
        exchange.begin(
            connect_timeout=self._connect_timeout,
            read_timeout=self._read_timeout,
            total=remaining,
            fresh=call.repeat is Repeat.ONCE_IF_NOT_DELIVERED,
        )
        try:
            with self._take_session().request(
                call.method,
                self._build_url(call),
                params=dict(call.query),
                json=call.body,
                auth=_BearerAuth(self._credentials.api_token),
                timeout=(min(self._connect_timeout, remaining), min(self._read_timeout, remaining)),
                allow_redirects=False,
                stream=True,
            ) as response:
                return Answer(response.status_code, response.reason or "", response.headers, _read_body(response))
        except failures.EXCHANGE_ERRORS as error:
            verdict = failures.judge_exception(error, departed=exchange.departed)
            text = failures.explain_exception(error, verdict)
        return self.fail(call.operation, verdict, text)

    def _read(self, call: Call, parse: Callable[[Envelope], T], answer: Answer) -> T | RealtimeKitError:
        decoded = decode(answer.body)
        if not 200 <= answer.status < 300 or claims_failure(decoded):
            complaint = read_complaint(decoded, answer.reason)
            verdict = failures.judge_answer(answer.status, complaint)
            return self.fail(call.operation, verdict, complaint.message, answer)
        try:
            if not call.needs_data and answer.status == 204:
                return parse(Envelope(None))
            return parse(open_envelope(decoded, needs_data=call.needs_data))
        except UnreadableError as error:
            text = f"{failures.UNREADABLE.text}: {error}"
        return self.fail(call.operation, failures.UNREADABLE, text, answer)

    def _build_url(self, call: Call) -> str:
        known = self._credentials
        ids = {"account_id": known.account_id, "app_id": known.app_id, **call.ids}
        path = call.path.format_map({name: quote(value, safe="") for name, value in ids.items()})
        return known.base_url.rstrip("/") + path

    def _take_session(self) -> requests.Session:
        # Sockets shared across a fork would mix up two processes' answers, so a child starts its own session.
        with self._lock:
            if self._session is None or self._session_pid != os.getpid():
                self._session = open_session(self._credentials.base_url, self._pool_size)
                self._session_pid = os.getpid()
            return self._session

    def _tell(self, call: Call, attempt: Attempt) -> None:
        # Absent is an everyday answer: nobody to kick, no session to end.
        logger.log(
            logging.INFO if attempt.outcome in _EVERYDAY else logging.WARNING,
            "%s %s %s status=%s result=%s cf-ray=%s ms=%d attempt=%d",
            call.operation,
            call.method,
            call.path,
            attempt.status or "-",
            attempt.code,
            attempt.cf_ray or "-",
            attempt.seconds * 1000,
            attempt.number,
            extra={
                "operation": attempt.operation,
                "outcome": attempt.code,
                "status": attempt.status,
                "cf_ray": attempt.cf_ray,
                "ms": round(attempt.seconds * 1000, 1),
                "attempt": attempt.number,
            },
        )
        if self._on_attempt is not None:
            self._on_attempt(attempt)


_EVERYDAY = frozenset({"ok", FailureKind.ABSENT.value})


def _describe(call: Call, outcome: object, answer: Answer | RealtimeKitError, seconds: float, number: int) -> Attempt:
    error = outcome if isinstance(outcome, RealtimeKitError) else None
    return Attempt(
        operation=call.operation,
        outcome=error.kind.value if error else "ok",
        code=error.code if error else "ok",
        status=answer.status,
        cf_ray=answer.cf_ray if isinstance(answer, RealtimeKitError) else _read_ray(answer.headers),
        seconds=seconds,
        number=number,
    )


def _met_closed_connection(call: Call, error: RealtimeKitError) -> bool:
    """Whether an idle connection was closed just as we used it again; not so for what must not be made twice."""
    return call.repeat is Repeat.IF_NOT_DELIVERED and error.code == "connection_lost" and exchange.reused


def open_session(base_url: str, pool_size: int) -> requests.Session:
    session = _Session()
    adapter = BoundedAdapter(pool_connections=2, pool_maxsize=pool_size)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json"})
    session.cookies = RequestsCookieJar(DefaultCookiePolicy(allowed_domains=[]))
    # The environment is read once, and without .netrc, whose entry for the host would replace our
    # Authorization. A sandbox on this machine is not looked for behind a proxy meant for the world.
    session.trust_env = False
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    if _read_host(base_url) not in LOOPBACK:
        session.proxies.update(get_environ_proxies(base_url))
    return session


def _read_host(base_url: str) -> str | None:
    try:
        return urlsplit(base_url).hostname
    except ValueError:
        return None


def _read_body(response: requests.Response) -> bytes | None:
    body = bytearray()
    for chunk in response.iter_content(CHUNK):
        body += chunk
        if len(body) > BODY_LIMIT:
            return None
    return bytes(body)


def _read_ray(headers: Mapping[str, str]) -> str | None:
    return redact(headers.get("cf-ray", ""))[:64] or None
