"""Guests who may be the same person as a user: shown on both pages, merged after looking at what moves."""

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest

from participants.models import Person
from participants.services import linking, rights
from participants.services.linking import Merger


def list_candidates(person: Person) -> list[Merger]:
    """Mergers that involve this person: a user's with each guest of the address, a guest's with each such user."""
    if person.user is not None:
        return [linking.plan_merger(guest, person) for guest in linking.find_guests(person.user)]
    if not person.email or person.merged_into_id:
        return []
    users = User.objects.filter(email__iexact=person.email, person__isnull=False).order_by("pk")[:5]
    owners = Person.objects.select_related("user").filter(user__in=[user.pk for user in users])
    return [linking.plan_merger(person, owner) for owner in owners]


def describe_candidates(request: HttpRequest, person: Person) -> dict[str, Any]:
    return {
        "mergers": list_candidates(person),
        "may_merge": rights.holds(request.user, "merge_person"),
        "may_open_users": request.user.has_perm("auth.view_user"),
    }


def describe_merger(merger: Merger) -> str:
    """What a merger did, as a sentence."""
    moved, removed = len(merger.moving), len(merger.staying)
    text = f"{merger.guest} was merged into {merger.into}: "
    text += f"{moved} enrolment{'' if moved == 1 else 's'} moved"
    return text + (f", {removed} of the guest's removed where the user has their own." if removed else ".")
