"""Who opens the pages in the matrix of them."""

from copy import deepcopy
from http.cookies import SimpleCookie

from django.contrib.auth.models import Permission, User
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse

from tests.admin.pagescene import Scene
from tests.factories import (
    AdminFactory,
    ApiKeyFactory,
    MadeMeetingFactory,
    StaffFactory,
    UserFactory,
    make_secret,
)

OUTSIDERS = ("anonymous", "plain", "guest", "unstaffed", "deactivated", "key")
"""Nobody's staff. ``guest`` came by the scene's invitation, ``unstaffed`` manages its meeting, ``deactivated`` was a
superuser when they signed in, and ``key`` is a program with a key of every scope, which pages do not take."""
STAFF = ("manager", "other_manager", "staff", "superuser")
"""``manager`` manages the scene's meeting and ``other_manager`` another; ``staff`` has no permission at all."""
REST = "rest"
"""Staff with every permission but those that the row names: no other one opens the page."""


def list_permissions() -> QuerySet[Permission]:
    # Django's own sessions have permissions of the same names as ours.
    return Permission.objects.exclude(content_type__app_label="sessions")


def become(caller: str, scene: Scene, named: set[str]) -> Client:
    """``caller`` is one of the above, or the permissions somebody has, joined by +. ``named``: those of the row."""
    client = Client()
    if caller == "anonymous":
        return client
    if caller == "key":
        return Client(headers={"Authorization": f"Bearer {make_secret(ApiKeyFactory().name)}"})
    if caller == "guest":
        answer = client.post(reverse("api:redeem"), {"secret": scene.invitation.secret}, "application/json")
        assert answer.status_code == 200
        return client
    user = _make_user(caller, scene, named)
    client.force_login(user)
    if caller == "deactivated":
        User.objects.filter(pk=user.pk).update(is_active=False)
    return client


class Cast:
    """The callers of one scene, of whom each signs in once and then comes as they were."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._known: dict[tuple[str, ...], tuple[Client, SimpleCookie]] = {}

    def call(self, caller: str, named: set[str]) -> Client:
        """As ``become``."""
        role = (caller, *sorted(named)) if caller == REST else (caller,)
        if role not in self._known:
            client = become(caller, self._scene, named)
            self._known[role] = client, deepcopy(client.cookies)
        client, cookies = self._known[role]
        client.cookies = deepcopy(cookies)
        return client


def _make_user(caller: str, scene: Scene, named: set[str]) -> User:
    user: User
    if caller == "superuser":
        return scene.superuser
    if caller in ("plain", "unstaffed"):
        user = UserFactory()
    elif caller == "deactivated":
        user = AdminFactory()
    elif caller in (*STAFF, REST):
        user = StaffFactory()
    else:
        user = StaffFactory(permissions=caller.split("+"))
    if caller in ("manager", "unstaffed"):
        scene.meeting.managers.add(user)
    if caller == "other_manager":
        MadeMeetingFactory().managers.add(user)
    if caller == REST:
        user.user_permissions.set(list_permissions().exclude(codename__in=named))
    return user
