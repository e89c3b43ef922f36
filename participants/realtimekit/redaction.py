"""Keeps secrets out of messages and stored payloads: tokens, stream keys, signed URLs."""

import math
import re

REDACTED = "[redacted]"
MESSAGE_LIMIT = 300
DEPTH_LIMIT = 40

_JWT = re.compile(r"eyJ[A-Za-z0-9_\-+/=.%]*")
_AUTHORIZATION = re.compile(r"\b(bearer|basic)\s+[^\s\"',;]+", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
# PostgreSQL stores neither NUL nor a lone surrogate, and JSON can carry both.
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_SECRET_KEYS = frozenset(
    {
        "token",
        "authtoken",
        "accesstoken",
        "refreshtoken",
        "apitoken",
        "authorization",
        "streamkey",
        "secret",
        "password",
        "accesskey",
        "privatekey",
    }
)


def redact(text: str, secret: str = "") -> str:
    """One printable line of at most 300 characters without `secret`, bearer values or anything JWT-like."""
    if secret:
        text = text.replace(secret, REDACTED)
    text = _JWT.sub(REDACTED, text)
    text = _AUTHORIZATION.sub(rf"\1 {REDACTED}", text)
    text = " ".join(_UNPRINTABLE.sub(" ", text).split())
    return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"


def clean(text: str) -> str:
    """The text without characters a database refuses."""
    return _UNSTORABLE.sub("", text)


def scrub(value: object, depth: int = 0) -> object:
    """A copy of decoded JSON that is safe to store: secret fields dropped at any depth, JWTs replaced."""
    if depth > DEPTH_LIMIT:
        return None
    if isinstance(value, dict):
        return {clean(str(key)): scrub(item, depth + 1) for key, item in value.items() if not _is_secret(str(key))}
    if isinstance(value, list):
        return [scrub(item, depth + 1) for item in value]
    if isinstance(value, str):
        return _JWT.sub(REDACTED, clean(value))
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _is_secret(key: str) -> bool:
    name = re.sub(r"[^a-z]", "", key.lower())
    return name in _SECRET_KEYS or name.endswith("downloadurl")
