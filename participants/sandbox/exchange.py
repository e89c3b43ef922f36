"""From a request to a reply: log, trouble, authorization, limit, handler."""

import hmac
import threading
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import parse_qsl

from participants.sandbox import damage, webhooks
from participants.sandbox.answers import AUTHENTICATION, NO_ROUTE, Answer, Refusal
from participants.sandbox.call import MOST_PER_PAGE, Call
from participants.sandbox.connection import Reply, Request
from participants.sandbox.control import VISIT, Control
from participants.sandbox.faults import Faults, Plan
from participants.sandbox.limit import RequestLimit
from participants.sandbox.requestlog import LoggedRequest, RequestLog, readable
from participants.sandbox.routing import WELL_KNOWN, Match, match
from participants.sandbox.world import World


@dataclass(frozen=True)
class Door:
    """Who may come in: one account, one API token."""

    account_id: str
    api_token: str

    def check_token(self, request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        expected = self.api_token.encode()
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), expected):
            raise Refusal(401, "Authentication error", shape="C", code=AUTHENTICATION)

    def check_account(self, world: World, found: Match) -> None:
        """Another account is not ours to see; another app is no place the edge could route to."""
        if found.params["account_id"] != self.account_id:
            raise Refusal(403, "Authentication error", shape="C", code=AUTHENTICATION)
        app_id = found.params.get("app_id")
        if app_id is not None and world.app_rows.get(app_id) is None:
            raise no_route()


class Exchange:
    """Called by many threads at once; `stopping` cuts scripted latency short."""

    def __init__(
        self,
        *,
        door: Door,
        world: World,
        faults: Faults,
        limit: RequestLimit,
        log: RequestLog,
        control: Control,
    ) -> None:
        self._door = door
        self._world = world
        self._faults = faults
        self._limit = limit
        self._log = log
        self._control = control
        self.stopping = threading.Event()

    def respond(self, request: Request) -> Reply:
        path, _, query = request.target.partition("?")
        if path == VISIT:
            return Reply(self._visit(request), _nothing)
        if self._control.owns(path):
            return Reply(self._checked_control(request, path), _nothing)
        found = match(request.method, path)
        arguments = dict(parse_qsl(query, keep_blank_values=True))
        ticket = self._log.arrived(
            LoggedRequest(
                method=request.method,
                path=path,
                operation=found.operation,
                status=None,
                at=self._world.now(),
                body=readable(request.body),
                delivered=False,
                query=arguments,
            )
        )
        answer = self._answer(request, path, found, arguments)
        if answer is not None:
            # Noted before it is sent: whoever has the answer must find it in the log.
            self._log.answered(ticket, answer.status)
        return Reply(answer, lambda: self._log.lost(ticket))

    def _visit(self, request: Request) -> Answer:
        """Asked by a browser's page of another origin, which has a participant's token and no other."""
        try:
            answer = self._control.answer_visit(request.method, request.body)
        except Refusal as refusal:
            answer = refusal.answer
        return replace(answer, headers={**answer.headers, "Access-Control-Allow-Origin": "*"})

    def _checked_control(self, request: Request, path: str) -> Answer:
        try:
            self._door.check_token(request)
            return self._control.answer(request.method, path, request.body)
        except Refusal as refusal:
            return refusal.answer

    def _answer(self, request: Request, path: str, found: Match, arguments: dict[str, str]) -> Answer | None:
        if self._faults.is_down:
            return None
        plan = self._faults.plan(found.operation)
        self._wait(plan, performed=False)
        if plan.ending is not None and not damage.comes_after(plan.ending):
            answer = damage.before(plan.ending)
        else:
            answer = self._perform(request, path, found, arguments, plan)
            self._wait(plan, performed=True)
            if plan.ending is not None:
                answer = damage.after(plan.ending, answer)
        interval = plan.option("drip", "interval")
        return replace(answer, drip=interval) if answer is not None and interval is not None else answer

    def _wait(self, plan: Plan, *, performed: bool) -> None:
        for gate in plan.gates:
            if gate.performed is performed:
                gate.hold()
        seconds = plan.latency(performed=performed)
        if seconds:
            self.stopping.wait(seconds)

    def _perform(self, request: Request, path: str, found: Match, arguments: dict[str, str], plan: Plan) -> Answer:
        try:
            if not found.allowed:
                raise no_route()
            if request.method not in found.allowed:
                return _not_allowed(found)
            if path == WELL_KNOWN or found.handler is None:
                return webhooks.well_known(self._world)
            self._door.check_token(request)
            wait = self._limit.take(self._world.now())
            if wait is not None:
                return damage.rate_limited(wait)
            self._door.check_account(self._world, found)
            return found.handler(self._call(request, found, arguments, plan))
        except Refusal as refusal:
            return refusal.answer

    def _call(self, request: Request, found: Match, arguments: dict[str, str], plan: Plan) -> Call:
        seconds = plan.option("hide_new", "seconds")
        return Call(
            world=self._world,
            app_id=found.params.get("app_id", self._world.app_id),
            params=found.params,
            query=arguments,
            raw_body=request.body,
            page_ceiling=plan.option("page_size", "size") or MOST_PER_PAGE,
            hide_for=None if seconds is None else timedelta(seconds=seconds),
        )


def no_route() -> Refusal:
    message = "Could not route the request, perhaps your object identifier is invalid?"
    return Refusal(404, message, shape="C", code=NO_ROUTE)


def _not_allowed(found: Match) -> Answer:
    answer = Refusal(405, "Method not allowed").answer
    return replace(answer, headers={"Allow": ", ".join(found.allowed)})


def _nothing() -> None:
    """A control answer nobody read changes nothing."""
