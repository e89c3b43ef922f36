"""The client: one transport, one attribute per resource."""

import time
from collections.abc import Callable
from random import Random
from types import TracebackType
from typing import Self

from participants.realtimekit.apps import Apps
from participants.realtimekit.calls import Credentials
from participants.realtimekit.meetings import Meetings
from participants.realtimekit.participants import Participants
from participants.realtimekit.presets import Presets
from participants.realtimekit.sessions import ActiveSession, Sessions
from participants.realtimekit.transport import AfterCall, BeforeCall, OnAttempt, Transport
from participants.realtimekit.webhooks import Webhooks


class RealtimeKit:
    """Talks to RealtimeKit. Safe to share between threads; every call raises RealtimeKitError or ValueError.

    Timeouts are in seconds: `connect_timeout` covers all addresses of the host, `read_timeout` the whole
    answer. `before_call` gets the operation's name and the deadline before every HTTP attempt and may raise or
    wait; what it raises comes through unchanged. `after_call` gets the operation's name and what went wrong, or
    None, after every attempt that was made; `on_attempt` gets what an operator wants to know of it. Without a
    deadline a call takes at most 30 s, repeats included.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        connect_timeout: float = 3.0,
        read_timeout: float = 10.0,
        before_call: BeforeCall | None = None,
        after_call: AfterCall | None = None,
        on_attempt: OnAttempt | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Random | None = None,
        pool_size: int = 32,
    ) -> None:
        self._credentials = credentials
        self._transport = Transport(
            credentials,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            before_call=before_call,
            after_call=after_call,
            on_attempt=on_attempt,
            clock=clock,
            sleep=sleep,
            random=random or Random(),  # noqa: S311  # jitter, not a secret
            pool_size=pool_size,
        )
        self.apps = Apps(self._transport)
        self.presets = Presets(self._transport)
        self.meetings = Meetings(self._transport)
        self.participants = Participants(self._transport)
        self.sessions = Sessions(self._transport)
        self.active_session = ActiveSession(self._transport)
        self.webhooks = Webhooks(self._transport)

    def close(self) -> None:
        """Close idle connections. A later call opens new ones."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"RealtimeKit({self._credentials!r})"
