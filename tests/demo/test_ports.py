import socket
from collections.abc import Iterator

import pytest

from participants.demo.failures import DemoError
from participants.demo.ports import HOST, find_any, find_free, read_wanted


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen()
        yield int(server.getsockname()[1])


def test_a_free_port_is_used_as_asked() -> None:
    port = find_any()
    assert find_free(port) == port


def test_a_taken_port_gives_way_to_a_later_one(taken: int) -> None:
    assert find_free(taken) > taken


def test_a_port_promised_to_somebody_else_is_not_given_twice() -> None:
    port = find_any()
    assert find_free(port, avoid=(port,)) != port


def test_the_default_holds_when_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    assert read_wanted("PORT", 8000) == 8000
    monkeypatch.setenv("PORT", " 9301 ")
    assert read_wanted("PORT", 8000) == 9301


@pytest.mark.parametrize("text", ["eighty", "0", "65536", "-1", "80.5"])
def test_what_is_no_port_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PORT", text)
    with pytest.raises(DemoError, match="PORT must be a port number"):
        read_wanted("PORT", 8000)


def test_no_port_left_is_said() -> None:
    with pytest.raises(DemoError, match="No free port"):
        find_free(65_535, avoid=(65_535,))
