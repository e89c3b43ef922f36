"""Log filters: whom a line is about, and a last net for secrets. And the shape of lines for machines."""

import logging
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from pythonjsonlogger.json import JsonFormatter

request_id: ContextVar[str] = ContextVar("request_id", default="-")
describe: ContextVar[Callable[[], Mapping[str, Any]]] = ContextVar("describe", default=dict)
"""What is known of the request or row in hand: some of FIELDS. Asked when a line is written."""
FIELDS = (
    *("request_id", "user", "key", "participant", "meeting"),
    *("method", "route", "status", "caller", "verdict", "cache"),
    *("operation", "outcome", "attempt", "cf_ray", "ms"),
)
"""All that a line for machines holds beside time, level, logger, message and error. Nothing else gets in: Django, for
one, gives its lines the whole request."""
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{5,}(\.[A-Za-z0-9_-]*){0,2}|rck_[A-Za-z0-9_-]{20,}")
_LINK = re.compile(r"rci_[A-Za-z0-9_-]{5,}")


class RequestIdFilter(logging.Filter):
    """Puts the request's id on the record, and what else is known of whom the line is about."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        for name, value in describe.get()().items():
            record.__dict__.setdefault(name, value)
        return True


class SecretsFilter(logging.Filter):
    """Masks tokens, API keys, secrets of invitations and the API token in the finished message and traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask(record.getMessage()), None
        for name in FIELDS:
            if isinstance(value := record.__dict__.get(name), str):
                record.__dict__[name] = mask(value)
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:  # another handler may have written it before this filter
            record.exc_text = mask(record.exc_text)
        return True


class LinesForMachines(JsonFormatter):
    """One JSON object a line: time, level, logger, message, what of FIELDS is known, the traceback as ``error``."""

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        at = datetime.fromtimestamp(record.created, UTC)
        log_data["time"] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        log_data |= {"level": record.levelname, "logger": record.name, "message": record.message}
        for name in FIELDS:
            if (value := record.__dict__.get(name)) not in (None, "", "-"):
                log_data[name] = value
        if record.exc_text:  # as the filter left it: a traceback written anew would be unmasked
            log_data["error"] = record.exc_text


def mask(text: str) -> str:
    """Without tokens, API keys, secrets of invitations and the API token."""
    text = _LINK.sub("[invitation]", _TOKEN.sub("[token]", text))
    if secret := settings.REALTIMEKIT_API_TOKEN:
        text = text.replace(secret, "[api token]")
    return text


def make_logging(form: str, *, level: str | int, access: bool) -> dict[str, Any]:
    """The setting ``LOGGING``: everything goes to standard error, as lines for people or for machines."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "request_id": {"()": "config.logs.RequestIdFilter"},
            "secrets": {"()": "config.logs.SecretsFilter"},
        },
        "formatters": {
            "line": {"format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"},
            "json": {"()": "config.logs.LinesForMachines"},
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "filters": ["request_id", "secrets"],
            }
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"level": "INFO", "handlers": [], "propagate": True},
            "django.server": {"level": "INFO", "handlers": [], "propagate": True},
            "axes": {"level": "WARNING"},
            "participants.access": {"level": "INFO" if access else "WARNING"},
        },
    }
