"""Pooled connections that know two things urllib3 does not tell.

Whether the first byte of a request could have left: that alone separates "not delivered" from "outcome
unknown", and no exception type says it reliably (a TLS error may come before or after). And when to stop
reading: a timeout per read lets a server that sends one byte a second hold a thread for ever.
"""

import http.client
import io
import math
import socket
import threading
import time
from itertools import chain, zip_longest
from typing import Any

import urllib3.exceptions
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidProxyURL
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

# A connection idle for longer is not reused: a balancer may have forgotten it without a word, and a request
# lost that way would leave a needless doubt.
IDLE_LIMIT = 15.0
ADDRESSES_TRIED = 3
SHORTEST_WAIT = 0.05


class Exchange(threading.local):
    """The one request the current thread is making."""

    departed = False
    reused = False
    wants_fresh = False
    give_up_at = math.inf
    read_until = math.inf
    read_timeout = math.inf

    def begin(self, *, connect_timeout: float, read_timeout: float, total: float, fresh: bool) -> None:
        now = time.monotonic()
        self.departed = self.reused = False
        self.wants_fresh = fresh
        self.read_timeout = read_timeout
        self.give_up_at = now + total
        # Until the request leaves, the only thing to read is a proxy's word on the tunnel.
        self.read_until = now + min(connect_timeout, total)

    def depart(self) -> None:
        self.departed = True
        self.read_until = min(self.give_up_at, time.monotonic() + self.read_timeout)


exchange = Exchange()


class BoundedReader(io.RawIOBase):
    """A socket's stream that ends in TimeoutError at one moment, however the bytes trickle in."""

    def __init__(self, stream: io.RawIOBase, sock: socket.socket, read_until: float) -> None:
        self._stream = stream
        self._sock = sock
        self._read_until = read_until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        remaining = self._read_until - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(None if math.isinf(remaining) else remaining)
        count: int | None = self._stream.readinto(buffer)
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


class BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(BoundedReader(self.fp.detach(), sock, exchange.read_until))


class _Bounded(HTTPConnection):
    """What both kinds of connection add to urllib3's."""

    response_class = BoundedResponse
    _connecting = False
    last_used = math.inf

    def connect(self) -> None:
        self._connecting = True
        try:
            super().connect()
        finally:
            self._connecting = False

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        elif not self._connecting and not exchange.departed:
            exchange.reused = True
        # Talking to a proxy about a tunnel, inside connect, is not yet talking to RealtimeKit.
        if not self._connecting:
            exchange.depart()
            self.last_used = time.monotonic()
            remaining = exchange.give_up_at - self.last_used
            self.sock.settimeout(None if math.isinf(remaining) else max(SHORTEST_WAIT, remaining))
        super().send(data)

    @property
    def is_connected(self) -> bool:
        # What must not be repeated never goes out on a connection that may be closing just now.
        allowed = 0.0 if exchange.wants_fresh else IDLE_LIMIT
        return time.monotonic() - self.last_used < allowed and super().is_connected

    def find_addresses(self, name: str, port: int | None) -> list[str]:
        """Where to connect to, in this order and nowhere else. Raises socket.gaierror."""
        return _look_up(name, port)

    def _new_conn(self) -> socket.socket:
        # urllib3 grants every address of a name the whole connect timeout; here they share it.
        name, allowed = self._dns_host, self.timeout
        if allowed is None:
            return super()._new_conn()
        try:
            addresses = self.find_addresses(name, self.port)
        except socket.gaierror as error:
            raise urllib3.exceptions.NameResolutionError(name, self, error) from error
        give_up_at = time.monotonic() + allowed
        try:
            for left in range(len(addresses), 0, -1):
                self._dns_host = addresses[-left]
                self.timeout = max(SHORTEST_WAIT, (give_up_at - time.monotonic()) / left)
                try:
                    return super()._new_conn()
                except urllib3.exceptions.ConnectTimeoutError as error:
                    failure = error
            raise failure
        finally:
            self._dns_host, self.timeout = name, allowed


class BoundedHTTPConnection(_Bounded):
    pass


class BoundedHTTPSConnection(_Bounded, HTTPSConnection):
    pass


class BoundedHTTPPool(HTTPConnectionPool):
    ConnectionCls = BoundedHTTPConnection


class BoundedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = BoundedHTTPSConnection


POOLS: dict[str, type[HTTPConnectionPool]] = {"http": BoundedHTTPPool, "https": BoundedHTTPSPool}


class BoundedAdapter(HTTPAdapter):
    pools: dict[str, type[HTTPConnectionPool]] = POOLS

    @staticmethod
    def begin(*, connect_timeout: float, read_timeout: float, total: float) -> None:
        """Set the limits, in seconds, of the next request of this thread."""
        exchange.begin(connect_timeout=connect_timeout, read_timeout=read_timeout, total=total, fresh=False)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self.pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        if proxy.lower().startswith("socks"):
            # Its connections are not ours, so "not delivered" could not be told from "unknown".
            raise InvalidProxyURL("SOCKS proxies are not supported")
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager


def _look_up(name: str, port: int | None) -> list[str]:
    """A few addresses of the name, families in turn."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    families: dict[int, list[str]] = {}
    for family, _, _, _, address in found:
        families.setdefault(family, []).append(str(address[0]))
    in_turn = chain.from_iterable(zip_longest(*families.values()))
    return [address for address in in_turn if address is not None][:ADDRESSES_TRIED]
