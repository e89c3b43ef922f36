from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from participants.models import Actor, Meeting, Participant, Preset
from participants.sandbox import Sandbox
from participants.services import meetings, sync
from tests.factories import AdminFactory, EnrolledFactory, StaffFactory


@pytest.fixture
def boss() -> User:
    user: User = AdminFactory(username="boss")
    return user


@pytest.fixture
def staff(boss: User) -> Client:
    """A browser in which somebody who may do everything is signed in."""
    client = Client()
    client.force_login(boss)
    return client


@pytest.fixture
def preset(sandbox: Sandbox, by: Actor) -> Preset:
    """The sandbox's presets are known here; this is one of them."""
    sync.pull(by=by)
    return Preset.objects.get(name="group_call_participant")


@pytest.fixture
def meeting(preset: Preset, by: Actor) -> Meeting:
    """Made at the sandbox too."""
    made, trouble = meetings.create(by=by, title="Algebra", default_preset=preset)
    assert trouble is None
    return made


def sign_in(*rights: str) -> Client:
    """A browser of a member of staff with just these rights."""
    client = Client()
    client.force_login(StaffFactory(permissions=list(rights)))
    return client


def make_with_token(**columns: object) -> Participant:
    now = timezone.now()
    row: Participant = EnrolledFactory(
        token="eyJ-a-token-never-to-be-seen",
        token_issued_at=now,
        token_expires_at=now + timedelta(days=90),
        token_expiry_source="jwt",
        **columns,
    )
    return row
