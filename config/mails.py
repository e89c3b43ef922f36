"""How mail leaves, in the settings of the Django that runs: ``MAILERS`` from 6.1 on, ``EMAIL_*`` before."""

from collections.abc import Mapping
from typing import Any

import django

_HAS_MAILERS = django.VERSION >= (6, 1)
"""From then on Django warns of each ``EMAIL_*``, and refuses them beside ``MAILERS``."""
_SMTP = {
    "host": "EMAIL_HOST",
    "port": "EMAIL_PORT",
    "username": "EMAIL_HOST_USER",
    "password": "EMAIL_HOST_PASSWORD",
    "use_tls": "EMAIL_USE_TLS",
    "use_ssl": "EMAIL_USE_SSL",
    "timeout": "EMAIL_TIMEOUT",
}
_OPTIONS = {"smtp": _SMTP, "filebased": {"file_path": "EMAIL_FILE_PATH"}}
_DEFAULTS = {"EMAIL_HOST": "localhost", "EMAIL_PORT": 25, "EMAIL_HOST_USER": "", "EMAIL_HOST_PASSWORD": ""}


def list_settings(found: Mapping[str, Any], *, timeout: float) -> dict[str, Any]:
    """``found`` as ``env.read_mail`` gives it; ``timeout`` in seconds, for each step with the mail server."""
    old = {**found, **{name: found.get(name) or value for name, value in _DEFAULTS.items()}, "EMAIL_TIMEOUT": timeout}
    if not _HAS_MAILERS:
        return old
    engine = str(old["EMAIL_BACKEND"])
    names = _OPTIONS.get(engine.split(".")[-2], {})
    return {"MAILERS": {"default": {"BACKEND": engine, "OPTIONS": {name: old[of] for name, of in names.items()}}}}
