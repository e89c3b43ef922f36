"""Who may do what. Staff hold model permissions; a meeting's managers hold some of them for that meeting."""

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q, QuerySet

from participants.models import Meeting, Participant, Presence, Session

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


def holds(user: User | AnonymousUser, right: str) -> bool:
    """Whether a member of staff has the right for all meetings."""
    return bool(user.is_active and user.is_staff and user.has_perm(f"participants.{right}"))


def may(user: User | AnonymousUser, right: str, meeting: Meeting) -> bool:
    """Whether the user has the right for this meeting, by permission or by managing it."""
    if holds(user, right):
        return True
    manages = right in MANAGER_RIGHTS and user.is_active and meeting.managers.filter(pk=user.pk).exists()
    return bool(manages)


def list_meetings(user: User | AnonymousUser, right: str = "view_meeting") -> QuerySet[Meeting]:
    """The meetings for which the user has the right."""
    if holds(user, right):
        return Meeting.objects.all()
    if right not in MANAGER_RIGHTS or not user.is_active:
        return Meeting.objects.none()
    return Meeting.objects.filter(pk__in=Meeting.objects.filter(Q(managers=user.pk)).values("pk"))


def list_participants(user: User | AnonymousUser, right: str = "view_participant") -> QuerySet[Participant]:
    """The participants for whom the user has the right."""
    if holds(user, right):
        return Participant.objects.all()
    return Participant.objects.filter(meeting__in=list_meetings(user, right).values("pk"))


def list_sessions(user: User | AnonymousUser, right: str = "view_session") -> QuerySet[Session]:
    """Sessions of meetings for which the user has the right; staff see those of meetings unknown to us too."""
    if holds(user, right):
        return Session.objects.all()
    return Session.objects.filter(meeting__in=list_meetings(user, right).values("pk"))


def list_presences(user: User | AnonymousUser, right: str = "view_presence") -> QuerySet[Presence]:
    """Who came to the meetings for which the user has the right."""
    if holds(user, right):
        return Presence.objects.all()
    return Presence.objects.filter(session__meeting__in=list_meetings(user, right).values("pk"))
