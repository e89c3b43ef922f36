import pytest

from participants.demo import cast, welcome
from participants.demo.folder import Folder
from participants.demo.stack import Stack


def test_an_operators_own_settings_do_not_reach_the_demo(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = {
        "DATABASE_URL": "postgres://production.example/rollcall",
        "REALTIMEKIT_API_TOKEN": "a real one",
        "REALTIMEKIT_BASE_URL": "https://api.cloudflare.com/client/v4",
        "DJANGO_SECRET_KEY": "a real one",
        "DJANGO_TRUSTED_PROXIES": "10.0.0.0/8",
        "CACHE_URL": "redis://production.example",
        "HTTP_PROXY": "http://proxy.example",
    }
    for name, value in foreign.items():
        monkeypatch.setenv(name, value)
    env = Stack(folder, 9301, 9302).build_environment()
    assert not set(foreign.values()) & set(env.values())
    assert env["REALTIMEKIT_BASE_URL"] == "http://127.0.0.1:9302/client/v4"
    assert "DATABASE_URL" not in env


def test_the_welcome_names_addresses_accounts_and_what_to_try(folder: Folder) -> None:
    stack = Stack(folder, 9301, 9302)
    said = welcome.compose(stack, seconds=1.0)
    for needed in (
        "http://127.0.0.1:9301/admin/",
        "http://127.0.0.1:9301/api/docs/",
        "http://127.0.0.1:9302",
        cast.PASSWORD,
        f"/admin/participants/meeting/{cast.ALGEBRA.id}/enrol/",
        *(account.username for account in cast.ACCOUNTS),
    ):
        assert needed in said
    assert stack.credentials.api_token not in said
    assert stack.credentials.secret_key not in said
