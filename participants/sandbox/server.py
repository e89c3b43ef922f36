"""A threaded listener: one daemon thread accepts, one more per connection answers."""

import socket
import threading

from participants.sandbox import connection
from participants.sandbox.connection import Respond

BACKLOG = 128
PATIENCE_SECONDS = 5.0


class Server:
    """Connections wait from `bind` on and are answered from `accept` on; when `stop` returns, every socket is closed.

    May be bound again: it keeps the port it once got.
    """

    def __init__(self, host: str, port: int, respond: Respond) -> None:
        self.host = host
        self.port = port
        self._respond = respond
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._stopping = False

    def bind(self) -> None:
        """Raises OSError when the address is taken."""
        listener = socket.create_server((self.host, self.port), backlog=BACKLOG)
        self.port = listener.getsockname()[1]
        self._listener = listener

    def accept(self) -> None:
        if self._listener is None:
            raise RuntimeError("bind first")
        self._stopping = False
        acceptor = threading.Thread(target=self._accept, args=(self._listener,), name="sandbox", daemon=True)
        acceptor.start()
        self._acceptor = acceptor

    def stop(self) -> None:
        listener, acceptor = self._listener, self._acceptor
        if listener is None:
            return
        self._stopping = True
        if acceptor is not None:
            self._wake(acceptor)
        listener.close()
        self._listener = self._acceptor = None
        with self._lock:
            remaining = dict(self._open)
        for client in remaining:
            _shut_down(client)
        for thread in remaining.values():
            thread.join(PATIENCE_SECONDS)

    def _wake(self, acceptor: threading.Thread) -> None:
        """A blocked accept() does not notice that its socket is closed, so it is given one last connection."""
        everywhere = ("", "0.0.0.0")  # noqa: S104 - compared with, not bound to
        with socket.socket() as knock:
            knock.settimeout(PATIENCE_SECONDS)
            knock.connect_ex(("127.0.0.1" if self.host in everywhere else self.host, self.port))
            acceptor.join(PATIENCE_SECONDS)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except ConnectionAbortedError:
                continue
            if self._stopping:
                client.close()
                return
            thread = threading.Thread(target=self._converse, args=(client,), daemon=True)
            with self._lock:
                self._open[client] = thread
            thread.start()

    def _converse(self, client: socket.socket) -> None:
        try:
            connection.serve(client, self._respond)
        finally:
            with self._lock:
                del self._open[client]


def _shut_down(client: socket.socket) -> None:
    try:
        client.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
