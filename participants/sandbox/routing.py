"""Paths of the API and the operation each method on them is. The operation names serve the log and the faults too."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from participants.sandbox import apps, meetings, participants, presets, sessions, webhooks
from participants.sandbox.answers import Answer
from participants.sandbox.call import Call

Handler = Callable[[Call], Answer]

PREFIX = "/client/v4"
WELL_KNOWN = "/.well-known/webhooks.json"
UNKNOWN = "unknown"

ACCOUNT = "/accounts/{account_id}/realtime/kit"
KIT = ACCOUNT + "/{app_id}"
MEETING = KIT + "/meetings/{meeting_id}"
PARTICIPANT = MEETING + "/participants/{participant_id}"
PRESET = KIT + "/presets/{preset_id}"
SESSION = KIT + "/sessions/{session_id}"
WEBHOOK = KIT + "/webhooks/{webhook_id}"

# A literal segment must stand before the parameter it would match.
ROUTES: tuple[tuple[str, Mapping[str, tuple[str, Handler]]], ...] = (
    (ACCOUNT + "/apps", {"GET": ("apps.list", apps.list_apps), "POST": ("apps.create", apps.create_app)}),
    (
        KIT + "/meetings",
        {"GET": ("meetings.list", meetings.list_meetings), "POST": ("meetings.create", meetings.create)},
    ),
    (
        MEETING,
        {
            "GET": ("meetings.get", meetings.get),
            "PATCH": ("meetings.patch", meetings.patch),
            "PUT": ("meetings.put", meetings.put),
        },
    ),
    (
        MEETING + "/participants",
        {
            "GET": ("participants.list", participants.list_participants),
            "POST": ("participants.add", participants.add),
        },
    ),
    (
        PARTICIPANT,
        {
            "GET": ("participants.get", participants.get),
            "PATCH": ("participants.patch", participants.patch),
            "DELETE": ("participants.delete", participants.delete),
        },
    ),
    (PARTICIPANT + "/token", {"POST": ("participants.refresh", participants.refresh)}),
    (MEETING + "/active-session", {"GET": ("active_session.get", sessions.get_active)}),
    (MEETING + "/active-session/kick", {"POST": ("active_session.kick", sessions.kick)}),
    (MEETING + "/active-session/kick-all", {"POST": ("active_session.kick_all", sessions.kick_all)}),
    (
        KIT + "/presets",
        {"GET": ("presets.list", presets.list_presets), "POST": ("presets.create", presets.create)},
    ),
    (
        PRESET,
        {
            "GET": ("presets.get", presets.get),
            "PATCH": ("presets.patch", presets.patch),
            "PUT": ("presets.put", presets.put),
            "DELETE": ("presets.delete", presets.delete),
        },
    ),
    (KIT + "/sessions", {"GET": ("sessions.list", sessions.list_sessions)}),
    (SESSION, {"GET": ("sessions.get", sessions.get)}),
    (SESSION + "/participants", {"GET": ("sessions.participants", sessions.list_peers)}),
    (SESSION + "/participants/{participant_id}", {"GET": ("sessions.participant", sessions.get_peer)}),
    (
        KIT + "/webhooks",
        {"GET": ("webhooks.list", webhooks.list_webhooks), "POST": ("webhooks.create", webhooks.create)},
    ),
    (KIT + "/webhooks/all", {"GET": ("webhooks.all", webhooks.list_events)}),
    (
        WEBHOOK,
        {
            "GET": ("webhooks.get", webhooks.get),
            "PATCH": ("webhooks.patch", webhooks.patch),
            "PUT": ("webhooks.put", webhooks.put),
            "DELETE": ("webhooks.delete", webhooks.delete),
        },
    ),
)

OPERATIONS = frozenset(name for _, methods in ROUTES for name, _ in methods.values()) | {"well_known", UNKNOWN}


@dataclass(frozen=True)
class Match:
    """`handler` is None for an unknown path (`allowed` empty) and for a method the path does not know."""

    operation: str
    handler: Handler | None
    params: Mapping[str, str]
    allowed: tuple[str, ...]


NOTHING = Match(UNKNOWN, None, {}, ())
_PATTERNS = [((PREFIX + pattern).split("/"), methods) for pattern, methods in ROUTES]


def match(method: str, path: str) -> Match:
    if path == WELL_KNOWN:
        return Match("well_known" if method == "GET" else UNKNOWN, None, {}, ("GET",))
    segments = path.split("/")
    for pattern, methods in _PATTERNS:
        params = _params(pattern, segments)
        if params is not None:
            operation, handler = methods.get(method, (UNKNOWN, None))
            return Match(operation, handler, params, tuple(methods))
    return NOTHING


def _params(pattern: list[str], segments: list[str]) -> Mapping[str, str] | None:
    if len(pattern) != len(segments):
        return None
    params: dict[str, str] = {}
    for expected, found in zip(pattern, segments, strict=True):
        if expected.startswith("{"):
            if not found:
                return None
            params[expected[1:-1]] = unquote(found)
        elif expected != found:
            return None
    return params
