"""The services of compose.yaml on PostgreSQL and Valkey, behind a proxy: joins, a killed worker, an upgrade."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
import requests

from participants.demo.visitor import Visitor
from participants.sandbox import Sandbox
from tests.deploy.proxy import Proxy
from tests.deploy.stack import Stack, keep_doing
from tests.processes.conftest import wait_until

Join = Callable[[], requests.Response]


def make_meeting(staff: Visitor, title: str) -> str:
    body = {"title": title, "admission": "signed_in", "default_preset": "group_call_participant"}
    status, made = staff.ask("POST", "/api/v1/manage/meetings/", body)
    assert status == 201, made
    return str(made["id"])


def prepare_join(staff: Visitor, site: str, meeting: str) -> Join:
    """A join of its own connection, as a browser's: answers are told apart by status."""
    cookies = staff.list_cookies()
    headers = {
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "X-CSRFToken": cookies["csrftoken"],
    }
    address = f"{site}/api/v1/meetings/{meeting}/join/"
    return lambda: requests.post(address, json={}, headers=headers, timeout=30)


@pytest.fixture(scope="module")
def meeting(staff: Visitor) -> str:
    return make_meeting(staff, "Smoke")


def test_somebody_joins_through_the_proxy_and_the_token_comes_from_the_cache_then(
    staff: Visitor, proxy: Proxy, meeting: str, realtimekit: Sandbox
) -> None:
    join = prepare_join(staff, proxy.address, meeting)
    first = join()
    realtimekit.requests.clear()
    again = [join() for _ in range(4)]
    assert {answer.status_code for answer in (first, *again)} == {200}
    assert {answer.json()["token"] for answer in again} == {first.json()["token"]}
    assert realtimekit.requests.count("participants.add") + realtimekit.requests.count("participants.refresh") == 0


def test_the_metrics_of_all_processes_move_and_only_the_token_shows_them(
    staff: Visitor, proxy: Proxy, stack: Stack, meeting: str
) -> None:
    join = prepare_join(staff, proxy.address, meeting)
    before = read_metric(stack, 'rollcall_joins_total{cache="hit",verdict="ok"}')
    assert [join().status_code for _ in range(10)] == [200] * 10
    assert read_metric(stack, 'rollcall_joins_total{cache="hit",verdict="ok"}') - before == 10
    # Workers share the folder with web servers here, as under systemd.
    wait_until(lambda: read_metric(stack, "rollcall_pass_seconds_count") > 0, seconds=30)
    assert read_metric(stack, "rollcall_database_up") == 1
    assert requests.get(f"{stack.address_of('web-1')}/metrics", timeout=10).status_code == 401


def read_metric(stack: Stack, name: str) -> float:
    """Of all processes, asked of one; 0 before its first event."""
    token = (stack.folder / "secrets" / "metrics_token").read_text()
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{stack.address_of('web-1')}/metrics", headers=headers, timeout=10)
    assert answer.status_code == 200
    lines = [line for line in answer.text.splitlines() if line.startswith(f"{name} ")]
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


def test_files_with_a_hash_in_their_name_are_kept_for_ever(proxy: Proxy, stack: Stack) -> None:
    page = requests.get(f"{proxy.address}/accounts/login/", timeout=10).text
    hashed = re.findall(r'"(/static/[^"]+\.[0-9a-f]{12}\.css)"', page)
    assert hashed
    for name in hashed:
        answer = requests.get(f"{proxy.address}{name}", timeout=10)
        assert answer.headers["Cache-Control"] == "max-age=315360000, public, immutable"
        assert answer.headers["Content-Encoding"] in {"gzip", "br"}


def test_a_worker_is_killed_and_the_other_one_goes_on(
    staff: Visitor, stack: Stack, meeting: str, realtimekit: Sandbox
) -> None:
    stack.running["worker-1"].kill()
    people = [f"Guest {number} <guest{number}@example.org>" for number in range(20)]
    address = f"/api/v1/manage/meetings/{meeting}/enrolments/"
    status, batch = staff.ask("POST", address, {"people": people, "pre_enrol": True})
    assert status == 202, batch
    wait_until(lambda: read_batch(staff, batch["id"])["counts"]["enrolled"] == 20, seconds=30)
    stack.start("worker-1")


def read_batch(staff: Visitor, key: str) -> dict[str, Any]:
    status, batch = staff.ask("GET", f"/api/v1/manage/batches/{key}/")
    assert status == 200, batch
    return batch


def test_a_web_process_asked_to_stop_answers_the_joins_in_hand(
    staff: Visitor, stack: Stack, realtimekit: Sandbox, meeting: str
) -> None:
    meetings = [make_meeting(staff, f"In hand {number}") for number in range(6)]
    joins = [prepare_join(staff, stack.address_of("web-1"), key) for key in meetings]
    old = stack.running["web-1"]
    with realtimekit.faults.hold("participants.add") as gate, ThreadPoolExecutor(len(joins)) as pool:
        waiting = [pool.submit(join) for join in joins]
        assert gate.wait_for(len(joins))
        old.process.terminate()
        wait_until(lambda: stack.ask_health("web-1") == 503)
        assert not any(future.done() for future in waiting)
        late = prepare_join(staff, stack.address_of("web-1"), meeting)()  # sent before the balancer has seen it
        wait_until(lambda: stack.ask_health("web-1") is None)
        gate.release()
        answers = [late, *(future.result() for future in waiting)]
    assert [answer.status_code for answer in answers] == [200] * (len(joins) + 1)
    assert all(answer.json()["token"] for answer in answers)
    assert old.process.wait(timeout=30) == 0
    stack.start("web-1")


def test_an_upgrade_replaces_one_web_server_after_the_other_and_no_request_fails(
    staff: Visitor, stack: Stack, proxy: Proxy, meeting: str
) -> None:
    join = prepare_join(staff, proxy.address, meeting)
    done = Event()

    def attend() -> list[object]:
        return keep_doing(lambda: join().status_code, until=done.is_set)

    with ThreadPoolExecutor(1) as pool:
        attending = pool.submit(attend)
        try:
            for service in ("web-1", "web-2"):
                assert stack.running[service].stop() == 0
                stack.start_unit(service, "rollcall-web@.service", str(stack.ports[service]))
        finally:
            done.set()
        answers = attending.result()
    assert set(answers) == {200}
    assert len(answers) > 20
