"""One participant's whole life at the real service, to compare it with the contract. Deselected; run with

    ROLLCALL_TEST_LIVE=1 REALTIMEKIT_ACCOUNT_ID=... REALTIMEKIT_APP_ID=... REALTIMEKIT_API_TOKEN=... pytest -m live

It leaves one inactive meeting behind, since RealtimeKit deletes none.
"""

import os
from collections.abc import Iterator

import pytest
from django.utils import timezone

from participants import conf
from participants.realtimekit import Absent, Credentials, RealtimeKit, read_expiry

pytestmark = pytest.mark.live


@pytest.fixture
def client() -> Iterator[RealtimeKit]:
    assert os.environ.get("ROLLCALL_TEST_LIVE") == "1", "set ROLLCALL_TEST_LIVE=1 and REALTIMEKIT_*"
    known = conf.read_realtimekit()
    assert known.is_cloudflare
    with RealtimeKit(Credentials(known.base_url, known.account_id, known.app_id, known.api_token)) as opened:
        yield opened


def test_a_participant_is_added_refreshed_listed_and_deleted(client: RealtimeKit) -> None:
    preset = client.presets.list()[0]
    meeting = client.meetings.create(title="Rollcall contract test")
    try:
        issued = client.participants.add(meeting.id, custom_participant_id="contract-test", preset_name=preset.name)
        assert issued.token is not None
        assert issued.token.value.startswith("eyJ")
        refreshed = client.participants.refresh_token(meeting.id, issued.participant.id)
        assert read_expiry(refreshed.value, now=timezone.now()) is not None
        listed = client.participants.list(meeting.id)
        assert [row.id for row in listed] == [issued.participant.id]
        client.participants.delete(meeting.id, issued.participant.id)
        with pytest.raises(Absent):
            client.participants.get(meeting.id, issued.participant.id)
    finally:
        client.meetings.patch(meeting.id, status="INACTIVE")
