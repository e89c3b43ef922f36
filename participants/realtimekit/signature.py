"""Who signed a delivery: RSA PKCS#1 v1.5 with SHA-256 over the raw bytes (contract 16.1)."""

import base64
import binascii
import functools
import hashlib
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

FEWEST_BITS = 2048
LONGEST = 2_048
"""Characters of a signature: a key of 12,000 bits would not fill them."""


@dataclass(frozen=True)
class Signature:
    content: bytes

    @classmethod
    def of(cls, text: str) -> Self | None:
        """None for what is not strict base64: there is one spelling of each signature."""
        if not text or len(text) > LONGEST:
            return None
        try:
            content = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return None
        return cls(content) if base64.b64encode(content).decode() == text else None


@dataclass(frozen=True)
class PublicKey:
    """``pem`` is a SubjectPublicKeyInfo; ``fingerprint`` the SHA-256 of its DER, in hex."""

    pem: str
    fingerprint: str

    @classmethod
    def of(cls, pem: str) -> Self:
        """Newlines may be written as a backslash and an n. Raises ValueError for what is no RSA key of 2048 bits."""
        key = _load(pem.replace("\\n", "\n").strip())
        spelled = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls(spelled, hashlib.sha256(der).hexdigest())

    def verifies(self, signature: Signature, content: bytes) -> bool:
        try:
            _load(self.pem).verify(signature.content, content, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True


@functools.lru_cache(maxsize=32)
def _load(pem: str) -> RSAPublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("this is not a public key in PEM") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < FEWEST_BITS:
        raise ValueError(f"this is not an RSA key of {FEWEST_BITS} bits or more")
    return key
