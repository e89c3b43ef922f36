"""The endpoint by which other processes script the sandbox and look into it: everything under `/_sandbox/`."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from participants.sandbox.answers import Answer, Json, Refusal, as_json
from participants.sandbox.courier import Courier
from participants.sandbox.faults import Faults
from participants.sandbox.limit import RequestLimit
from participants.sandbox.mishaps import Mishaps
from participants.sandbox.records import stamp
from participants.sandbox.requestlog import LoggedRequest, RequestLog
from participants.sandbox.settings import DUPLICATES, Limit, Settings
from participants.sandbox.visits import Visits
from participants.sandbox.world import World

PREFIX = "/_sandbox/"
VISIT = PREFIX + "visit"


class Control:
    """Counts toward no limit, is in no log, meets no fault."""

    def __init__(
        self,
        *,
        world: World,
        faults: Faults,
        settings: Settings,
        limit: RequestLimit,
        log: RequestLog,
        courier: Courier,
        mishaps: Mishaps,
    ) -> None:
        self._world = world
        self._faults = faults
        self._settings = settings
        self._initial_limit = settings.limit
        self._limit = limit
        self._log = log
        self._courier = courier
        self._mishaps = mishaps
        self._visits = Visits(world)
        self._actions: dict[tuple[str, str], Callable[[Json], Json]] = {
            ("GET", "health"): lambda _: {"status": "ok"},
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "requests"): self._show_requests,
            ("DELETE", "requests"): self._clear_requests,
            ("GET", "world"): self._show_world,
            ("POST", "settings"): self._change_settings,
            ("POST", "token"): self._judge_token,
            ("POST", "reset"): self._reset,
            ("POST", "mishaps"): self._add_mishap,
            ("DELETE", "mishaps"): self._clear_mishaps,
            ("GET", "deliveries"): self._show_deliveries,
            ("POST", "webhook-key"): self._rotate_key,
            **self._visits.list_actions(),
        }

    @staticmethod
    def owns(path: str) -> bool:
        return path.startswith(PREFIX)

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """Raises Refusal: 404 for an unknown action, 400 for a body that makes no sense."""
        action = self._actions.get((method, path.removeprefix(PREFIX).rstrip("/")))
        if action is None:
            raise Refusal(404, "the sandbox has no such control")
        return as_json(200, action(_parse(body)))

    def answer_visit(self, method: str, body: bytes) -> Answer:
        """For a page of another origin that holds a participant's token. Raises Refusal."""
        if method != "POST":
            raise Refusal(405, "a visit is a POST")
        return as_json(200, self._visits.visit(_parse(body)))

    def reset(self) -> None:
        """As new: the keys stay, everything else goes."""
        self._faults.clear()
        self._mishaps.clear()
        self._world.reset()
        self._courier.clear()
        self._log.clear()
        self._settings.reset(self._initial_limit)
        self._limit.reset()

    def _add_fault(self, body: Json) -> Json:
        try:
            fault = self._faults.add(**body)
        except (TypeError, ValueError) as wrong:
            raise Refusal(400, str(wrong)) from wrong
        return {"kind": fault.kind, "operation": fault.operation, "times": fault.times, **fault.options}

    def _clear_faults(self, _: Json) -> Json:
        self._faults.clear()
        return {}

    def _add_mishap(self, body: Json) -> Json:
        try:
            mishap = self._mishaps.add(**body)
        except (TypeError, ValueError) as wrong:
            raise Refusal(400, str(wrong)) from wrong
        return {"kind": mishap.kind, "event": mishap.operation, "times": mishap.times, **mishap.options}

    def _clear_mishaps(self, _: Json) -> Json:
        self._mishaps.clear()
        return {}

    def _show_deliveries(self, _: Json) -> Json:
        return {"deliveries": [sending.shown() for sending in self._courier.all()]}

    def _rotate_key(self, _: Json) -> Json:
        return {"publicKey": self._world.rotate_webhook_key().public_pem}

    def _show_requests(self, _: Json) -> Json:
        return {"requests": [_shown(entry) for entry in self._log.all()]}

    def _clear_requests(self, _: Json) -> Json:
        self._log.clear()
        return {}

    def _show_world(self, _: Json) -> Json:
        with self._world.lock:
            meetings = [
                {
                    **meeting.shown(),
                    "participants": [row.shown() for row in self._world.participants(meeting.id)],
                }
                for meeting in self._world.meetings()
            ]
            return {"meetings": meetings, "presets": [preset.name for preset in self._world.presets()]}

    def _change_settings(self, body: Json) -> Json:
        if strange := body.keys() - {"token_lifetime_seconds", "duplicates", "limit", "delivery_retries"}:
            raise Refusal(400, f"there is no setting {', '.join(sorted(strange))}")
        # Everything is read before anything is changed.
        lifetime = _lifetime(body.get("token_lifetime_seconds"))
        duplicates = body.get("duplicates", self._settings.duplicates)
        if duplicates not in DUPLICATES:
            raise Refusal(400, f"duplicates is one of {', '.join(DUPLICATES)}")
        limit = _limit(body["limit"]) if "limit" in body else self._settings.limit
        retries = _seconds(body.get("delivery_retries", self._settings.delivery_retries))
        if "token_lifetime_seconds" in body:
            self._settings.token_lifetime = lifetime
        self._settings.duplicates = duplicates
        self._settings.limit = limit
        self._settings.delivery_retries = retries
        return self._shown_settings()

    def _shown_settings(self) -> Json:
        lifetime = self._settings.token_lifetime
        return {
            "token_lifetime_seconds": None if lifetime is None else lifetime.total_seconds(),
            "duplicates": self._settings.duplicates,
            "limit": list(self._settings.limit),
            "delivery_retries": list(self._settings.delivery_retries),
        }

    def _judge_token(self, body: Json) -> Json:
        token = body.get("token")
        if not isinstance(token, str):
            raise Refusal(400, "token is a string")
        verdict = self._world.judge(token)
        participant_id = None if verdict == "bad_token" else self._world.participant_of(token)
        return {"accepted": verdict == "ok", "participant_id": participant_id, "reason": verdict}

    def _reset(self, _: Json) -> Json:
        self.reset()
        return {}


def _parse(body: bytes) -> Json:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        raise Refusal(400, "the body is not JSON") from None
    if not isinstance(parsed, dict):
        raise Refusal(400, "the body is an object")
    return parsed


def _shown(entry: LoggedRequest) -> Json:
    return {
        "method": entry.method,
        "path": entry.path,
        "query": dict(entry.query),
        "operation": entry.operation,
        "status": entry.status,
        "at": stamp(entry.at),
        "body": entry.body,
        "delivered": entry.delivered,
    }


def _lifetime(seconds: Any) -> timedelta | None:
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise Refusal(400, "token_lifetime_seconds is a number or null")
    return timedelta(seconds=seconds)


def _seconds(delays: Any) -> tuple[float, ...]:
    try:
        return tuple(float(delay) for delay in delays)
    except (TypeError, ValueError):
        raise Refusal(400, "delivery_retries is a list of seconds") from None


def _limit(pair: Any) -> Limit:
    try:
        count, seconds = pair
        return int(count), float(seconds)
    except (TypeError, ValueError):
        raise Refusal(400, "limit is a pair: requests, seconds") from None
