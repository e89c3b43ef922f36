"""Fetches the key that deliveries are signed with from its published address (contract 16.1), without credentials."""

from dataclasses import dataclass

import requests

from participants.realtimekit import failures
from participants.realtimekit.connections import exchange
from participants.realtimekit.envelopes import decode
from participants.realtimekit.errors import ERROR_OF_KIND, RealtimeKitError
from participants.realtimekit.failures import Verdict
from participants.realtimekit.redaction import redact
from participants.realtimekit.signature import PublicKey
from participants.realtimekit.transport import open_session

OPERATION = "webhook_key.get"
BODY_LIMIT = 64 * 1024
_NO_KEY = "The published document holds no RSA key"


@dataclass(frozen=True)
class KeySource:
    """Timeouts are in seconds: the first covers all addresses of the host, the second the whole answer."""

    url: str
    connect_timeout: float
    read_timeout: float

    def fetch(self) -> PublicKey:
        """The key published now. Asks once; redirects are not followed. Raises RealtimeKitError."""
        total = self.connect_timeout + self.read_timeout
        exchange.begin(connect_timeout=self.connect_timeout, read_timeout=self.read_timeout, total=total, fresh=False)
        timeout = (self.connect_timeout, self.read_timeout)
        failed: RealtimeKitError
        try:
            with (
                open_session(self.url, 1) as session,
                session.get(self.url, timeout=timeout, allow_redirects=False, stream=True) as response,
            ):
                return _read(response)
        except failures.EXCHANGE_ERRORS as error:
            verdict = failures.judge_exception(error, departed=exchange.departed)
            failed = _fail(verdict, failures.explain_exception(error, verdict))
        # Raised out here, so that it drags no request along.
        raise failed


def _read(response: requests.Response) -> PublicKey:
    if response.status_code != 200:
        verdict = failures.BY_STATUS.get(response.status_code) or failures.BY_STATUS_CLASS.get(
            response.status_code // 100, failures.BY_DEFAULT
        )
        raise _fail(verdict, f"The address of the key answered {response.status_code}", response.status_code)
    body = bytearray()
    for chunk in response.iter_content(16 * 1024):
        body += chunk
        if len(body) > BODY_LIMIT:
            raise _fail(failures.UNREADABLE, "The document of the key is too long", 200)
    try:
        return PublicKey.of(_find_pem(decode(bytes(body))))
    except ValueError:
        raise _fail(failures.UNREADABLE, _NO_KEY, 200) from None


def _find_pem(decoded: object) -> str:
    """In ``data.publicKey``; a document without its envelope is understood too. Raises ValueError."""
    holder = decoded.get("data") if isinstance(decoded, dict) and "data" in decoded else decoded
    if isinstance(holder, dict):
        for name in ("publicKey", "public_key"):
            if isinstance(pem := holder.get(name), str):
                return pem
    raise ValueError(_NO_KEY)


def _fail(verdict: Verdict, text: str, status: int | None = None) -> RealtimeKitError:
    return ERROR_OF_KIND[verdict.kind](OPERATION, verdict.code, redact(text or verdict.text), status=status)
