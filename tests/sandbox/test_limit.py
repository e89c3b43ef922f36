"""The global request limit (contract 2.4)."""

from participants.sandbox import Sandbox
from tests.sandbox.caller import Caller, FakeClock


def statuses(caller: Caller, count: int) -> list[int]:
    return [caller.get("meetings").status_code for _ in range(count)]


def test_more_requests_than_the_limit_are_answered_429_until_the_window_is_over(
    caller: Caller, sandbox: Sandbox, clock: FakeClock
) -> None:
    sandbox.limit = (3, 300.0)
    assert statuses(caller, 4) == [200, 200, 200, 429]
    clock.advance(seconds=100)
    refused = caller.get("meetings")
    assert (refused.json()["errors"][0]["code"], refused.headers["Retry-After"]) == (1015, "200")
    clock.advance(seconds=200)
    assert statuses(caller, 4) == [200, 200, 200, 429]


def test_a_refused_request_does_nothing(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.limit = (0, 300.0)
    assert caller.post("meetings", {"title": "x"}).status_code == 429
    assert sandbox.world.meetings() == []


def test_what_is_not_authorized_or_not_the_api_does_not_count(caller: Caller, sandbox: Sandbox) -> None:
    sandbox.limit = (1, 300.0)
    stranger = Caller(sandbox, api_token="wrong")
    assert statuses(stranger, 3) == [401, 401, 401]
    stranger.close()
    assert caller.get(sandbox.webhook_key_url).status_code == 200
    assert caller.control("GET", "health").status_code == 200
    assert statuses(caller, 2) == [200, 429]


def test_the_documented_limit_is_the_default(sandbox: Sandbox) -> None:
    assert sandbox.limit == (3500, 300.0)
