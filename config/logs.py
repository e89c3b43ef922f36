"""Log filters: the request's id on every line, and a last net for secrets."""

import logging
import re
from contextvars import ContextVar

from django.conf import settings

request_id: ContextVar[str] = ContextVar("request_id", default="-")
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{5,}(\.[A-Za-z0-9_-]*){0,2}|rck_[A-Za-z0-9_-]{20,}")
_LINK = re.compile(r"rci_[A-Za-z0-9_-]{5,}")


class RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class SecretsFilter(logging.Filter):
    """Masks tokens, API keys, secrets of invitations and the API token in the finished message and traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _mask(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:  # another handler may have written it before this filter
            record.exc_text = _mask(record.exc_text)
        return True


def _mask(text: str) -> str:
    text = _LINK.sub("[invitation]", _TOKEN.sub("[token]", text))
    if secret := settings.REALTIMEKIT_API_TOKEN:
        text = text.replace(secret, "[api token]")
    return text
