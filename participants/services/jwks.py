"""The public keys of the customer's identity provider, fetched from its JWKS address.

They are kept for an hour. A key id that is not among them has them fetched again, once a minute at most, whatever
callers send; a provider that can't be reached leaves the keys we have in use. Of a key that is not among them nothing
can be said then.
"""

import json
import logging
import time
from hashlib import sha256
from threading import Lock
from typing import Any

import requests
from django.core.cache import cache

from participants.errors import IdentityProviderAway

logger = logging.getLogger(__name__)
Keys = list[dict[str, Any]]

KEPT = 3600
AGAIN = 60
_AGAIN_WITHOUT_ANY = 5
_SECONDS = 5.0
_PATIENCE = 2.0
_BYTES = 256 * 1024
_KINDS = ("RSA", "EC", "OKP")
_fetching = Lock()


def find_keys(url: str, kid: str | None) -> Keys:
    """The signing keys of that id; without an id, all of them.

    Raises IdentityProviderAway when none are known, or not this one while the provider can't be asked.
    """
    keys = _read(url)
    if keys is None or (kid is not None and not _choose(keys, kid)):
        keys = _fetch_in_turn(url, keys)
    if keys is None:
        raise IdentityProviderAway(retry_after=_AGAIN_WITHOUT_ANY)
    found = _choose(keys, kid)
    if not found and cache.get(_name(url, "away")):
        raise IdentityProviderAway(retry_after=AGAIN)  # it may well have a new key: nobody can tell
    return found


def _choose(keys: Keys, kid: str | None) -> Keys:
    return [key for key in keys if kid is None or key.get("kid") == kid]


def _fetch_in_turn(url: str, known: Keys | None) -> Keys | None:
    """One thread of a process fetches. Others wait for it only while no key at all is known."""
    if not _fetching.acquire(timeout=_PATIENCE if known is None else 0):
        return known
    try:
        if known is None and (found := _read(url)) is not None:
            return found
        if not cache.add(_name(url, "asked"), 1, timeout=_AGAIN_WITHOUT_ANY if known is None else AGAIN):
            return known
        fetched = _fetch(url)
        if fetched is None:
            cache.set(_name(url, "away"), 1, timeout=AGAIN)
            return known
        cache.delete(_name(url, "away"))
        cache.set(_name(url, "asked"), 1, timeout=AGAIN)
        cache.set(_name(url, "keys"), fetched, timeout=KEPT)
        return fetched
    finally:
        _fetching.release()


def _fetch(url: str) -> Keys | None:
    try:
        keys = json.loads(_download(url))["keys"]
        return [key for key in keys if key.get("kty") in _KINDS and key.get("use", "sig") == "sig"]
    except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        logger.warning("The keys of the identity provider could not be fetched: %s", type(error).__name__)
        return None


def _download(url: str) -> bytes:
    """At most 256 KB within 5 s. A redirect is not followed: the address is the customer's own setting."""
    end, body = time.monotonic() + _SECONDS, b""
    headers = {"Accept": "application/jwk-set+json, application/json"}
    with requests.get(url, timeout=3, stream=True, allow_redirects=False, headers=headers) as answer:
        if answer.status_code != 200:
            raise ValueError(answer.status_code)
        for chunk in answer.iter_content(8192):
            body += chunk
            if len(body) > _BYTES or time.monotonic() > end:
                raise ValueError("too large or too slow")
    return body


def _read(url: str) -> Keys | None:
    found: Keys | None = cache.get(_name(url, "keys"))
    return found


def _name(url: str, what: str) -> str:
    return f"jwks:{what}:{sha256(url.encode()).hexdigest()[:32]}"
