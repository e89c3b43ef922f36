"""The encrypted text column (design 2.7)."""

import logging
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.db import models

from participants import conf

logger = logging.getLogger(__name__)


if TYPE_CHECKING:
    _TextField = models.TextField[Any, Any]
else:
    _TextField = models.TextField  # generic only in the stubs


class EncryptedTextField(_TextField):
    """Holds Fernet ciphertext; reading an attribute decrypts, writing encrypts.

    The first key of ``TOKEN_ENCRYPTION_KEYS`` encrypts, all decrypt. What no key decrypts reads as None,
    never as ciphertext: the token counts as absent and is fetched anew. Lookups other than null are refused,
    since equal texts have different ciphertexts.
    """

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return None if value is None else decrypt(value)

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else encrypt(str(value))

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None


def encrypt(text: str) -> str:
    return _load_keys().encrypt(text.encode()).decode()


def decrypt(ciphertext: str) -> str | None:
    try:
        return _load_keys().decrypt(ciphertext.encode()).decode()
    except InvalidToken:
        logger.warning("A stored token can't be decrypted with any of TOKEN_ENCRYPTION_KEYS.")
        return None


def rotate(ciphertext: str) -> str | None:
    """The same text under the first key, or None when no key decrypts it."""
    try:
        return _load_keys().rotate(ciphertext.encode()).decode()
    except InvalidToken:
        return None


def is_current(ciphertext: str) -> bool:
    """Whether the first key alone decrypts it."""
    try:
        Fernet(conf.read_encryption_keys()[0]).decrypt(ciphertext.encode())
    except InvalidToken:
        return False
    return True


def _load_keys() -> MultiFernet:
    keys = tuple(conf.read_encryption_keys())
    if keys not in _loaded:
        _loaded.clear()
        _loaded[keys] = MultiFernet([Fernet(key) for key in keys])
    return _loaded[keys]


_loaded: dict[tuple[str, ...], MultiFernet] = {}
