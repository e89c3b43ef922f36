"""The handle by which tests and the demo run a sandbox in their own process."""

import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from participants.sandbox import routing, settings
from participants.sandbox.control import Control
from participants.sandbox.courier import Courier
from participants.sandbox.exchange import Door, Exchange
from participants.sandbox.faults import Faults
from participants.sandbox.limit import RequestLimit
from participants.sandbox.mishaps import Mishaps
from participants.sandbox.requestlog import RequestLog
from participants.sandbox.server import Server
from participants.sandbox.settings import Clock, Duplicates, Limit, Settings
from participants.sandbox.world import World


class Sandbox:
    """A local RealtimeKit. `stop` and `start` again is an outage: the same port, the same world.

    `state_file` is read by `start`, after the port is bound, so that a second sandbox started by mistake fails
    before it touches the first one's file. Without one the world lives as long as this object.

    `deliveries` are the webhooks on their way (`settle` waits for them), `mishaps` what is scripted to befall them.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        account_id: str = settings.ACCOUNT_ID,
        app_id: str = settings.APP_ID,
        api_token: str = settings.API_TOKEN,
        state_file: Path | None = None,
        limit: Limit = settings.LIMIT,
        clock: Clock = settings.utc_now,
    ) -> None:
        self.account_id = account_id
        self.app_id = app_id
        self.api_token = api_token
        self._settings = Settings(limit=limit)
        self.mishaps = Mishaps()
        self.deliveries = Courier(self._settings, self.mishaps.plan)
        self.world = World(
            app_id=app_id,
            settings=self._settings,
            clock=clock,
            state_file=state_file,
            post=self.deliveries.post,
        )
        self.faults = Faults()
        self.requests = RequestLog()
        request_limit = RequestLimit(self._settings)
        self._control = Control(
            world=self.world,
            faults=self.faults,
            settings=self._settings,
            limit=request_limit,
            log=self.requests,
            courier=self.deliveries,
            mishaps=self.mishaps,
        )
        self._exchange = Exchange(
            door=Door(account_id, api_token),
            world=self.world,
            faults=self.faults,
            limit=request_limit,
            log=self.requests,
            control=self._control,
        )
        self._server = Server(host, port, self._exchange.respond)
        if state_file is None:
            self.world.open()

    def start(self) -> Self:
        """Raises OSError when the address is taken, StateUnreadableError when the state file is not one."""
        self._exchange.stopping.clear()
        self._server.bind()
        try:
            self.world.open()
        except BaseException:
            self._server.stop()
            raise
        self._server.accept()
        self.deliveries.start(self.world.close_emptied)
        return self

    def stop(self) -> None:
        self._exchange.stopping.set()
        self.faults.release_all()
        self.deliveries.stop()
        self._server.stop()
        self.world.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def reset(self) -> None:
        """World, faults, log and settings as new."""
        self._control.reset()

    @property
    def delivery_retries(self) -> tuple[float, ...]:
        """Seconds before each further attempt at a delivery that met a 5xx or nobody."""
        return self._settings.delivery_retries

    @delivery_retries.setter
    def delivery_retries(self, seconds: tuple[float, ...]) -> None:
        self._settings.delivery_retries = seconds

    @property
    def address(self) -> str:
        """The server's root, known once started."""
        return f"http://{self._server.host}:{self._server.port}"

    @property
    def base_url(self) -> str:
        """What REALTIMEKIT_BASE_URL gets."""
        return self.address + routing.PREFIX

    @property
    def webhook_key_url(self) -> str:
        return self.address + routing.WELL_KNOWN

    @property
    def token_lifetime(self) -> timedelta | None:
        """Of tokens issued from now on; None leaves `exp` out."""
        return self._settings.token_lifetime

    @token_lifetime.setter
    def token_lifetime(self, lifetime: timedelta | None) -> None:
        self._settings.token_lifetime = lifetime

    @property
    def duplicates(self) -> Duplicates:
        """Adding one custom_participant_id again: a second record, a 409, or the same record with a new token."""
        return self._settings.duplicates

    @duplicates.setter
    def duplicates(self, policy: Duplicates) -> None:
        self._settings.duplicates = policy

    @property
    def limit(self) -> Limit:
        """Requests per seconds."""
        return self._settings.limit

    @limit.setter
    def limit(self, limit: Limit) -> None:
        self._settings.limit = limit


def serve(
    *,
    host: str,
    port: int,
    state_file: Path | None,
    account_id: str = settings.ACCOUNT_ID,
    app_id: str = settings.APP_ID,
    api_token: str = settings.API_TOKEN,
    on_ready: Callable[[Sandbox], None] | None = None,
) -> None:
    """Runs until SIGTERM or SIGINT. Main thread only. `on_ready` is called once requests are answered."""
    interrupted = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        interrupted.set()

    handlers = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    sandbox = Sandbox(
        host=host,
        port=port,
        state_file=state_file,
        account_id=account_id,
        app_id=app_id,
        api_token=api_token,
    )
    try:
        with sandbox:
            if on_ready is not None:
                on_ready(sandbox)
            # In steps: a signal that another thread received does not wake this one, which alone runs handlers.
            while not interrupted.wait(1.0):
                pass
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
