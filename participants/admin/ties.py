"""The groups that a meeting follows, as its page shows them: who is in by them, and who is left out and why."""

from dataclasses import dataclass

from django.contrib.auth.models import Group
from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse

from participants.admin.access import may
from participants.models import Meeting, Participant
from participants.services import groups, rights
from participants.states import REMOVABLE, Source

SHOWN = 20
"""Members left out who are named; more are counted."""
_REASONS = {
    "full": "No place left; taken in when one is free",
    "blocked": "Blocked",
    "removed": "Removed before; restore them by hand",
    "no_preset": "The meeting has no usable default preset",
    "waiting": "Enrolled by the next pass",
}


@dataclass(frozen=True)
class Ties:
    """``groups``: names with their active members, and a link or none. ``left_out``: names with a reason."""

    groups: list[tuple[str, int, str]]
    enrolled: int
    enrolled_link: str
    left_out: list[tuple[str, str]]
    more: int


def describe_ties(request: HttpRequest, meeting: Meeting) -> Ties | None:
    """None for a meeting that follows no group, and for those who may not see groups."""
    if not rights.sees_groups(request.user):
        return None
    active = Count("user", filter=Q(user__is_active=True))
    tied = Group.objects.filter(meetings=meeting).order_by("name").annotate(members=active)
    people = Participant.objects.filter(meeting=meeting, source=Source.GROUP, state__in=REMOVABLE).count()
    rows = list(tied.values_list("pk", "name", "members"))
    if not rows and not people:
        return None
    link, left, count = "", list[groups.LeftOut](), 0
    if may(request, "view_participant", meeting):
        url = reverse("admin:participants_participant_changelist")
        link = f"{url}?meeting={meeting.pk}&source__exact={Source.GROUP}"
        left, count = groups.list_left_out(meeting, limit=SHOWN)
    changes = request.user.has_perm("auth.change_group")
    return Ties(
        groups=[
            (name, members, reverse("admin:auth_group_change", args=[pk]) if changes else "")
            for pk, name, members in rows
        ],
        enrolled=people,
        enrolled_link=link,
        left_out=[(item.user.get_full_name() or item.user.get_username(), _REASONS[item.reason]) for item in left],
        more=count - len(left),
    )
