"""Who may do what. Staff hold model permissions; a meeting's managers hold some of them for that meeting; an API key
holds those that its scopes stand for, for its meetings."""

from collections.abc import Collection, Iterable
from typing import Any, TypeAlias

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet

from participants.models import ApiKey, DriftItem, Event, Meeting, Participant, Presence, Session
from participants.states import DriftAction, DriftKind, KeyScope

Caller: TypeAlias = User | AnonymousUser | ApiKey

MANAGER_RIGHTS = frozenset(
    {
        "view_meeting",
        "change_meeting",
        "view_participant",
        "add_participant",
        "change_participant",
        "remove_participant",
        "restore_participant",
        "view_session",
        "view_presence",
        "correct_presence",
        "export_data",
        "view_invitation",
        "send_invitation",
        "revoke_invitation",
        "view_message",
        "retry_message",
        "view_accessrequest",
        "decide_accessrequest",
    }
)
"""What managing a meeting implies. Issuing tokens and naming managers are never implied (design 5)."""

MODERATE = "moderate_session"
"""Putting people out and ending sessions, which of people takes ``remove_participant``; keys may have one alone."""
SCOPE_RIGHTS: dict[KeyScope, frozenset[str]] = {
    KeyScope.MEETINGS_READ: frozenset({"view_meeting"}),
    KeyScope.MEETINGS_WRITE: frozenset({"add_meeting", "change_meeting"}),
    KeyScope.PARTICIPANTS_READ: frozenset({"view_participant"}),
    KeyScope.PARTICIPANTS_WRITE: frozenset({"add_participant", "change_participant", "restore_participant"}),
    KeyScope.PARTICIPANTS_REMOVE: frozenset({"remove_participant"}),
    KeyScope.BATCHES: frozenset(),
    KeyScope.TOKENS_ISSUE: frozenset({"issue_token"}),
    # A program that reads lists has taken them away: a scope for files of its own would keep nothing from anybody.
    KeyScope.REPORTS_READ: frozenset({"view_session", "view_presence", "export_data"}),
    KeyScope.REPORTS_CORRECT: frozenset({"correct_presence"}),
    KeyScope.SESSIONS_MODERATE: frozenset({MODERATE}),
    KeyScope.INVITATIONS_SEND: frozenset(
        {"view_invitation", "send_invitation", "revoke_invitation", "view_message", "retry_message"}
    ),
    KeyScope.REQUESTS_DECIDE: frozenset({"view_accessrequest", "decide_accessrequest"}),
    KeyScope.HOOKS_MANAGE: frozenset({"manage_hooks"}),
    KeyScope.CONNECTION_READ: frozenset({"view_connection"}),
}
"""The rights each scope of an API key stands for. ``batches`` gives none: it lets others be used on many at once."""
_OF_NO_MEETING = frozenset({"view_connection"})
_DRIFT_RIGHTS = {DriftAction.ADOPT: "add_participant", DriftAction.REMOVE: "remove_participant"}


def find_drift_right(item: DriftItem, action: str) -> str:
    """The right that carrying out this action takes: that of whoever does the same by hand."""
    if item.kind in (DriftKind.TITLE_DIFFERS, DriftKind.STATUS_DIFFERS):
        return "change_meeting"
    return _DRIFT_RIGHTS.get(DriftAction(action), "change_participant")


def find_missing_right(caller: Caller, meeting: Meeting, chosen: Iterable[tuple[DriftItem, str]]) -> str:
    """A right that these choices take and the user lacks; blank when there is none."""
    needed = {find_drift_right(item, action) for item, action in chosen}
    return next((right for right in sorted(needed) if not may(caller, right, meeting)), "")


def list_rights(key: ApiKey) -> frozenset[str]:
    """The rights that a key's scopes stand for."""
    return frozenset().union(*(SCOPE_RIGHTS[scope] for scope in key.list_scopes()))


def may_grant(user: User | AnonymousUser, scopes: Collection[KeyScope], meetings: Iterable[Meeting] | None) -> bool:
    """Whether the user may hand out a key of these scopes: only of rights that they have themselves.

    ``meetings`` is None for a key to all of them.
    """
    needed = {as_people(right) for scope in scopes for right in SCOPE_RIGHTS[scope]}
    if meetings is None:
        return all(holds(user, right) for right in needed)
    of_meetings = needed - _OF_NO_MEETING - {"add_meeting"}
    chosen = list(meetings)
    wide = all(holds(user, right) for right in needed & _OF_NO_MEETING)
    return wide and all(may(user, right, meeting) for right in of_meetings for meeting in chosen)


def holds(caller: Caller, right: str) -> bool:
    """Whether a member of staff, or a key, has the right for all meetings."""
    if isinstance(caller, ApiKey):
        return right in list_rights(caller) and (caller.all_meetings or right in _OF_NO_MEETING)
    return bool(caller.is_active and caller.is_staff and caller.has_perm(f"participants.{as_people(right)}"))


def may(caller: Caller, right: str, meeting: Meeting) -> bool:
    """Whether the caller has the right for this meeting, by permission, by managing it or as one of a key's."""
    if holds(caller, right):
        return True
    if isinstance(caller, ApiKey):
        return right in list_rights(caller) and caller.meetings.filter(pk=meeting.pk).exists()
    manages = (
        as_people(right) in MANAGER_RIGHTS and caller.is_active and meeting.managers.filter(pk=caller.pk).exists()
    )
    return bool(manages)


def as_people(right: str) -> str:
    """What a person has instead of a right that only keys know apart."""
    return "remove_participant" if right == MODERATE else right


def sees_groups(caller: Caller) -> bool:
    """Whether the caller may know which groups there are; neither managing a meeting nor a key's scope implies it."""
    if isinstance(caller, ApiKey):
        return False
    return bool(caller.is_active and caller.has_perm("auth.view_group"))


def sees_users(caller: Caller) -> bool:
    """Whether the caller may look through all users."""
    return not isinstance(caller, ApiKey) and caller.has_perm("auth.view_user")


def may_name_managers(caller: Caller) -> bool:
    """Never a key: whoever manages a meeting may do more there than the key might."""
    return not isinstance(caller, ApiKey) and holds(caller, "change_meeting")


def may_tie_groups(caller: Caller, meeting: Meeting | None) -> bool:
    """Whether the user may choose the groups of a meeting, or None for a new one: that enrols and removes people."""
    if not sees_groups(caller):
        return False
    needed = ("change_meeting" if meeting else "add_meeting", "add_participant", "remove_participant")
    return all(may(caller, right, meeting) if meeting else holds(caller, right) for right in needed)


def list_meetings(caller: Caller, right: str = "view_meeting") -> QuerySet[Meeting]:
    """The meetings for which the user has the right."""
    if holds(caller, right):
        return Meeting.objects.all()
    if isinstance(caller, ApiKey):
        return caller.meetings.all() if right in list_rights(caller) else Meeting.objects.none()
    if as_people(right) not in MANAGER_RIGHTS or not caller.is_active:
        return Meeting.objects.none()
    return Meeting.objects.filter(pk__in=managed_by(caller.pk))


def managed_by(*users: int | None) -> QuerySet[Any, Any]:
    """Keys of the meetings that these users manage."""
    return Meeting.managers.through.objects.filter(user__in=users).values("meeting")


def list_participants(caller: Caller, right: str = "view_participant") -> QuerySet[Participant]:
    """The participants for whom the user has the right."""
    if holds(caller, right):
        return Participant.objects.all()
    return Participant.objects.filter(meeting__in=_find_scope(caller, right))


def list_sessions(caller: Caller, right: str = "view_session") -> QuerySet[Session]:
    """Sessions of meetings for which the caller has the right; staff see those of meetings unknown to us too."""
    if holds(caller, right):
        return Session.objects.all()
    return Session.objects.filter(meeting__in=_find_scope(caller, right))


def list_presences(caller: Caller, right: str = "view_presence") -> QuerySet[Presence]:
    """Who came to the meetings for which the caller has the right."""
    if holds(caller, right):
        return Presence.objects.all()
    return Presence.objects.filter(meeting__in=_find_scope(caller, right))


def list_events(caller: Caller) -> QuerySet[Event]:
    """The history, which is of everybody and everything: for who has the right to all of it alone."""
    return Event.objects.all() if holds(caller, "view_event") else Event.objects.none()


def _find_scope(caller: Caller, right: str) -> QuerySet[Any, Any]:
    """Keys of the meetings of who does not have the right for all: without asking what else they hold."""
    if isinstance(caller, ApiKey):
        return list_meetings(caller, right).values("pk")
    return managed_by(caller.pk if as_people(right) in MANAGER_RIGHTS and caller.is_active else None)
