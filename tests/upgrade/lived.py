"""The rows of an installation that was there from the first schema on, and upgraded with each that landed.

Written with the models as they were: a function for each schema adds what became possible with it, and gives nothing
to columns that were not there yet. ``NOW`` is when people come to join after the last upgrade.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.apps.registry import Apps

from tests.factories import NOW

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FRESH, EXPIRED = "a-token-that-is-still-good", "a-token-of-last-summer"
ALGEBRA, LATIN, MUSIC = "Algebra, group 7", "Latin for beginners", "A refused title"
PRESET, ENDED = "group_call_participant", "session.ended"
BEGAN = NOW - 30 * DAY
Model = Any

_KNOWN = {"state": "enrolled", "applied_preset": PRESET}
ENROLLED: dict[str, dict[str, Any]] = {
    "ada": {
        **_KNOWN,
        "realtimekit_id": "remote-ada",
        "applied_name": "Ada Example",
        "token": FRESH,
        "token_issued_at": BEGAN,
        "token_expires_at": NOW + 50 * DAY,
        "token_expiry_source": "jwt",
    },
    "bob": {
        **_KNOWN,
        "realtimekit_id": "remote-bob",
        "applied_name": "Bob Example",
        "token": EXPIRED,
        "token_issued_at": BEGAN - 100 * DAY,
        "token_expires_at": BEGAN,
        "token_expiry_source": "assumed",
    },
    # An answer was lost: they may have been added.
    "carl": {
        "state": "pending",
        "attempts": 2,
        "next_attempt_at": NOW - HOUR,
        "outcome_unknown": True,
        "name": "Carl",
    },
    "dora": {"state": "failed", "attempts": 1, "last_error_code": "refused", "last_error_detail": "No such preset."},
    "fred": {
        "state": "removing",
        "realtimekit_id": "remote-fred",
        "removed_at": NOW - HOUR,
        "next_attempt_at": NOW - HOUR,
    },
    "gil": {**_KNOWN, "realtimekit_id": "remote-gil", "applied_name": "Gil Guest"},
}
REMOVED = {"custom_participant_id": "emil", "source": "admin", "state": "removed", "removed_at": BEGAN}


def write_first(apps: Apps) -> None:
    """People in each state, meetings in each state, and the history of it."""
    make = _maker(apps)
    users = _write_users(apps)
    preset = make("Preset", name=PRESET, realtimekit_id="preset-1", raw={"name": PRESET}, seen_at=BEGAN)
    make("Preset", name="retired", realtimekit_id="preset-2", gone_at=BEGAN)
    made = {"default_preset": preset, "state": "created", "applied_status": "ACTIVE", "raw": {"id": "meeting-1"}}
    algebra = make("Meeting", title=ALGEBRA, applied_title=ALGEBRA, realtimekit_id="meeting-1", **made)
    algebra.managers.add(users["boss"])
    algebra.groups.add(apps.get_model("auth", "Group").objects.get())
    make("Meeting", title=LATIN, opens_at=NOW + DAY, closes_at=NOW + DAY + HOUR, capacity=12, default_preset=preset)
    make("Meeting", title=MUSIC, state="failed", attempts=3, last_error_code="refused", last_error_detail="No.")
    people = {
        name: make("Person", user=user, display_name=f"{name.title()} Example", custom_participant_id=name)
        for name, user in users.items()
    }
    people["gil"] = make("Person", display_name="Gil Guest", email="gil@example.com", custom_participant_id="gil")
    people["emil"].blocked_at, people["emil"].block_reason = BEGAN, "shouted"
    people["emil"].save()
    rows = {
        name: make(
            "Participant",
            meeting=algebra,
            person=people[name],
            custom_participant_id=name,
            preset=preset,
            source="admin",
            enrolled_by=users["boss"],
            **given,
        )
        for name, given in ENROLLED.items()
    }
    make("Participant", meeting=algebra, person=people["emil"], preset=preset, removed_by=users["boss"], **REMOVED)
    ada, said = rows["ada"], {"actor": users["boss"], "actor_kind": "user", "actor_name": "boss", "via": "admin"}
    about = {"meeting": algebra, "participant": ada, "person": ada.person, "request_id": "r-1", "data": {"n": 1}}
    make("Event", kind="participant.enrolled", **about, **said)
    make("Event", kind="participant.refreshed", participant=ada, actor_kind="system", via="tick")


def _write_users(apps: Apps) -> dict[str, Model]:
    model = apps.get_model("auth", "User")
    users = {
        name: model.objects.create(
            username=name,
            email=f"{name}@example.org",
            first_name=name.title(),
            last_name="Example",
            is_staff=name == "boss",
            is_superuser=name == "boss",
            is_active=name != "fred",
        )
        for name in ("boss", "ada", "bob", "carl", "dora", "emil", "fred")
    }
    group = apps.get_model("auth", "Group").objects.create(name="Year 7")
    group.user_set.add(users["ada"], users["bob"])
    return users


def write_second(apps: Apps) -> None:
    """Many at once, and the budget of calls."""
    make, find = _maker(apps), _finder(apps)
    boss = apps.get_model("auth", "User").objects.get(username="boss")
    algebra, preset = find("Meeting", title=ALGEBRA), find("Preset", name=PRESET)
    ada, carl = (find("Participant", custom_participant_id=name) for name in ("ada", "carl"))
    batch = make("Batch", meeting=algebra, total=3, via="admin", started_by=boss, preset=preset)
    for position, (row, code) in enumerate([(ada, "already_enrolled"), (carl, ""), (None, "unknown_user")]):
        line = {"position": position, "line": position + 1, "input": f"line {position}", "code": code}
        make("BatchRow", batch=batch, participant=row, **line)
    carl.batch, carl.source = batch, "bulk"
    carl.save()
    apps.get_model("participants", "Budget").objects.get_or_create(pk=1)


def write_third(apps: Apps) -> None:
    """Sessions and who came, deliveries, comparisons, reports, addresses that are verified."""
    make, find = _maker(apps), _finder(apps)
    boss = apps.get_model("auth", "User").objects.get(username="boss")
    algebra = find("Meeting", title=ALGEBRA)
    ada, bob, gil = (find("Participant", custom_participant_id=name) for name in ("ada", "bob", "gil"))
    came_to = [{ada: 3000, bob: 600}, {ada: 1200}]
    for number, seconds in enumerate(came_to):
        session = _hold(make, algebra, number)
        for row in (ada, bob, gil):
            _attend(make, session, row, seconds.get(row))
    # Nobody told when it began.
    make("Session", meeting=algebra, realtimekit_id="session-x", remote_meeting_id="meeting-1", title="Untold")
    _correct(find("Presence", session__realtimekit_id="session-0", participant=bob), boss)
    for number, state in enumerate(["done", "new"]):
        told = {
            "body_hash": f"h{number}",
            "rtk_uuid": f"d-{number}",
            "event": "meeting.started",
            "body": {"n": number},
        }
        make("Delivery", received_at=BEGAN, state=state, **told)
    make("WebhookKey", fingerprint="f1", pem="-----BEGIN", first_seen_at=BEGAN, fetched_at=BEGAN)
    proof = {"source": "staff", "verified_at": BEGAN, "verified_by": boss}
    make("VerifiedEmail", user=ada.person.user, email="ada@example.org", **proof)
    report = make("DriftReport", meeting=algebra, via="admin", remote_count=4, local_count=4, total=1)
    make("DriftItem", report=report, kind="unknown_remote", name="A stranger", custom_participant_id="stranger")
    make("SavedReport", name="Late", subject="attendance", query="late=1", owner=boss)
    make("Export", subject="attendance", asked_by=boss, state="ready", content=b"a,b\r\n", finished_at=BEGAN)
    make("Chore", name="sync", due_at=NOW - HOUR, done_at=BEGAN)


def _hold(make: Any, meeting: Model, number: int) -> Model:
    began = BEGAN + number * 7 * DAY
    return make(
        "Session",
        meeting=meeting,
        realtimekit_id=f"session-{number}",
        remote_meeting_id=meeting.realtimekit_id,
        title=meeting.title,
        started_at=began,
        started_known_by="webhook",
        ended_at=began + HOUR,
        ended_known_by="webhook",
        opens_at=began,
        closes_at=began + HOUR,
        rolled_at=began,
    )


def write_fourth(apps: Apps) -> None:
    """Keys, invitations and mails, webhooks of our own, sign-in by a provider."""
    make, find = _maker(apps), _finder(apps)
    boss = apps.get_model("auth", "User").objects.get(username="boss")
    algebra, gil = find("Meeting", title=ALGEBRA), find("Participant", custom_participant_id="gil")
    secret = {"prefix": "rck_12345678", "digest": "0" * 64, "expires_at": NOW + DAY}
    key = make("ApiKey", name="Portal", scopes=["meetings:read"], all_meetings=False, **secret)
    key.meetings.add(algebra)
    make("IdempotentCall", caller=f"key:{key.pk}", key="k-1", fingerprint="1" * 64, status=201, body="{}")
    told = {"actor_kind": "key", "actor_name": "Portal", "key": key, "via": "api"}
    make("Event", kind="participant.retried", participant=gil, meeting=algebra, data={"by": "key"}, **told)
    invitation = make("Invitation", participant=gil, secret_hash="2" * 64, expires_at=NOW + DAY, issued_by=boss)
    about = {"meeting": algebra, "person": gil.person, "participant": gil, "invitation": invitation}
    make("Message", kind="enrolled", state="waiting", address="gil@example.com", secret="rci_not-sent-yet", **about)
    make("MailText", kind="enrolled", subject="Come", text="Come to {meeting}.", changed_by=boss)
    asks = {"person": find("Person", custom_participant_id="dora"), "message": "May I?"}
    make("AccessRequest", meeting=find("Meeting", title=LATIN), **asks)
    hook = make("Hook", name="Portal", url="https://portal.example.org/", secret="whsec_keep-me", kinds=[ENDED])
    hook.meetings.add(algebra)
    make("HookMessage", hook=hook, kind=ENDED, webhook_id="w-1", payload={"type": ENDED})
    make("ExternalIdentity", user=boss, issuer="https://id.example.org", subject="boss-1", email="boss@example.org")


WRITE: dict[str, Callable[[Apps], None]] = {
    "0001_initial": write_first,
    "0003_batches": write_second,
    "0013_report_indexes": write_third,
    "0020_choices": write_fourth,
}
"""The schemas that landed, oldest first, and who writes what came with each."""


def _attend(make: Any, session: Model, row: Model, seconds: int | None) -> None:
    began: datetime = session.started_at
    if seconds is None:
        make("Presence", session=session, participant=row, was_enrolled=True, measured_seconds=0)
        return
    left = began + timedelta(seconds=seconds)
    times = {"joined_at": began, "joined_known_by": "webhook", "left_at": left, "left_known_by": "webhook"}
    peer = f"{session.realtimekit_id}-{row.custom_participant_id}"
    make("Attendance", session=session, participant=row, peer_id=peer, name="As they were called", **times)
    seen = {"first_joined_at": began, "last_left_at": left, "connections": 1, "share_of_session": seconds / 3600}
    make("Presence", session=session, participant=row, was_enrolled=True, measured_seconds=seconds, **seen)


def _correct(presence: Model, boss: Model) -> None:
    presence.corrected_seconds, presence.correction_reason = 900, "the line broke"
    presence.corrected_by, presence.corrected_at = boss, BEGAN + DAY
    presence.save()


def _maker(apps: Apps) -> Callable[..., Model]:
    return lambda model, /, **given: apps.get_model("participants", model).objects.create(**given)


def _finder(apps: Apps) -> Callable[..., Model]:
    return lambda model, /, **asked: apps.get_model("participants", model).objects.get(**asked)
