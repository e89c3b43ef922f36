"""Trouble on the wire: what was delivered, what is in doubt, and how long it may take."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from participants.realtimekit import Deadline, Misconfigured, NotDelivered, OutcomeUnknown, RealtimeKit
from participants.realtimekit.connections import IDLE_LIMIT, BoundedHTTPConnection
from tests.realtimekit.conftest import (
    API_TOKEN,
    PREFIX,
    FakeTime,
    Handler,
    MakeClient,
    ScriptedServer,
    data,
    drip,
    fall_silent,
    hang_up,
    raw,
    reply,
    serve,
)
from tests.realtimekit.samples import MEETING_ID, meeting
from tests.realtimekit.trust import make_trust

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def deaf_port(*, full: bool) -> Iterator[int]:
    """A port that accepts connections and never speaks; with `full`, one that no longer accepts."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0 if full else 16)) as listener:
        port = listener.getsockname()[1]
        waiting = []
        for _ in range(3 if full else 0):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            waiting.append(filler)
        yield port
        for filler in waiting:
            filler.close()


def create(client: RealtimeKit, **options: Deadline) -> None:
    client.meetings.create(title="Algebra", **options)


def test_a_refused_connection_was_not_delivered(make_client: MakeClient) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotDelivered) as caught:
        create(make_client(f"http://127.0.0.1:{port}"))
    assert caught.value.code == "connection_refused"
    assert "Connection refused" in caught.value.message
    assert caught.value.status is None


def test_a_host_that_does_not_take_the_connection_was_not_reached(make_client: MakeClient) -> None:
    with deaf_port(full=True) as port, pytest.raises(NotDelivered) as caught:
        create(make_client(f"http://127.0.0.1:{port}", connect_timeout=0.2))
    assert caught.value.code == "connect_timeout"


def test_a_tls_handshake_that_hangs_was_not_delivered(make_client: MakeClient) -> None:
    with deaf_port(full=False) as port, pytest.raises(NotDelivered) as caught:
        create(make_client(f"https://127.0.0.1:{port}", connect_timeout=0.2))
    assert caught.value.code == "connect_timeout"


def test_a_server_that_speaks_no_tls_was_not_delivered(server: ScriptedServer, make_client: MakeClient) -> None:
    with pytest.raises(NotDelivered) as caught:
        create(make_client(server.url.replace("http:", "https:")))
    assert caught.value.code == "tls_failed"


@pytest.mark.parametrize(
    "address", ["http://", "gopher://host", "no scheme", "http://[::1", "http://a..b.example", "http://host:port"]
)
def test_an_unusable_address_is_misconfigured(make_client: MakeClient, address: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        create(make_client(address))
    assert caught.value.code == "address_invalid"


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (hang_up, "connection_lost"),
        (fall_silent, "read_timeout"),
        (raw(b""), "connection_lost"),
        (raw(b"nonsense\r\n\r\n"), "connection_lost"),
        (raw(HEAD + b"Content-Length: 500\r\n\r\n{"), "connection_lost"),
        (raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), "connection_lost"),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n"), "connection_lost"),
        (drip(head=b"", endless=b"H"), "read_timeout"),
        (drip(head=HEAD, endless=b"X"), "read_timeout"),
        (drip(head=HEAD + b"Content-Length: 100000\r\n\r\n", endless=b" "), "read_timeout"),
        (drip(head=HEAD + b"Transfer-Encoding: chunked\r\n\r\n", endless=b"0"), "read_timeout"),
    ],
    ids=[
        "hung up",
        "silent",
        "closed",
        "not http",
        "cut body",
        "bad chunk",
        "too many headers",
        "dripping status",
        "dripping headers",
        "dripping body",
        "dripping chunk",
    ],
)
def test_whatever_goes_wrong_after_the_request_left_is_in_doubt(
    server: ScriptedServer, make_client: MakeClient, step: object, code: str
) -> None:
    server.will(step)  # type: ignore[arg-type]  # pytest's marks lose the type
    client = make_client(server.url, read_timeout=0.3)
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown) as caught:
        create(client)
    assert caught.value.code == code
    assert time.monotonic() - started < 2
    assert len(server.requests) == 1


def test_a_deadline_ends_a_dripping_answer_before_the_read_timeout_does(
    server: ScriptedServer, make_client: MakeClient
) -> None:
    server.will(drip(head=HEAD + b"Content-Length: 100000\r\n\r\n", endless=b" "))
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        create(make_client(server.url, clock=time.monotonic), deadline=Deadline.after(0.3))
    assert time.monotonic() - started < 2


def test_a_slow_but_steady_answer_within_the_timeout_is_read(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(raw(HEAD + b'Connection: close\r\n\r\n{"success": true, "data": {"id": "m-1"}}'))
    assert client.meetings.get("m-1").id == "m-1"


def test_connections_are_kept_and_used_again(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(data(meeting()), data(meeting()))
    client.meetings.get(MEETING_ID)
    client.meetings.get(MEETING_ID)
    assert len(set(server.ports)) == 1


def test_a_connection_that_was_idle_for_long_is_not_trusted_again(server: ScriptedServer) -> None:
    with closing(BoundedHTTPConnection(*server.server_address, timeout=1)) as connection:
        connection.connect()
        assert connection.is_connected
        connection.last_used = time.monotonic() - IDLE_LIMIT - 1
        assert not connection.is_connected


def test_every_address_of_a_name_is_tried(server: ScriptedServer, make_client: MakeClient) -> None:
    server.will(data(meeting()))
    client = make_client(server.url.replace("127.0.0.1", "localhost"))
    assert client.meetings.get(MEETING_ID).id == MEETING_ID


def test_threads_share_a_client_without_mixing_answers(server: ScriptedServer, client: RealtimeKit) -> None:
    def echo(handler: Handler) -> None:
        data(meeting(id=handler.path.rsplit("/", 1)[-1]))(handler)

    asked = [f"m-{number}" for number in range(60)]
    server.will(*[echo] * len(asked))
    with ThreadPoolExecutor(12) as threads:
        answered = list(threads.map(lambda meeting_id: client.meetings.get(meeting_id).id, asked))
    assert answered == asked


def test_a_connection_the_server_closed_meanwhile_raises_no_doubt(
    server: ScriptedServer, client: RealtimeKit
) -> None:
    server.will(reply(200, {"success": True, "data": meeting()}, {"Connection": "close"}), data(meeting()))
    client.meetings.get(MEETING_ID)
    create(client)
    assert len(set(server.ports)) == 2


def test_a_closed_client_may_be_used_again(server: ScriptedServer, client: RealtimeKit) -> None:
    server.will(data(meeting()), data(meeting()))
    with client:
        client.meetings.get(MEETING_ID)
    assert client.meetings.get(MEETING_ID).id == MEETING_ID


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server: ScriptedServer, client: RealtimeKit, status: int) -> None:
    server.will(reply(status, b"", {"Location": f"{server.url}/elsewhere"}))
    with pytest.raises(Misconfigured) as caught:
        create(client)
    assert caught.value.code == "redirected"
    assert len(server.requests) == 1


def test_cookies_are_not_kept(server: ScriptedServer, client: RealtimeKit) -> None:
    body = {"success": True, "data": meeting()}
    server.will(reply(200, body, {"Set-Cookie": "__cf_bm=x; Path=/"}), data(meeting()))
    client.meetings.get(MEETING_ID)
    client.meetings.get(MEETING_ID)
    assert "cookie" not in server.requests[1].headers


def test_a_netrc_file_does_not_replace_the_api_token(
    server: ScriptedServer, client: RealtimeKit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server.will(data(meeting()))
    client.meetings.get(MEETING_ID)
    assert server.requests[0].headers["authorization"] == f"Bearer {API_TOKEN}"


def test_a_proxy_of_the_environment_is_used_for_the_world_but_not_for_this_machine(
    server: ScriptedServer, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.url)
    server.will(data(meeting()), data(meeting()), hang_up)
    world = make_client("http://rtk.example/client/v4")
    world.meetings.get(MEETING_ID)
    make_client(server.url).meetings.get(MEETING_ID)
    targets = [seen.target for seen in server.requests]
    assert targets == [
        f"http://rtk.example/client/v4{PREFIX}/meetings/{MEETING_ID}",
        f"{PREFIX}/meetings/{MEETING_ID}",
    ]
    with pytest.raises(OutcomeUnknown):
        create(world)


@pytest.mark.parametrize(
    ("proxy", "error", "code"),
    [
        ("http://127.0.0.1:1", NotDelivered, "proxy_failed"),
        ("socks5://127.0.0.1:1", Misconfigured, "address_invalid"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_cannot_be_used_delivers_nothing(
    make_client: MakeClient,
    monkeypatch: pytest.MonkeyPatch,
    proxy: str,
    error: type[Exception],
    code: str,
    scheme: str,
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(f"{scheme}_proxy", proxy)
    with pytest.raises(error) as caught:
        create(make_client(f"{scheme}://rtk.example"))
    assert getattr(caught.value, "code", None) == code


def test_a_proxy_that_refuses_the_tunnel_delivers_nothing(
    server: ScriptedServer, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", server.url)
    with pytest.raises(NotDelivered) as caught:
        create(make_client("https://rtk.example"))
    assert caught.value.code == "proxy_failed"


def test_a_proxy_that_says_nothing_costs_the_connect_timeout_only(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    started = time.monotonic()
    with deaf_port(full=False) as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        with pytest.raises(NotDelivered):
            create(make_client("https://rtk.example", connect_timeout=0.2))
    assert time.monotonic() - started < 2


def test_tls_is_verified_and_read_to_its_end(
    tmp_path: Path, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, authority = make_trust(tmp_path)
    for secure in serve(ScriptedServer(context)):
        secure.will(data(meeting()), drip(head=HEAD + b"Content-Length: 9999\r\n\r\n", endless=b" "))
        with pytest.raises(NotDelivered) as untrusted:
            create(make_client(secure.url))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
        trusting = make_client(secure.url, read_timeout=0.3)
        found = trusting.meetings.get(MEETING_ID)
        with pytest.raises(OutcomeUnknown) as slow:
            create(trusting)
    assert untrusted.value.code == "tls_failed"
    assert "CERTIFICATE_VERIFY_FAILED" in untrusted.value.message
    assert found.id == MEETING_ID
    assert slow.value.code == "read_timeout"


@pytest.mark.parametrize("missing", ["base_url", "api_token"])
def test_missing_credentials_are_named_before_any_request(
    server: ScriptedServer, make_client: MakeClient, missing: str
) -> None:
    given = {"base_url": server.url, "api_token": API_TOKEN, missing: ""}
    with pytest.raises(Misconfigured) as caught:
        create(make_client(given["base_url"], api_token=given["api_token"]))
    assert caught.value.code == "credentials_missing"
    assert server.requests == []


@pytest.mark.parametrize("token", ["with\nnewline", "with space", "münchen", "tab\t"])
def test_a_token_no_header_can_carry_is_invalid_before_any_request(
    server: ScriptedServer, make_client: MakeClient, token: str
) -> None:
    with pytest.raises(Misconfigured) as caught:
        create(make_client(server.url, api_token=token))
    assert caught.value.code == "token_invalid"
    assert server.requests == []


def test_a_fake_clock_does_not_stretch_real_time(
    server: ScriptedServer, make_client: MakeClient, fake_time: FakeTime
) -> None:
    server.will(fall_silent)
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        create(make_client(server.url), deadline=Deadline.after(0.3, clock=fake_time.clock))
    assert time.monotonic() - started < 2
