"""Diagnosis of the connection to RealtimeKit: which one thing is wrong, and what to do about it.

Only reads are made. Steps come in the order in which a fault hides those behind it: after the first failure
what lies behind it is not judged. Wording is for staff; no secret is part of it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from django.conf import settings
from django.db import connection as database

from participants import conf
from participants.errors import Busy, Misconfigured
from participants.gateway import get_client, probing, trying, waiting_slot
from participants.models import Meeting, Participant, Preset
from participants.models.fields import rotate
from participants.realtimekit import Absent, App, Deadline, FailureKind, RealtimeKit, RealtimeKitError, Refused
from participants.realtimekit import Preset as RemotePreset
from participants.states import MeetingState, ParticipantState

SECONDS = 15.0
_SAMPLE = 3
_ACCOUNT_ID = re.compile(r"[0-9a-fA-F]{32}")
_NETWORK = {
    "name_lookup_failed": "Check the host in REALTIMEKIT_BASE_URL and this server's DNS.",
    "connection_refused": "Check REALTIMEKIT_BASE_URL (host and port) and whether that server is running.",
    "connect_timeout": "A firewall may drop outgoing connections. Allow this server to reach that host.",
    "connection_failed": "Check this server's outgoing network and REALTIMEKIT_BASE_URL.",
    "tls_failed": "Check this server's clock and certificates, and that the address is not intercepted by a proxy.",
    "proxy_failed": "Check the outbound proxy of this server.",
    "proxy_refused": "Give this server credentials for its outbound proxy.",
    "address_invalid": "Correct REALTIMEKIT_BASE_URL; it should look like https://api.cloudflare.com/client/v4.",
    "redirected": "Set REALTIMEKIT_BASE_URL to the final address; redirects are not followed.",
}
_SERVICE = {
    "rate_limited": "Too many calls were made with this token. Wait five minutes; nothing is lost meanwhile.",
    "paused": "Too many calls were made with this token. Wait until the pause below is over; nothing is lost.",
    "budget_exhausted": "The calls of this moment are used up. Try again in a few seconds.",
    "unreadable_answer": "What answers does not speak RealtimeKit's language. Check REALTIMEKIT_BASE_URL.",
}
_NOT_THE_API = "This address is not RealtimeKit's API."
_CHECK_ADDRESS = "Check REALTIMEKIT_BASE_URL (it ends in /client/v4)."
_LATER = "RealtimeKit has trouble or is slow. Try again in a minute; waiting changes are repeated until they hold."

T = TypeVar("T")


class StepState(Enum):
    PASSED = "passed"
    FAILED = "failed"
    WARNED = "warned"
    SKIPPED = "skipped"


STEPS = {
    "settings": "Settings are present",
    "network": "The network reaches RealtimeKit",
    "service": "RealtimeKit answers",
    "token": "The API token is valid",
    "account": "The account is known",
    "permission": "The API token may use RealtimeKit",
    "app": "The app is known",
    "presets": "Every preset in use exists",
    "meetings": "Meetings can be reached",
}
"""In the order they are judged."""


@dataclass(frozen=True)
class Step:
    """``key`` is one of STEPS; ``finding`` what was seen, ``remedy`` what to do, empty when there is nothing."""

    key: str
    state: StepState
    finding: str = ""
    remedy: str = ""

    @property
    def title(self) -> str:
        return STEPS[self.key]


@dataclass(frozen=True)
class Settings:
    """What may be shown of the settings in force."""

    base_url: str
    account_id: str
    app_id: str
    has_token: bool
    is_cloudflare: bool
    encryption_keys: int


class _Fault(Exception):
    """The step that failed; those before it passed."""

    def __init__(self, key: str, finding: str, remedy: str) -> None:
        super().__init__(finding)
        self.step = Step(key, StepState.FAILED, finding, remedy)


def describe_settings() -> Settings:
    wanted = conf.read_realtimekit()
    return Settings(
        base_url=wanted.base_url,
        account_id=wanted.account_id,
        app_id=wanted.app_id,
        has_token=bool(wanted.api_token),
        is_cloudflare=wanted.is_cloudflare,
        encryption_keys=len(settings.TOKEN_ENCRYPTION_KEYS),
    )


def diagnose() -> list[Step]:
    """Test the connection: one Step for each of STEPS, in order. Takes 15 s at most and raises nothing remote."""
    return _diagnose(lambda deadline: _find_steps(get_client, deadline))


def diagnose_token(api_token: str) -> list[Step]:
    """As ``diagnose``, with this API token instead of the one in force. Reads only."""

    def find(deadline: Deadline) -> Iterator[Step]:
        with trying(api_token) as client:
            yield from _find_steps(lambda: client, deadline, missing=[])

    return _diagnose(find)


def _diagnose(find: Callable[[Deadline], Iterator[Step]]) -> list[Step]:
    found: list[Step] = []
    try:
        with waiting_slot(), probing():
            found.extend(find(Deadline.after(SECONDS)))
    except Misconfigured as error:
        found.append(
            Step("settings", StepState.FAILED, str(error.data.get("reason", error)), "Set it and try again.")
        )
    except _Fault as fault:
        found.append(fault.step)
    except Busy as error:
        found.append(Step("service", StepState.FAILED, str(error), "Try again in a moment."))
    return _complete(found)


def count_undecryptable() -> int:
    """Stored tokens that no key in ``TOKEN_ENCRYPTION_KEYS`` decrypts; they count as absent (design 2.7)."""
    with database.cursor() as cursor:
        cursor.execute("SELECT token FROM participants_participant WHERE token IS NOT NULL")
        return sum(rotate(token) is None for (token,) in cursor)


def _find_steps(
    make: Callable[[], RealtimeKit], deadline: Deadline, *, missing: list[str] | None = None
) -> Iterator[Step]:
    """``missing`` settings are those of RealtimeKit, unless the caller has seen to them."""
    missing = conf.list_missing() if missing is None else missing
    if missing:
        finding = f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set."
        raise _Fault("settings", finding, f"Set {' and '.join(missing)} (or the same name with _FILE) and restart.")
    yield Step("settings", StepState.PASSED)
    client = make()
    presets = _reach_app(client, deadline)
    yield Step("network", StepState.PASSED, f"{conf.read_realtimekit().base_url} was reached.")
    yield _judge_writing()
    yield Step("app", StepState.PASSED, f"The app has {len(presets)} preset{'' if len(presets) == 1 else 's'}.")
    yield _judge_presets(presets)
    yield _judge_meetings(client, deadline)


def _reach_app(client: RealtimeKit, deadline: Deadline) -> list[RemotePreset]:
    """The app's presets. Raises _Fault naming what stands in the way."""
    presets, error = _attempt(lambda: client.presets.list(deadline=deadline))
    if error is not None:
        _raise_plain(error)
    if presets:
        return presets
    # The app's own address failed, or answered nothing: the account's list of apps tells account and app apart.
    apps, trouble = _attempt(lambda: client.apps.list(deadline=deadline))
    if apps is not None:
        _require_app(apps)
    if error is not None:
        _raise_refusal(error, trouble)
    return presets or []


def _require_app(apps: list[App]) -> None:
    app_id = conf.read_realtimekit().app_id
    if all(app.id != app_id for app in apps):
        names = ", ".join(f"{app.name} ({app.id})" for app in apps[:5]) or "none"
        raise _Fault(
            "app",
            f"The account has no app with the id {app_id}.",
            f"Correct REALTIMEKIT_APP_ID. Apps of this account: {names}.",
        )


def _attempt(call: Callable[[], T]) -> tuple[T | None, RealtimeKitError | None]:
    try:
        return call(), None
    except RealtimeKitError as error:
        return None, error


def _raise_plain(error: RealtimeKitError) -> None:
    """Raises _Fault for network, service and token; returns for what needs a second look."""
    said = _quote(error)
    if error.code in _NETWORK:
        raise _Fault("network", said, _NETWORK[error.code])
    if error.code == "token_invalid" and not _denies_account(error):
        raise _Fault(
            "token",
            f"RealtimeKit does not accept the API token. {said}",
            "Create a new API token in the Cloudflare dashboard and set REALTIMEKIT_API_TOKEN.",
        )
    if error.kind in (FailureKind.NOT_DELIVERED, FailureKind.OUTCOME_UNKNOWN):
        raise _Fault("service", said, _SERVICE.get(error.code, _LATER))


def _raise_refusal(error: RealtimeKitError, trouble: RealtimeKitError | None) -> None:
    """The app's address was refused; ``trouble`` is what became of asking the account for its apps."""
    if trouble is not None:
        _raise_plain(trouble)
        _judge_address(trouble)
        if _denies_account(trouble):
            account_id = conf.read_realtimekit().account_id
            raise _Fault(
                "account",
                f"RealtimeKit does not accept this token for the account {account_id}. {_quote(trouble)}",
                f"Correct REALTIMEKIT_ACCOUNT_ID, or use a token of that account.{_explain_shape(account_id)}",
            )
    if error.kind is FailureKind.MISCONFIGURED and error.code != "route_unknown":
        raise _Fault(
            "permission",
            _quote(error),
            "Give the API token the Realtime permission (edit) for this account in the Cloudflare dashboard.",
        )
    raise _Fault(
        "app", f"RealtimeKit does not know the app. {_quote(error)}", "Correct REALTIMEKIT_APP_ID in the settings."
    )


def _judge_address(trouble: RealtimeKitError) -> None:
    """Raises _Fault where asking the account for its apps met an address that no API answers at.

    The account layer denies with shape C; a plain 404, or any other refusal of a mere GET, is not of its making.
    """
    if isinstance(trouble, Absent | Refused):
        raise _Fault("service", f"{_NOT_THE_API} {_quote(trouble)}", _CHECK_ADDRESS)
    if trouble.code == "route_unknown":
        account_id = conf.read_realtimekit().account_id
        second = f"If it is right, correct REALTIMEKIT_ACCOUNT_ID ({account_id}).{_explain_shape(account_id)}"
        finding = f"Nothing is known at this address, or the account does not exist. {_quote(trouble)}"
        raise _Fault("service", finding, f"{_CHECK_ADDRESS} {second}")


def _explain_shape(account_id: str) -> str:
    return "" if _ACCOUNT_ID.fullmatch(account_id) else " An account id has 32 hexadecimal characters."


def _denies_account(error: RealtimeKitError) -> bool:
    # The edge answers 403 "Authentication error" to a good token on a foreign account (contract 2.2, observed).
    return error.code == "token_invalid" and error.status == 403 and "invalid" not in error.message.lower()


def _judge_writing() -> Step:
    """Reading works. Whether the token may also write only writing shows: waiting rows may have seen it refused."""
    refused = sum(
        model._default_manager.filter(last_error_code="permission_missing").count()
        for model in (Meeting, Participant)
    )
    if not refused:
        return Step("permission", StepState.PASSED, "The token may read.")
    return Step(
        "permission",
        StepState.WARNED,
        f"The token may read, but {refused} waiting changes were refused for lack of permission.",
        "Give the API token the Realtime permission to edit, not only to read; then sync or retry.",
    )


def _judge_presets(remote: list[RemotePreset]) -> Step:
    if not remote:
        return Step(
            "presets",
            StepState.FAILED,
            "The app has no presets; nobody can be enrolled without one.",
            "Create presets for this app in the Cloudflare dashboard, then sync.",
        )
    known = {item.id for item in remote} | {item.name for item in remote}
    used = Preset.objects.filter(meetings__isnull=False) | Preset.objects.filter(
        participants__state__in=(ParticipantState.PENDING, ParticipantState.ENROLLED)
    )
    lacking = sorted(p.name for p in used.distinct() if p.realtimekit_id not in known and p.name not in known)
    if not lacking:
        return Step("presets", StepState.PASSED, "Every preset that meetings or participants use exists.")
    meetings = Meeting.objects.filter(default_preset__name__in=lacking).order_by("title")
    titles = ", ".join(f"“{title}”" for title in meetings.values_list("title", flat=True)[:5])
    where = f" It is the default of {titles}." if titles else ""
    return Step(
        "presets",
        StepState.FAILED,
        f"RealtimeKit has no preset named {', '.join(lacking)}.{where}",
        "Create it in the Cloudflare dashboard under exactly that name, or choose another preset here.",
    )


def _judge_meetings(client: RealtimeKit, deadline: Deadline) -> Step:
    made = Meeting.objects.filter(state=MeetingState.CREATED, gone_at=None).order_by("-created_at")[:_SAMPLE]
    unknown: list[str] = []
    for meeting in made:
        remote_id = str(meeting.realtimekit_id)
        _, error = _attempt(lambda remote_id=remote_id: client.meetings.get(remote_id, deadline=deadline))  # type: ignore[misc]  # a bound lambda
        if isinstance(error, Absent):
            unknown.append(f"“{meeting.title}”")
        elif error is not None:
            return Step("meetings", StepState.FAILED, _quote(error), _LATER)
    if unknown:
        return Step(
            "meetings",
            StepState.FAILED,
            f"RealtimeKit does not know {', '.join(unknown)}.",
            "Was the app exchanged? Set REALTIMEKIT_APP_ID to the one these meetings were made in.",
        )
    if not made:
        return Step("meetings", StepState.PASSED, "No meeting has been made at RealtimeKit yet.")
    return Step("meetings", StepState.PASSED, "The newest meetings were found at RealtimeKit.")


def _quote(error: RealtimeKitError) -> str:
    status = f", HTTP {error.status}" if error.status else ""
    return f"{error.message.rstrip('.')} ({error.code}{status})."


def _complete(found: list[Step]) -> list[Step]:
    """One step for each key: what a failure hides is skipped, what a later step implies has passed."""
    known = {step.key: step for step in found}
    failed = [list(STEPS).index(s.key) for s in found if s.state is StepState.FAILED]
    first = min(failed, default=len(STEPS))
    implied = (StepState.PASSED, StepState.SKIPPED)
    return [known.get(key) or Step(key, implied[place > first]) for place, key in enumerate(STEPS)]
