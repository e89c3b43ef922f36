from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from pytest_django.live_server_helper import LiveServer

from tests.signin.browsing import Surfer
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


@pytest.fixture
def surfer(live_server: LiveServer) -> Surfer:
    return Surfer(live_server.url)
