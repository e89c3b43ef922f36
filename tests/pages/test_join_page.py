import re

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from participants.models import Participant
from participants.states import ExpirySource
from tests.factories import NOW, AdminFactory, EnrolledFactory, StaffFactory, UserFactory

pytestmark = pytest.mark.django_db
TOKEN = "eyJhbGciOiJub25lIn0.eyJtZWV0aW5nSWQiOiJhIn0.c2VjcmV0"


def read_policy(client: Client, path: str) -> dict[str, list[str]]:
    header = client.get(path).headers["Content-Security-Policy"]
    parts = [part.split() for part in header.split(";") if part.strip()]
    return {name: values for name, *values in parts}


def test_somebody_signed_out_is_asked_to_sign_in(client: Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert 'data-screen="not_authenticated"' in page
    assert f'href="{reverse("login")}"' in page
    assert "<script" not in page


def test_a_meeting_page_tells_somebody_signed_out_nothing_about_the_meeting(client: Client) -> None:
    row = EnrolledFactory()
    page = client.get(f"/m/{row.meeting_id}/").content.decode()
    assert row.meeting.title not in page
    assert "Sign in to join this meeting" in page


def test_the_page_sets_the_csrf_cookie_its_script_sends_back(client: Client) -> None:
    client.force_login(UserFactory())
    assert "csrftoken" in client.get("/").cookies


def test_the_page_is_not_kept_by_caches(client: Client) -> None:
    client.force_login(UserFactory())
    assert "no-store" in client.get("/").headers["Cache-Control"]


def test_the_page_names_the_meeting_it_was_opened_for(client: Client) -> None:
    client.force_login(UserFactory())
    identifier = "0b0b0b0b-0000-4000-8000-000000000001"
    assert f'data-meeting="{identifier}"' in client.get(f"/m/{identifier}/").content.decode()
    assert 'data-meeting=""' in client.get("/").content.decode()


def test_the_page_says_whom_it_was_made_for(client: Client) -> None:
    user = UserFactory(first_name="Ada", last_name="Example")
    client.force_login(user)
    page = client.get("/").content.decode()
    assert f'data-user="{user.pk}"' in page
    assert ">Ada Example</span>" in page
    assert ">Ada</span>" in page


@pytest.mark.parametrize(
    ("base_url", "provider"),
    [
        ("https://api.cloudflare.com/client/v4", "cloudflare"),
        ("http://127.0.0.1:8787/client/v4", "sandbox"),
        ("https://cloudflare.com.example.org/client/v4", "sandbox"),
    ],
)
def test_the_page_knows_whether_cloudflare_or_a_sandbox_is_behind_it(
    client: Client, settings: LazySettings, base_url: str, provider: str
) -> None:
    settings.REALTIMEKIT_BASE_URL = base_url
    client.force_login(UserFactory())
    assert f'data-provider="{provider}"' in client.get("/").content.decode()


def test_a_token_never_stands_in_the_page(client: Client) -> None:
    row = EnrolledFactory()
    Participant.objects.filter(pk=row.pk).update(
        token=TOKEN, token_issued_at=NOW, token_expires_at=NOW, token_expiry_source=ExpirySource.JWT
    )
    client.force_login(row.person.user)
    for path in ("/", f"/m/{row.meeting_id}/"):
        assert TOKEN not in client.get(path).content.decode()


def test_only_staff_see_the_way_to_the_admin_pages(client: Client) -> None:
    client.force_login(UserFactory())
    assert reverse("admin:index") not in client.get("/").content.decode()
    client.force_login(StaffFactory())
    assert f'href="{reverse("admin:index")}"' in client.get("/").content.decode()


def test_a_name_is_text_wherever_it_is_shown(client: Client) -> None:
    client.force_login(UserFactory(first_name="<script>x</script>", last_name=""))
    assert "<script>x" not in client.get("/").content.decode()


@pytest.mark.parametrize("path", ["/", "/accounts/login/"])
def test_our_pages_carry_no_inline_script_or_style(client: Client, path: str) -> None:
    client.force_login(UserFactory()) if path == "/" else None
    page = client.get(path).content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page)


def test_the_policy_allows_the_sdk_what_it_needs_on_the_join_page_alone(
    client: Client, settings: LazySettings
) -> None:
    settings.REALTIMEKIT_BASE_URL = "https://api.cloudflare.com/client/v4"
    client.force_login(UserFactory())
    policy = read_policy(client, "/")
    assert "https://api.realtime.cloudflare.com" in policy["connect-src"]
    assert "wss://socket-edge.realtime.cloudflare.com" in policy["connect-src"]
    assert policy["script-src"] == ["'self'"]
    assert "'unsafe-inline'" not in policy["style-src"]
    client.logout()
    elsewhere = read_policy(client, reverse("login"))
    assert "connect-src" not in elsewhere
    assert elsewhere["style-src"] == ["'self'"]


def test_in_the_sandbox_the_sdk_may_reach_none_of_cloudflares_services(client: Client) -> None:
    client.force_login(UserFactory())
    allowed = read_policy(client, "/")["connect-src"]
    assert "https://api.realtime.cloudflare.com" not in allowed
    assert not [source for source in allowed if source.startswith("wss:") and "cloudflare" in source]


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/nowhere/", "/admin/login/"])
def test_pages_without_code_of_others_take_no_markup_from_scripts(client: Client, path: str) -> None:
    policy = read_policy(client, path)
    assert policy["require-trusted-types-for"] == ["'script'"]
    assert policy["trusted-types"] == ["'none'"]


@pytest.mark.parametrize("path", ["/", "/admin/", "/admin/participants/meeting/", "/api/docs/"])
def test_pages_whose_packages_write_markup_are_left_to_them(client: Client, path: str) -> None:
    client.force_login(AdminFactory())
    policy = read_policy(client, path)
    assert "require-trusted-types-for" not in policy
    assert "trusted-types" not in policy
    assert "script-src" in policy
    assert "'unsafe-inline'" not in policy["script-src"]


HOSTS = {
    "https://api.realtime.cloudflare.com",
    "https://api-silos.realtime.cloudflare.com",
    "https://da-collector.realtime.cloudflare.com",
    "https://location.realtime.cloudflare.com",
    "https://location-legacy.realtime.cloudflare.com",
    "https://rtk-assets.realtime.cloudflare.com",
    "https://rtk-uploads.realtime.cloudflare.com",
    "https://*.r2.cloudflarestorage.com",
    "wss://socket-edge.realtime.cloudflare.com",
}


def test_the_policy_names_the_hosts_of_the_sdk_and_no_other(client: Client, settings: LazySettings) -> None:
    settings.REALTIMEKIT_BASE_URL = "https://api.cloudflare.com/client/v4"
    client.force_login(UserFactory())
    policy = read_policy(client, "/")
    assert set(policy["connect-src"]) == {"'self'", *HOSTS}
    named = {source for sources in policy.values() for source in sources if "." in source}
    assert named == HOSTS
