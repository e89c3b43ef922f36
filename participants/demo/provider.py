"""What RealtimeKit's stand-in has seen and knows, asked over HTTP like everything else."""

from types import TracebackType
from typing import Any, Self

import requests

from participants.demo.failures import DemoError
from participants.demo.stack import Stack
from participants.demo.visitor import read_json


class Provider:
    def __init__(self, stack: Stack) -> None:
        self._control = f"{stack.sandbox}/_sandbox"
        keys = stack.credentials
        self._app = f"{stack.api_base}/accounts/{keys.account_id}/realtime/kit/{keys.app_id}"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {stack.credentials.api_token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def count_calls(self, meeting: str) -> dict[str, int]:
        """How often each operation was asked for on one meeting; our own questions are not among them."""
        counts: dict[str, int] = {}
        for seen in self._ask("GET", f"{self._control}/requests")["requests"]:
            if f"/meetings/{meeting}" in seen["path"]:
                counts[seen["operation"]] = counts.get(seen["operation"], 0) + 1
        return counts

    def accepts(self, token: str) -> tuple[bool, str]:
        """Whether the SDK could enter with this token, and as which participant."""
        verdict = self._ask("POST", f"{self._control}/token", {"token": token})
        return bool(verdict["accepted"]), str(verdict["participant_id"])

    def list_custom_ids(self, meeting: str) -> list[str]:
        """The custom ids of everybody RealtimeKit knows in a meeting, once for each record."""
        world = self._ask("GET", f"{self._control}/world")
        rooms: list[dict[str, Any]] = [room for room in world["meetings"] if room["id"] == meeting]
        return [str(row["custom_participant_id"]) for room in rooms for row in room["participants"]]

    def open_lesson(self, title: str, leaving: int = 1, missing: int = 0) -> int:
        """All who are enrolled in that meeting but ``missing`` walk in anew, and ``leaving`` of them out again; how
        many stay.

        Whoever was left inside when the demo was stopped has gone long ago, so an old session ends first.
        """
        rooms = [room for room in self._ask("GET", f"{self._control}/world")["meetings"] if room["title"] == title]
        for room in rooms:
            live = self._ask("GET", f"{self._control}/sessions")["sessions"]
            if any(row["associated_id"] == room["id"] and row["status"] == "LIVE" for row in live):
                self._ask("POST", f"{self._control}/end", {"meeting_id": room["id"]})
            people = [{"meeting_id": room["id"], "participant_id": row["id"]} for row in room["participants"]]
            people = people[missing:]
            for who in people:
                self._ask("POST", f"{self._control}/join", who)
            for who in people[:leaving]:
                self._ask("POST", f"{self._control}/leave", who)
            return max(0, len(people) - leaving)
        return 0

    def add_fault(self, kind: str, operation: str, **options: Any) -> None:
        """Script trouble for the next call of an operation."""
        self._ask("POST", f"{self._control}/faults", {"kind": kind, "operation": operation, **options})

    def add_stranger(self, title: str, name: str) -> None:
        """Somebody of whom Rollcall knows nothing, as added to a meeting in Cloudflare's dashboard."""
        world = self._ask("GET", f"{self._control}/world")
        room = next(room["id"] for room in world["meetings"] if str(room["title"]).startswith(title))
        body = {"name": name, "preset_name": "group_call_participant", "custom_participant_id": f"other-{len(name)}"}
        self._ask("POST", f"{self._app}/meetings/{room}/participants", body)

    def _ask(self, method: str, address: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self._session.request(method, address, json=body, timeout=10)
        if not answer.ok:
            raise DemoError(f"The sandbox answered {answer.status_code} to {method} {address}.")
        return read_json(answer)
