"""A bare HTTP caller of a sandbox: no client of ours in between."""

from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from requests import Response

from participants.sandbox import Sandbox

TIMEOUT = 10.0


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2027, 1, 11, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


class Caller:
    """Calls with the sandbox's own credentials. Paths are relative to the app."""

    def __init__(self, sandbox: Sandbox, *, api_token: str | None = None, app_id: str | None = None) -> None:
        self.account = f"{sandbox.base_url}/accounts/{sandbox.account_id}/realtime/kit"
        self.kit = f"{self.account}/{app_id or sandbox.app_id}"
        self.address = sandbox.address
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {api_token or sandbox.api_token}"

    def close(self) -> None:
        self.session.close()

    def call(self, method: str, path: str, body: object = None, **options: Any) -> Response:
        address = path if path.startswith("http") else f"{self.kit}/{path}"
        return self.session.request(method, address, json=body, timeout=TIMEOUT, **options)

    def get(self, path: str, **query: object) -> Response:
        return self.call("GET", path, params=query)

    def post(self, path: str, body: object = None) -> Response:
        return self.call("POST", path, body)

    def patch(self, path: str, body: object) -> Response:
        return self.call("PATCH", path, body)

    def put(self, path: str, body: object) -> Response:
        return self.call("PUT", path, body)

    def delete(self, path: str) -> Response:
        return self.call("DELETE", path)

    def control(self, method: str, action: str, body: object = None) -> Response:
        return self.call(method, f"{self.address}/_sandbox/{action}", body)

    def create_meeting(self, title: str | None = "Algebra") -> str:
        meeting_id: str = self.post("meetings", {"title": title}).json()["data"]["id"]
        return meeting_id

    def add(self, meeting_id: str, custom_id: str = "u-1", preset: str = "group_call_participant") -> Any:
        """The answer's data: the participant with a token."""
        body = {"custom_participant_id": custom_id, "preset_name": preset, "name": "Ada"}
        return self.post(f"meetings/{meeting_id}/participants", body).json()["data"]
