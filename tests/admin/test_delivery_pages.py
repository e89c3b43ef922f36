"""The list of deliveries, the page of one, and having them worked on again."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from participants.models import Delivery, Event, EventKind
from participants.states import DeliveryState
from tests.admin.conftest import sign_in

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/participants/delivery/"


def put(event: str = "meeting.started", **columns: Any) -> Delivery:
    number = Delivery.objects.count()
    body = {"event": event, "meeting": {"title": "Algebra <b>bold</b>"}}
    given = {"received_at": timezone.now(), "body_hash": f"{number:064}", "body": body, "event": event, **columns}
    return Delivery.objects.create(**given)


def count_rows(html: str) -> int:
    return html.count('name="_selected_action"') or len(re.findall(r'<th class="field-what', html))


def look(client: Client, query: str = "") -> str:
    return client.get(LIST + query).content.decode()


def test_deliveries_are_filtered_by_event_state_and_date(staff: Client) -> None:
    put("meeting.ended", state=DeliveryState.DONE, outcome="session_ended")
    put("meeting.transcript", state=DeliveryState.DONE, outcome="ignored_event")
    put("meeting.moved", state=DeliveryState.FAILED, attempts=8, last_error_code="OperationalError")
    put(received_at=timezone.now() - timedelta(days=400))
    assert count_rows(look(staff)) == 4
    assert count_rows(look(staff, "?event=meeting.ended")) == 1
    assert "meeting.moved" in look(staff, "?event=other")
    assert count_rows(look(staff, "?event=other")) == 1
    failed = look(staff, "?state__exact=failed")
    assert count_rows(failed) == 1
    assert "Given up after 8 attempts" in failed
    assert count_rows(look(staff, f"?received_at__year={timezone.now().year}")) == 3


@pytest.mark.parametrize("term", ["cccc3333", "aaaa1111", "u-1"])
def test_deliveries_are_found_by_session_meeting_and_id(staff: Client, term: str) -> None:
    put(session_id_text="cccc3333", remote_meeting_id="aaaa1111", rtk_uuid="u-1")
    put(session_id_text="other")
    assert count_rows(look(staff, f"?q={term}")) == 1
    assert count_rows(look(staff, "?q=nothing")) == 0


def test_the_page_shows_the_body_for_reading_and_no_markup_of_it(staff: Client) -> None:
    row = put(headers={"rtk-uuid": "u-1"}, webhook_id="w-1")
    html = staff.get(f"{LIST}{row.pk}/change/").content.decode()
    assert "&quot;title&quot;: &quot;Algebra &lt;b&gt;bold&lt;/b&gt;&quot;" in html
    assert "rtk-uuid: u-1" in html
    assert "<b>bold" not in html


def test_nothing_can_be_added_changed_or_deleted(staff: Client) -> None:
    row = put()
    assert staff.get(f"{LIST}add/").status_code == 403
    assert staff.get(f"{LIST}{row.pk}/delete/").status_code == 403
    assert staff.post(f"{LIST}{row.pk}/change/", {"event": "x"}).status_code == 403
    assert "delete_selected" not in look(staff)


def replay(client: Client, *rows: Delivery, **more: str) -> Any:
    chosen = {ACTION_CHECKBOX_NAME: [str(row.pk) for row in rows], "action": "replay", "index": "0", **more}
    return client.post(LIST, chosen, follow=True)


def test_a_replay_asks_first_and_then_has_them_worked_on_again(staff: Client) -> None:
    rows = [put(state=DeliveryState.FAILED, attempts=8), put(state=DeliveryState.DONE)]
    asked = replay(staff, *rows).content.decode()
    assert "Replay 2 deliveries?" in asked
    assert not Delivery.objects.filter(state=DeliveryState.NEW).exists()
    done = replay(staff, *rows, post="yes").content.decode()
    assert "2 deliveries are worked on again in a moment." in done
    assert Delivery.objects.filter(state=DeliveryState.NEW, attempts=0).count() == 2
    event = Event.objects.get(kind=EventKind.REPLAYED)
    assert (event.actor_name, event.data) == ("boss", {"deliveries": 2})


def test_all_that_match_are_replayed_not_only_those_of_one_page(staff: Client) -> None:
    rows = [put(state=DeliveryState.DONE) for _ in range(60)]
    asked = replay(staff, rows[0], select_across="1").content.decode()
    assert "Replay 60 deliveries?" in asked
    assert "and 40 more" in asked
    replay(staff, rows[0], select_across="1", post="yes")
    assert Delivery.objects.filter(state=DeliveryState.NEW).count() == 60


def test_one_is_replayed_from_its_page_which_comes_back(staff: Client) -> None:
    row = put(state=DeliveryState.DONE)
    assert "Replay …" in staff.get(f"{LIST}{row.pk}/change/").content.decode()
    assert "Replay this delivery?" in replay(staff, row).content.decode()
    assert replay(staff, row, post="yes").redirect_chain[-1][0] == f"{LIST}{row.pk}/change/"


def test_one_in_hand_is_left_alone_and_that_is_said(staff: Client) -> None:
    row = put()
    Delivery.objects.claim(row.pk, seconds=60)
    assert "1 in hand at this moment is left alone" in replay(staff, row, post="yes").content.decode()


def test_seeing_and_replaying_are_rights_of_their_own() -> None:
    row = put(state=DeliveryState.DONE)
    assert sign_in("view_meeting").get(LIST).status_code == 403
    reader = sign_in("view_delivery")
    assert "Replay" not in look(reader)
    assert "Replay" not in reader.get(f"{LIST}{row.pk}/change/").content.decode()
    replay(reader, row, post="yes")
    assert Delivery.objects.get().state == DeliveryState.DONE
    replay(sign_in("view_delivery", "replay_delivery"), row, post="yes")
    assert Delivery.objects.get().state == DeliveryState.NEW


def test_the_list_takes_a_fixed_number_of_queries_and_no_bodies(staff: Client) -> None:
    put()
    look(staff)
    with CaptureQueriesContext(connection) as few:
        look(staff)
    for _ in range(40):
        put()
    with CaptureQueriesContext(connection) as many:
        look(staff)
    assert len(many) == len(few)
    assert not any('"participants_delivery"."body",' in query["sql"] for query in many)
