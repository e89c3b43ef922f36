"""A mail server of our own on the loopback address: SMTP enough for Django's back end, with faults by recipient.

``refuse`` maps an address to the answer its RCPT gets; ``refuse_mail`` is the answer to any DATA; ``drop_after_data``
breaks the line once the mail has been taken, so that the sender never learns of it; ``together`` callers wait for one
another before the first is greeted.
"""

import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType

from django.conf import LazySettings

from config import env, mails


def use_mail_server(settings: LazySettings, address: str) -> None:
    """Mails go to this address, in the form of EMAIL_URL, until the test ends."""
    found = env.parse_mail("EMAIL_URL", address)
    for name, value in mails.list_settings(found, timeout=10).items():
        setattr(settings, name, value)


@dataclass
class MailServer:
    refuse: dict[str, str] = field(default_factory=dict)
    refuse_mail: str = ""
    drop_after_data: int = 0
    taken: list[EmailMessage] = field(default_factory=list)
    connections: int = 0
    together: int = 1

    def __enter__(self) -> "MailServer":
        outer = self
        self._gathering = threading.Barrier(self.together)
        self._gathered = threading.Event()

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                outer.connections += 1
                outer._gather()
                outer._serve(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def list_recipients(self) -> list[str]:
        return [str(mail["To"]) for mail in self.taken]

    def _gather(self) -> None:
        if not self._gathered.is_set():
            self._gathering.wait(timeout=30)
            self._gathered.set()

    def _serve(self, handler: socketserver.StreamRequestHandler) -> None:
        def say(line: str) -> None:
            handler.wfile.write(f"{line}\r\n".encode())

        say("220 tests")
        while line := handler.rfile.readline().decode().strip():
            verb = line.split(":")[0].upper()
            if verb.startswith(("EHLO", "HELO")):
                say("250 tests")
            elif verb == "RCPT TO":
                say(self.refuse.get(line.partition("<")[2].partition(">")[0], "250 fine"))
            elif verb == "DATA":
                if not self._take(handler, say):
                    return
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 fine")

    def _take(self, handler: socketserver.StreamRequestHandler, say: Callable[[str], None]) -> bool:
        say("354 go on")
        lines = []
        while (line := handler.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        if self.refuse_mail:
            say(self.refuse_mail)
            return True
        self.taken.append(message_from_bytes(b"".join(lines), policy=policy.default))
        if self.drop_after_data:
            self.drop_after_data -= 1
            return False
        say("250 taken")
        return True
