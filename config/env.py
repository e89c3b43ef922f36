"""Typed readers over django-environ: a wrong value is a clear error when the process starts.

Every name may also be given as ``NAME_FILE``, the path of a mounted secret.
"""

import os
import re
from collections.abc import Callable, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import environ
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

env = environ.FileAwareEnv()
_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off", ""}
_ENGINES = {"database": "django_tasks_db.DatabaseBackend", "rq": "django_tasks_rq.RQBackend"}
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def read_text(name: str, default: str = "") -> str:
    """The value as it stands: ``env.str`` would take a secret that begins with $ for another variable's name."""
    try:
        text = str(env.ENVIRON.get(name, ""))
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}_FILE can't be read: {error}") from None
    return text.strip() or default


def read_list(name: str) -> list[str]:
    return [item.strip() for item in read_text(name).split(",") if item.strip()]


def read_flag(name: str, *, default: bool) -> bool:
    def parse(text: str) -> bool:
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise ValueError

    return _read(name, default, parse, "true or false")


def read_seconds(name: str, *, default: float) -> float:
    def parse(text: str) -> float:
        if 0 < (value := float(text)) < 10**9:
            return value
        raise ValueError

    return _read(name, default, parse, "a number of seconds greater than 0")


def read_count(name: str, *, default: int, minimum: int = 1) -> int:
    def parse(text: str) -> int:
        if (value := int(text)) >= minimum:
            return value
        raise ValueError

    return _read(name, default, parse, f"a whole number of at least {minimum}")


def read_threads(name: str, *, arguments: Sequence[str], default: int) -> int:
    """Threads of one server process: as set, else as its own command line says, else the default.

    granian, gunicorn and waitress call the option ``--blocking-threads`` or ``--threads``; their worker processes
    carry the same command line.
    """
    found = re.search(r"--(?:blocking-)?threads[= ](\d+)(?: |$)", " ".join(arguments))
    return read_count(name, default=max(2, int(found[1])) if found else default, minimum=2)


def read_rate(name: str, *, default: tuple[int, int]) -> tuple[int, int]:
    """``300/min`` as (300, 60): a count and a window in seconds."""
    units = {"s": 1, "sec": 1, "min": 60, "m": 60, "hour": 3600, "h": 3600, "day": 86400, "d": 86400}

    def parse(text: str) -> tuple[int, int]:
        count, unit = text.split("/")
        if int(count) < 1:
            raise ValueError
        return int(count), units[unit.strip().lower()]

    return _read(name, default, parse, "a rate such as 300/min (s, min, hour or day)")


def read_budget(name: str, *, default: tuple[int, int]) -> tuple[int, int]:
    """``3000/300`` as (3000, 300): calls in any window of so many seconds."""

    def parse(text: str) -> tuple[int, int]:
        calls, seconds = (int(part) for part in text.split("/"))
        if calls >= 10 and 1 <= seconds <= 86400:
            return calls, seconds
        raise ValueError

    return _read(name, default, parse, "calls/seconds such as 3000/300, at least 10 calls in 1 to 86400 seconds")


def read_choice(name: str, *, default: str, choices: Sequence[str]) -> str:
    """One of a few words, in any case."""

    def parse(text: str) -> str:
        if (choice := text.lower()) in choices:
            return choice
        raise ValueError

    return _read(name, default, parse, " or ".join(choices))


def read_level(name: str, *, default: str) -> str:
    """A level of the logging module, upper or lower case."""

    def parse(text: str) -> str:
        if (level := text.upper()) in _LEVELS:
            return level
        raise ValueError

    return _read(name, default, parse, f"one of {', '.join(_LEVELS)}")


def read_url(name: str, *, default: str, query: bool = False) -> str:
    """``query``: may have one, and is kept to the letter."""

    def parse(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme in {"http", "https"} and parts.hostname and not parts.fragment and (query or not parts.query):
            return text if query else text.rstrip("/")
        raise ValueError

    return _read(name, default, parse, f"an http or https address{'' if query else ' without a query'}")


def read_dsn(name: str) -> str:
    """Where reports of errors go: an address with a key before the host. Never quoted: the key is in it."""
    text = read_text(name)
    if text and not re.fullmatch(r"https?://[^/@\s]+@[^/@\s]+/\S+", text):
        raise ImproperlyConfigured(f"{name} must be an address such as https://key@errors.example.org/1.")
    return text


def read_algorithms(name: str, *, default: list[str]) -> list[str]:
    """Signatures by a key pair alone: with a shared secret whoever checks tokens could make them."""
    for algorithm in (given := read_list(name)):
        if algorithm not in _ALGORITHMS:
            raise _complain(name, f"a comma-separated list of {', '.join(_ALGORITHMS)}", algorithm)
    return given or default


def read_origins(name: str) -> list[str]:
    for origin in (origins := read_list(name)):
        if not re.fullmatch(r"https?://[^/\s]+", origin):
            raise _complain(name, "a comma-separated list of origins such as https://app.example.org", origin)
    return origins


def read_public_key(name: str, *, any_kind: bool = False) -> str:
    """A PEM, whose newlines may be written as a backslash and an n, as some secret stores want it.

    RSA of 2048 bits or more; with ``any_kind`` any other key too, whose strength its own kind decides.
    """
    text = read_text(name).replace("\\n", "\n")
    try:
        key = load_pem_public_key(text.encode()) if text else None
        usable = key is None or (key.key_size >= 2048 if isinstance(key, RSAPublicKey) else any_kind)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        usable = False
    if not usable:
        kind = (
            "a public key, RSA of 2048 bits or more or another kind,"
            if any_kind
            else "an RSA public key of 2048 bits or more"
        )
        # Not quoted: somebody may have given the private one.
        raise ImproperlyConfigured(f"{name} must be {kind} in PEM (-----BEGIN PUBLIC KEY----- …).")
    return text


def read_fernet_keys(name: str) -> list[str]:
    for position, key in enumerate(keys := read_list(name), start=1):
        try:
            Fernet(key)
        except ValueError:
            raise ImproperlyConfigured(
                f"{name}: key {position} is not a Fernet key. Make one with: python -c "
                "'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
            ) from None
    return keys


def read_networks(name: str) -> list[Any]:
    try:
        return [ip_network(item, strict=False) for item in read_list(name)]
    except ValueError as error:
        raise _complain(name, "a comma-separated list of addresses or networks", str(error)) from None


_LASTING = ("worker", "runserver")


def read_shared_folder(name: str, *, arguments: Sequence[str]) -> str:
    """The folder where prometheus_client, which reads the same variable, keeps the numbers of processes; or blank.

    Made if it is not there. Files of processes stay in it, so a command that soon ends has its variable taken away.
    So has everybody where it is blank: the package takes that for the folder the process was started in.
    """
    text = read_text(name)
    os.environ.pop(name.lower(), None)  # which the package reads as well
    if not text:
        os.environ.pop(name, None)
        return ""
    if not Path(text).is_absolute():
        raise _complain(name, "the full path of a folder, one that begins with /", text)
    try:
        Path(text).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _complain(name, "a folder that can be written to", str(error)) from None
    is_command = Path(arguments[0] if arguments else "").name == "manage.py"
    if is_command and not set(arguments[1:2]) & set(_LASTING) and not any("--every" in each for each in arguments):
        os.environ.pop(name, None)
    else:
        os.environ[name] = text  # as it was read: from a file, or without blanks around it
    return text


def read_database(name: str, *, default: Path) -> dict[str, Any]:
    text = read_text(name)
    if not text:
        default.parent.mkdir(parents=True, exist_ok=True)
        text = f"sqlite:///{default}"
    if not re.match(r"(sqlite|postgres|postgresql)://", text):
        raise ImproperlyConfigured(f"{name} must be a sqlite:/// or postgres:// address.")
    try:
        database = dict(environ.Env.db_url_config(text))
    except ValueError as error:  # which names the port or the host, never the password
        raise ImproperlyConfigured(f"{name} can't be read: {error}") from None
    if database.get("HOST"):
        database["HOST"] = unquote(database["HOST"])  # %2Frun%2Fpostgresql is a socket's folder
    return database


def read_cache(name: str) -> dict[str, Any]:
    location = read_valkey(name)
    if not location:
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "rollcall"}
    return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": location}


def read_valkey(name: str, *, default: str = "") -> str:
    """The address of a Valkey or Redis server, as the redis package spells it; blank when there is none."""
    text = read_text(name)
    if text and not re.match(r"(redis|rediss|valkey|valkeys|unix)://", text):
        raise ImproperlyConfigured(f"{name} must be a redis://, rediss://, valkey:// or unix:// address.")
    return re.sub(r"^valkey", "redis", text) or default


def read_tasks(name: str, *, address: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The engine's name, Django's TASKS and RQ's queues. ``address`` is of the server that RQ's queues lie on."""

    def parse(text: str) -> str:
        if text in _ENGINES:
            return text
        raise ValueError

    engine = _read(name, "database", parse, " or ".join(_ENGINES))
    if engine == "rq" and not address:
        raise ImproperlyConfigured(
            f"{name}=rq needs TASKS_URL (or CACHE_URL), the address of a Valkey or Redis server."
        )
    # A queue that does not answer must not keep anybody waiting: what it would have told is found in the rows.
    limits = {"socket_timeout": 1, "socket_connect_timeout": 1}
    queue = {"URL": address, "DEFAULT_TIMEOUT": 600, "REDIS_CLIENT_KWARGS": limits}
    queues = {"default": queue} if engine == "rq" else {}
    return engine, {"default": {"BACKEND": _ENGINES[engine], "QUEUES": ["default"]}}, queues


_MAIL_SCHEMES = "smtp|smtps|smtp\\+tls|smtp\\+ssl|consolemail|filemail|memorymail"


def read_mail(name: str) -> dict[str, Any]:
    """Django's mail settings from one address, such as ``smtp+tls://user:password@mail.example.org:587``.

    Without one, mail goes nowhere.
    """
    return parse_mail(name, read_text(name) or "dummymail://")


def parse_mail(name: str, text: str) -> dict[str, Any]:
    if text != "dummymail://" and not re.match(rf"({_MAIL_SCHEMES})://", text):
        raise ImproperlyConfigured(
            f"{name} must be an smtp://, smtp+tls://, smtp+ssl://, consolemail:// or filemail:// address."
        )
    try:
        found = environ.Env.email_url_config(text)
    except (ValueError, KeyError) as error:  # names the port, never the password
        raise ImproperlyConfigured(f"{name} can't be read: {error}") from None
    if text.startswith("smtp") and not found["EMAIL_HOST"]:
        raise ImproperlyConfigured(f"{name} must name the mail server, as in smtp://mail.example.org:587.")
    # The package drops the first slash of the folder's path.
    folder = unquote(urlsplit(text).path) if text.startswith("filemail:") else ""
    return {"EMAIL_USE_TLS": False, "EMAIL_USE_SSL": False, **found, "EMAIL_FILE_PATH": folder}


def _read(name: str, default: T, parse: Callable[[str], T], expected: str) -> T:
    text = read_text(name)
    if not text:
        return default
    try:
        return parse(text)
    except (ValueError, KeyError):
        raise _complain(name, expected, text) from None


def _complain(name: str, expected: str, got: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name} must be {expected}, not {got!r}.")
