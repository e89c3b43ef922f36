"""Who may do what. Staff hold model permissions; a meeting's managers hold some of them for that meeting."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet

from participants.models import DriftItem, Meeting, Participant, Presence, Session
from participants.states import DriftAction, DriftKind

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
    }
)
"""What managing a meeting implies. Issuing tokens and naming managers are never implied (design 5)."""

_DRIFT_RIGHTS = {DriftAction.ADOPT: "add_participant", DriftAction.REMOVE: "remove_participant"}


def find_drift_right(item: DriftItem, action: str) -> str:
    """The right that carrying out this action takes: that of whoever does the same by hand."""
    if item.kind in (DriftKind.TITLE_DIFFERS, DriftKind.STATUS_DIFFERS):
        return "change_meeting"
    return _DRIFT_RIGHTS.get(DriftAction(action), "change_participant")


def find_missing_right(user: User | AnonymousUser, meeting: Meeting, chosen: Iterable[tuple[DriftItem, str]]) -> str:
    """A right that these choices take and the user lacks; blank when there is none."""
    needed = {find_drift_right(item, action) for item, action in chosen}
    return next((right for right in sorted(needed) if not may(user, right, meeting)), "")


def holds(user: User | AnonymousUser, right: str) -> bool:
    """Whether a member of staff has the right for all meetings."""
    return bool(user.is_active and user.is_staff and user.has_perm(f"participants.{right}"))


def may(user: User | AnonymousUser, right: str, meeting: Meeting) -> bool:
    """Whether the user has the right for this meeting, by permission or by managing it."""
    if holds(user, right):
        return True
    manages = right in MANAGER_RIGHTS and user.is_active and meeting.managers.filter(pk=user.pk).exists()
    return bool(manages)


def sees_groups(user: User | AnonymousUser) -> bool:
    """Whether the user may know which groups there are; managing a meeting does not imply it."""
    return bool(user.is_active and user.has_perm("auth.view_group"))


def may_tie_groups(user: User | AnonymousUser, meeting: Meeting | None) -> bool:
    """Whether the user may choose the groups of a meeting, or None for a new one: that enrols and removes people."""
    if not sees_groups(user):
        return False
    needed = ("change_meeting" if meeting else "add_meeting", "add_participant", "remove_participant")
    return all(may(user, right, meeting) if meeting else holds(user, right) for right in needed)


def list_meetings(user: User | AnonymousUser, right: str = "view_meeting") -> QuerySet[Meeting]:
    """The meetings for which the user has the right."""
    if holds(user, right):
        return Meeting.objects.all()
    if right not in MANAGER_RIGHTS or not user.is_active:
        return Meeting.objects.none()
    return Meeting.objects.filter(pk__in=managed_by(user.pk))


def managed_by(*users: int | None) -> QuerySet[Any, Any]:
    """Keys of the meetings that these users manage."""
    return Meeting.managers.through.objects.filter(user__in=users).values("meeting")


def list_participants(user: User | AnonymousUser, right: str = "view_participant") -> QuerySet[Participant]:
    """The participants for whom the user has the right."""
    if holds(user, right):
        return Participant.objects.all()
    return Participant.objects.filter(meeting__in=_find_scope(user, right))


def list_sessions(user: User | AnonymousUser, right: str = "view_session") -> QuerySet[Session]:
    """Sessions of meetings for which the user has the right; staff see those of meetings unknown to us too."""
    if holds(user, right):
        return Session.objects.all()
    return Session.objects.filter(meeting__in=_find_scope(user, right))


def list_presences(user: User | AnonymousUser, right: str = "view_presence") -> QuerySet[Presence]:
    """Who came to the meetings for which the user has the right."""
    if holds(user, right):
        return Presence.objects.all()
    return Presence.objects.filter(meeting__in=_find_scope(user, right))


def _find_scope(user: User | AnonymousUser, right: str) -> QuerySet[Any, Any]:
    """Keys of the meetings of who does not have the right for all: without asking what else they hold."""
    return managed_by(user.pk if right in MANAGER_RIGHTS and user.is_active else None)
