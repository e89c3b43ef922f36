"""The columns of the matrix that belong to API keys."""

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from participants.models import Meeting
from participants.states import KeyScope
from tests.factories import ApiKeyFactory, MadeMeetingFactory, make_secret

Answers = dict[str, int]

SCOPES = tuple(f"key {scope.value}" for scope in KeyScope)
"""To all meetings, with this scope alone."""
ENDED = ("key expired", "key revoked", "key rotated away")
KEY_CALLERS = (*SCOPES, "key", "key here", "key elsewhere", *ENDED)
"""``key`` has every scope for all meetings, ``here`` for the scene's meeting only, ``elsewhere`` for another only."""


def keys(status: int, scopes: str = "", *, here: int | None = None, elsewhere: int = 404, **others: int) -> Answers:
    """``scopes`` are those that suffice alone; each other is refused, unless ``others`` says what it meets."""
    found = dict.fromkeys(SCOPES, 403)
    found |= {f"key {scope}": status for scope in scopes.split()}
    found |= {f"key {name.replace('_', ':')}": told for name, told in others.items()}
    found |= {"key": status, "key here": status if here is None else here, "key elsewhere": elsewhere}
    return found | dict.fromkeys(ENDED, 401)


_ATTENDEE = keys(403, elsewhere=403)
_REPORTED = keys(200, "reports:read")
_HOOKS = {"here": 403, "elsewhere": 403}
_FOLLOWED = keys(200, "participants:read participants:write", participants_remove=404)
OF_KEYS: dict[tuple[str, str], Answers] = {
    ("GET", "me"): _ATTENDEE,
    ("GET", "my-meetings"): _ATTENDEE,
    ("GET", "my-meeting"): _ATTENDEE,
    ("POST", "join"): _ATTENDEE,
    ("GET", "admission"): _ATTENDEE,
    ("GET", "manage-connection"): keys(200, "connection:read", elsewhere=200),
    ("GET", "manage-hooks"): keys(200, "hooks:manage", **_HOOKS),
    ("POST", "manage-hooks"): keys(201, "hooks:manage", **_HOOKS),
    ("GET", "manage-hook"): keys(200, "hooks:manage", **_HOOKS),
    ("PATCH", "manage-hook"): keys(200, "hooks:manage", **_HOOKS),
    ("DELETE", "manage-hook"): keys(204, "hooks:manage", **_HOOKS),
    ("POST", "manage-hook-rotate"): keys(200, "hooks:manage", **_HOOKS),
    ("POST", "manage-hook-test"): keys(200, "hooks:manage", **_HOOKS),
    ("GET", "manage-hook-messages"): keys(200, "hooks:manage", **_HOOKS),
    ("POST", "manage-hook-replay"): keys(202, "hooks:manage", **_HOOKS),
    ("GET", "manage-hook-message"): keys(200, "hooks:manage", **_HOOKS),
    ("GET", "manage-invitations"): keys(200, "invitations:send"),
    ("POST", "manage-invitations"): keys(201, "invitations:send"),
    ("POST", "manage-invitations-resend"): keys(202, "invitations:send"),
    ("GET", "manage-invitation"): keys(200, "invitations:send"),
    ("DELETE", "manage-invitation"): keys(200, "invitations:send"),
    ("POST", "manage-invitation-resend"): keys(201, "invitations:send"),
    ("GET", "manage-messages"): keys(200, "invitations:send"),
    ("POST", "manage-message-retry"): keys(200, "invitations:send"),
    ("GET", "manage-access"): keys(200, "requests:decide"),
    ("POST", "manage-access-decide"): keys(200, "requests:decide"),
    # A link is opened in a browser: without its cookie there is no CSRF token, whatever key comes along.
    ("POST", "redeem"): dict.fromkeys(KEY_CALLERS, 403),
    ("GET", "access"): _ATTENDEE,
    ("POST", "access"): _ATTENDEE,
    ("GET", "manage-meetings"): keys(200, "meetings:read", elsewhere=200),
    ("POST", "manage-meetings"): keys(201, "meetings:write", here=403, elsewhere=403),
    ("GET", "manage-meeting"): keys(200, "meetings:read"),
    ("PATCH", "manage-meeting"): keys(200, "meetings:write"),
    ("GET", "manage-participants"): keys(200, "participants:read"),
    ("POST", "manage-participants"): keys(201, "participants:write"),
    ("GET", "manage-participant"): keys(200, "participants:read"),
    ("PATCH", "manage-participant"): keys(200, "participants:write"),
    ("DELETE", "manage-participant"): keys(200, "participants:remove"),
    ("POST", "manage-participant-restore"): keys(200, "participants:write"),
    ("POST", "manage-participant-token"): keys(200, "tokens:issue"),
    ("GET", "manage-participant-admission"): keys(200, "participants:read"),
    # Many at once takes two scopes: no key with one alone gets through.
    ("POST", "manage-enrolments"): keys(202),
    ("POST", "manage-removals"): keys(202),
    ("POST", "manage-preset-changes"): keys(202),
    ("GET", "manage-batch"): _FOLLOWED,
    ("GET", "manage-batch-rows"): _FOLLOWED,
    ("POST", "manage-batch-stop"): keys(200),
    ("POST", "manage-batch-retry"): keys(200),
    ("POST", "manage-batch-undo"): keys(200),
    ("GET", "manage-drift"): keys(200, "participants:read"),
    ("GET", "manage-drift-items"): keys(200, "participants:read"),
    ("POST", "manage-drift"): keys(503, "participants:write"),
    ("POST", "manage-drift-apply"): keys(200, "participants:write"),
    ("GET", "my-attendance"): _ATTENDEE,
    ("GET", "manage-sessions"): _REPORTED,
    ("GET", "manage-meeting-attendance"): _REPORTED,
    ("GET", "manage-meeting-attendance-export"): _REPORTED,
    ("GET", "manage-attendance"): keys(200, "reports:read", elsewhere=200),
    ("GET", "manage-attendance-export"): keys(200, "reports:read", elsewhere=200),
    ("PUT", "manage-attendance-correction"): keys(200, "reports:correct"),
    ("DELETE", "manage-attendance-correction"): keys(200, "reports:correct"),
    # 503: the right is there, RealtimeKit is not.
    ("POST", "manage-meeting-kick"): keys(503, "sessions:moderate"),
    ("POST", "manage-meeting-end"): keys(503, "sessions:moderate"),
}


def call_with_key(caller: str, meeting: Meeting) -> Client:
    """A caller without cookies who sends the key of that name."""
    now = timezone.now()
    told: dict[str, object] = {}
    if caller in SCOPES:
        told = {"scopes": [caller.removeprefix("key ")]}
    elif caller in ("key here", "key elsewhere"):
        told = {"all_meetings": False, "meetings": [meeting if caller == "key here" else MadeMeetingFactory()]}
    elif caller == "key expired":
        told = {"expires_at": now - timedelta(seconds=1)}
    elif caller == "key revoked":
        told = {"revoked_at": now}
    key = ApiKeyFactory(**told)
    if caller == "key rotated away":
        key.former_digest, key.digest = key.digest, key.digest[::-1]
        key.former_until = now - timedelta(seconds=1)
        key.save()
    return Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {make_secret(key.name)}"})
