"""Somebody at a browser, over real HTTP: follows pages as they are, keeps cookies, fills forms in."""

import html
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

import requests

_REFRESH = re.compile(r'http-equiv="refresh" content="0;url=([^"]+)"')
_SCREEN = re.compile(r'data-screen="([^"]*)"')


_open: list["Surfer"] = []


def close_all() -> None:
    """A connection that is kept keeps a thread of the server, and that one a connection to the database."""
    while _open:
        surfer = _open.pop()
        surfer.session.close()
        surfer.page = requests.Response()  # an answer keeps the pool that it came from, and its connections, open


@dataclass
class Surfer:
    """``page`` is the last answer, after redirects."""

    base: str
    session: requests.Session = field(default_factory=requests.Session)
    page: requests.Response = field(default_factory=requests.Response)

    def __post_init__(self) -> None:
        _open.append(self)

    def open(self, path: str) -> requests.Response:
        self.page = self.session.get(self._locate(path), timeout=20)
        return self.page

    def send(self, path: str, **fields: str) -> requests.Response:
        """Post a form, with the CSRF token of the cookie."""
        given = {"csrfmiddlewaretoken": self.session.cookies.get("csrftoken", ""), **fields}
        self.page = self.session.post(self._locate(path), given, timeout=20)
        return self.page

    def sign_in(
        self, username: str, password: str = "secret-pass-1", *, door: str = "/accounts/login/", **fields: str
    ) -> str:
        """The path that this leads to."""
        self.open(door)
        self.send(door, username=username, password=password, **fields)
        return self.path

    def begin(self, **fields: str) -> str:
        """Press the provider's button; the address at the provider that the page goes on to."""
        self.open("/accounts/login/")
        self.send("/accounts/provider/", **fields)
        found = _REFRESH.search(self.page.text)
        assert found, self.page.text
        return html.unescape(found[1])

    def sign_in_by_provider(self, **fields: str) -> str:
        """Through the provider and back; the path that this leads to."""
        self.page = self.session.get(self.begin(**fields), timeout=20)
        return self.path

    @property
    def path(self) -> str:
        return unquote(self.page.url).removeprefix(self.base)

    @property
    def screen(self) -> str:
        found = _SCREEN.search(self.page.text)
        return found[1] if found else ""

    @property
    def username(self) -> str | None:
        """Who the API takes this browser for; None for nobody."""
        answer = self.session.get(f"{self.base}/api/v1/me/", timeout=20)
        return str(answer.json()["username"]) if answer.status_code == 200 else None

    def _locate(self, path: str) -> str:
        return path if path.startswith("http") else f"{self.base}{path}"
