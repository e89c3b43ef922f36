"""An authenticator app, by RFC 6238: half minutes, six digits, SHA-1."""

import base64
import hmac
import re
import struct
import time
from dataclasses import dataclass

from tests.signin.browsing import Surfer

_SECRET = re.compile(r'class="secret">([A-Z2-7=]+)<')
_CODES = re.compile(r"<li><code>(\d+)</code></li>")


@dataclass
class App:
    secret: str

    def show(self, ahead: int = 0) -> str:
        """The code of now, or of so many half minutes later."""
        step = int(time.time()) // 30 + ahead
        digest = hmac.new(base64.b32decode(self.secret), struct.pack(">Q", step), "sha1").digest()
        place = digest[-1] & 0xF
        number = struct.unpack(">I", digest[place : place + 4])[0] & 0x7FFF_FFFF
        return f"{number % 1_000_000:06}"


def set_up(surfer: Surfer) -> tuple[App, list[str]]:
    """From the set-up page that is open to the recovery codes; the app and the codes."""
    found = _SECRET.search(surfer.page.text)
    assert found, surfer.page.text
    app = App(found[1])
    surfer.send("/accounts/2fa/set-up/", code=app.show())
    return app, _CODES.findall(surfer.page.text)
