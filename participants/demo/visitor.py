"""Somebody with a browser: keeps cookies, fills in forms, and sends the CSRF token as the join page does."""

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import requests

from participants.demo.forms import Form, Pairs, read_forms

PATIENCE = 30.0


@dataclass(frozen=True)
class Page:
    status: int
    address: str
    text: str

    def find_form(self, *names: str) -> Form | None:
        """The first form that has fields of all these names."""
        return next((form for form in read_forms(self.text) if form.names.issuperset(names)), None)


class Visitor:
    def __init__(self, site: str) -> None:
        self.site = site
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def open(self, path: str) -> Page:
        return _as_page(self._session.get(urljoin(self.site, path), timeout=PATIENCE))

    def submit(self, page: Page, form: Form, values: Pairs) -> Page:
        """Send a form found on a page, and follow where it leads."""
        answer = self._session.request(
            form.method.upper(),
            urljoin(page.address, form.action),
            data=values,
            headers={"Referer": page.address, "Origin": self.site},
            timeout=PATIENCE,
        )
        return _as_page(answer)

    def sign_in(self, path: str, username: str, password: str) -> Page:
        """The page that follows; a form with a password field on it means that it was refused."""
        page = self.open(path)
        form = page.find_form("username", "password", "csrfmiddlewaretoken")
        if form is None:
            return page
        return self.submit(page, form, form.fill({"username": username, "password": password}))

    def list_cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self._session.cookies}

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """One call of the API as the join page's script makes it: status and JSON body."""
        answer = self._session.request(
            method,
            urljoin(self.site, path),
            json=body,
            headers={"X-CSRFToken": self._session.cookies.get("csrftoken", ""), "Origin": self.site},
            timeout=PATIENCE,
        )
        return answer.status_code, read_json(answer)


def read_json(answer: requests.Response) -> dict[str, Any]:
    """The body if it is a JSON object, else nothing."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _as_page(answer: requests.Response) -> Page:
    return Page(answer.status_code, answer.url, answer.text)
