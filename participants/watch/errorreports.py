"""Reports of errors to a server that speaks Sentry's protocol. Imported only where ``SENTRY_DSN`` is set.

A report says where in the code something broke, and in which request by its id. Who asked, what they sent and what
variables held stays here.
"""

import re
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.integrations.logging import LoggingIntegration

from config.logs import describe, mask, request_id

_ADDRESS = re.compile(r"[\w.+%'-]+@[\w-]+(\.[\w-]+)+")
_KEPT = frozenset(
    {
        *("event_id", "timestamp", "platform", "level", "logger", "release", "environment", "server_name", "sdk"),
        *("exception", "logentry", "message", "modules", "contexts", "tags", "transaction", "fingerprint", "type"),
    }
)
"""Parts of a report that are sent; above all no request, user, breadcrumbs or extra."""
_TAGS = ("meeting", "participant", "operation")


def start(dsn: str, environment: str) -> None:
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_enabling_integrations=False,
        integrations=[
            DjangoIntegration(middleware_spans=False, signals_spans=False, cache_spans=False),
            LoggingIntegration(level=None),
        ],
        auto_session_tracking=False,
        propagate_traces=False,
        enable_metrics=False,
        before_send=scrub,
    )


def scrub(event: Any, hint: Any = None) -> Any:
    """The report as it is sent. Raises nothing: what can't be read is left out."""
    kept = {name: _clean(value) for name, value in event.items() if name in _KEPT}
    known = describe.get()()
    named = {name: str(known[name]) for name in _TAGS if name in known}
    kept["tags"] = {"request_id": request_id.get(), **named}
    return kept


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _clean(inner) for key, inner in value.items() if key not in ("vars", "sys.argv")}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return _ADDRESS.sub("[address]", mask(value)) if isinstance(value, str) else value
