"""Participant tokens: RS256 JWTs with the claims the web SDK reads (contract 17.1), and the keys that sign."""

import base64
import binascii
import functools
import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from participants.sandbox.answers import Json

KEY_BITS = 2048
# The only ASCII characters whose base64 can hold '-' or '_' (as the last of three bytes). The SDK decodes with atob,
# which knows neither, so they are written as JSON escapes.
ATOB_HOSTILE = ">?~\x7f"


class BadTokenError(ValueError):
    """Not a token, or not signed by this sandbox."""


@dataclass(frozen=True)
class Claims:
    meeting_id: str
    participant_id: str
    expires_at: float | None


class SigningKey:
    """An RSA key: signs tokens, and (a second one) webhook deliveries."""

    def __init__(self, private: rsa.RSAPrivateKey) -> None:
        self._private = private

    @classmethod
    def generate(cls) -> "SigningKey":
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS))

    @classmethod
    def from_pem(cls, pem: str) -> "SigningKey":
        private = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(private, rsa.RSAPrivateKey):
            raise TypeError("the state file holds a key that is not RSA")
        return cls(private)

    @property
    def private_pem(self) -> str:
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    @property
    def public_pem(self) -> str:
        """SubjectPublicKeyInfo, as `/.well-known/webhooks.json` gives it (contract 16.1)."""
        return (
            self._private.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    def sign(self, content: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256."""
        return self._private.sign(content, padding.PKCS1v15(), hashes.SHA256())

    def verify(self, signature: bytes, content: bytes) -> bool:
        try:
            self._private.public_key().verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True


@functools.cache
def shared_key(purpose: str) -> SigningKey:
    """One key per purpose and process for sandboxes without a state file: making one costs 60 ms and more."""
    del purpose
    return SigningKey.generate()


def issue(
    key: SigningKey,
    *,
    app_id: str,
    meeting_id: str,
    participant_id: str,
    now: datetime,
    lifetime: timedelta | None,
) -> str:
    """A new token; without a lifetime it has no `exp`."""
    claims: Json = {"orgId": app_id, "meetingId": meeting_id, "participantId": participant_id}
    claims["iat"] = int(now.timestamp())
    if lifetime is not None:
        claims["exp"] = int((now + lifetime).timestamp())
    claims["jti"] = uuid.uuid4().hex
    signed = f"{_encode_json({'alg': 'RS256', 'typ': 'JWT'})}.{_encode_json(claims)}"
    return f"{signed}.{_encode(key.sign(signed.encode()))}"


def read(key: SigningKey, token: str) -> Claims:
    """Checks the signature, not the expiry. Raises BadTokenError."""
    signed, _, signature = token.rpartition(".")
    _, _, payload = signed.partition(".")
    try:
        genuine = key.verify(_decode(signature), signed.encode())
        claims = json.loads(_decode(payload)) if genuine else {}
        return Claims(claims["meetingId"], claims["participantId"], claims.get("exp"))
    except (binascii.Error, ValueError, KeyError) as unreadable:
        raise BadTokenError("not a token of this sandbox") from unreadable


def _encode_json(claims: Json) -> str:
    text = json.dumps(claims, separators=(",", ":"))
    for character in ATOB_HOSTILE:
        text = text.replace(character, f"\\u{ord(character):04x}")
    return _encode(text.encode())


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
