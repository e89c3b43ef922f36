"""The last net for secrets, and the request's id on every line."""

import contextvars
import io
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.conf import settings as django_settings

from config.logs import RequestIdFilter, SecretsFilter, request_id

LOGGING: dict[str, Any] = django_settings.LOGGING
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3OTk5OTk5OTl9.c2lnbmF0dXJlLXdpdGgtX2Rhc2g"
API_TOKEN = "an-api-token-of-cloudflare"


@pytest.fixture
def stream(settings: LazySettings) -> Iterator[io.StringIO]:
    """What the console handler of the settings writes."""
    settings.REALTIMEKIT_API_TOKEN = API_TOKEN
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(RequestIdFilter())
    handler.addFilter(SecretsFilter())
    handler.setFormatter(logging.Formatter(LOGGING["formatters"]["line"]["format"]))
    logger = logging.getLogger("tests.logs")
    logger.addHandler(handler)
    yield written
    logger.removeHandler(handler)


@pytest.fixture
def logger(stream: io.StringIO) -> logging.Logger:
    return logging.getLogger("tests.logs")


def test_tokens_are_masked_in_a_message(logger: logging.Logger, stream: io.StringIO) -> None:
    logger.warning("Got %s and %s from %s", TOKEN, {"token": TOKEN}, API_TOKEN)
    assert "Got [token] and {'token': '[token]'} from [api token]" in stream.getvalue()


@pytest.mark.parametrize(
    "text", [TOKEN, TOKEN.rsplit(".", 1)[0], TOKEN.split(".")[0], f"https://x/?authToken={TOKEN}"]
)
def test_a_token_is_masked_whole_in_part_and_in_an_address(
    logger: logging.Logger, stream: io.StringIO, text: str
) -> None:
    logger.warning(text)
    assert "eyJ" not in stream.getvalue()
    assert "[token]" in stream.getvalue()


def test_tokens_are_masked_in_a_traceback(logger: logging.Logger, stream: io.StringIO) -> None:
    try:
        raise ValueError(f"bad {TOKEN} with {API_TOKEN}")
    except ValueError:
        logger.exception("It failed")
    written = stream.getvalue()
    assert "ValueError: bad [token] with [api token]" in written
    assert TOKEN not in written


def test_a_traceback_that_another_handler_wrote_first_is_masked_too(
    logger: logging.Logger, stream: io.StringIO
) -> None:
    record = logger.makeRecord("tests.logs", logging.ERROR, __file__, 1, "It failed", (), None)
    record.exc_text = f"ValueError: bad {TOKEN}"
    logger.handle(record)
    assert "ValueError: bad [token]" in stream.getvalue()


def test_the_secret_of_an_invitation_is_masked(logger: logging.Logger, stream: io.StringIO) -> None:
    logger.warning("open %s", "https://rollcall.example.org/m/1/#rci_5Qk0lS3mC1cWq0yq-D2k8w6s_4J")
    assert "/m/1/#[invitation]" in stream.getvalue()


def test_a_message_with_a_percent_sign_survives(logger: logging.Logger, stream: io.StringIO) -> None:
    logger.warning("%d %% of %s", 50, "100%d")
    assert "50 % of 100%d" in stream.getvalue()


def test_without_an_api_token_nothing_is_mangled(
    logger: logging.Logger, stream: io.StringIO, settings: LazySettings
) -> None:
    settings.REALTIMEKIT_API_TOKEN = ""
    logger.warning("plain")
    assert stream.getvalue().rstrip().endswith("plain")


def test_every_line_has_the_id_of_its_request(logger: logging.Logger, stream: io.StringIO) -> None:
    contextvars.Context().run(logger.warning, "outside")
    token = request_id.set("abc-12345")
    logger.warning("inside")
    request_id.reset(token)
    outside, inside = stream.getvalue().splitlines()
    assert "[-] outside" in outside
    assert "[abc-12345] inside" in inside


def test_every_handler_of_the_settings_has_both_filters() -> None:
    for handler in LOGGING["handlers"].values():
        assert set(handler["filters"]) >= {"request_id", "secrets"}
