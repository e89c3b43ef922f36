"""The expiry a token states is read without trusting it."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from participants.realtimekit import ParticipantToken, read_expiry
from tests.realtimekit.samples import make_jwt

NOW = datetime(2027, 1, 11, 8, tzinfo=UTC)


def at(**delta: float) -> int:
    return int((NOW + timedelta(**delta)).timestamp())


@pytest.mark.parametrize("exp", [at(days=100), float(at(days=100)), str(at(days=100))])
def test_exp_is_read_as_any_kind_of_number(exp: object) -> None:
    assert read_expiry(make_jwt(exp=exp), now=NOW) == NOW + timedelta(days=100)


@pytest.mark.parametrize(
    "exp",
    [
        at(seconds=0),
        at(seconds=-1),
        at(days=366),
        at(days=100) * 1000,
        0,
        -5,
        1e308,
        None,
        True,
        "soon",
        [],
        {},
        "nan",
        "inf",
    ],
)
def test_an_exp_that_cannot_be_right_counts_as_absent(exp: object) -> None:
    assert read_expiry(make_jwt(exp=exp), now=NOW) is None


def test_an_exp_a_year_ahead_is_still_believed() -> None:
    assert read_expiry(make_jwt(exp=at(days=365)), now=NOW) == NOW + timedelta(days=365)


@pytest.mark.usefixtures("without_collecting")
@pytest.mark.parametrize(
    "token",
    [
        "",
        "opaque",
        "a.b",
        "..",
        "eyJh.%%%.x",
        "eyJh.ä.x",
        make_jwt(),
        "x." + base64.urlsafe_b64encode(b"[1]").decode() + ".y",
        "x." + base64.urlsafe_b64encode(b"\xff\xfe").decode() + ".y",
        "x." + base64.urlsafe_b64encode(b"[" * 100_000).decode() + ".y",
    ],
)
def test_a_token_that_says_nothing_has_no_expiry(token: str) -> None:
    assert read_expiry(token, now=NOW) is None


def test_both_alphabets_and_padding_are_understood() -> None:
    claims = json.dumps({"n": "???>>>", "exp": at(days=1)}).encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert read_expiry(f"h.{encode(claims).decode()}.s", now=NOW) == NOW + timedelta(days=1)


def test_a_token_never_shows_its_value() -> None:
    token = ParticipantToken.of(make_jwt(exp=1))
    assert token.value not in f"{token} {token!r} {[token]}"
    assert token.expires_at is None
