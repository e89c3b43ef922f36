from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from tests.factories import AdminFactory
from tests.signin.apps import App, set_up
from tests.signin.browsing import Surfer, close_all
from tests.signin.provider import CLIENT_ID, CLIENT_SECRET, Provider


@pytest.fixture(autouse=True)
def _serve_static_files_as_they_are(settings: LazySettings) -> None:
    # The test server finds files by their own names; hashing is collectstatic's business.
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def provider(settings: LazySettings) -> Iterator[Provider]:
    """A running provider, with the settings pointed at it."""
    with Provider() as running:
        settings.OIDC_ISSUER = settings.OIDC_SERVER_URL = running.issuer
        settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET
        settings.OIDC_NAME = "Example School"
        yield running


@pytest.fixture(autouse=True)
def _close_browsers() -> Iterator[None]:
    yield
    close_all()


@pytest.fixture
def surfer(live_server: LiveServer) -> Surfer:
    return Surfer(live_server.url)


@pytest.fixture
def staff_mfa(settings: LazySettings) -> None:
    settings.STAFF_MFA = "required"


@pytest.fixture
def boss() -> User:
    user: User = AdminFactory(username="boss", email="boss@example.org")
    return user


@pytest.fixture
def app(surfer: Surfer, boss: User) -> App:
    """The boss's app; the browser it was set up in has given a code, which counts no more."""
    surfer.sign_in("boss", next="/admin/")
    found, _ = set_up(surfer)
    return found


@pytest.fixture
def fresh(live_server: LiveServer) -> Surfer:
    """Another browser."""
    return Surfer(live_server.url)
