"""HTML forms as a browser sees them: what a page offers, and what submitting it would send."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

Pairs = list[tuple[str, str]]
_SENDS_NOTHING = {"submit", "button", "reset", "image", "file"}


@dataclass
class Form:
    action: str = ""
    method: str = "get"
    values: Pairs = field(default_factory=list)
    choices: dict[str, dict[str, str]] = field(default_factory=dict)
    buttons: Pairs = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    """``choices``: of a select by name, its options' texts by value. ``names``: of all fields, empty ones too."""

    def find_choice(self, name: str, text: str) -> str | None:
        """The value of the option with that text."""
        options = self.choices.get(name, {})
        return next((value for value, shown in options.items() if shown == text), None)

    def fill(self, answers: dict[str, str | list[str]]) -> Pairs:
        """What is sent when these fields get these values and the others stay as they are."""
        kept = [(name, value) for name, value in self.values if name not in answers]
        given = [
            (name, value)
            for name, answer in answers.items()
            for value in (answer if isinstance(answer, list) else [answer])
        ]
        return kept + given


def read_forms(html: str) -> list[Form]:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.forms


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select = ""
        self._text_of = ""  # name of the textarea, or value of the option, whose text is being read
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
        if self._form is None or "disabled" in given:
            return
        name = given.get("name", "")
        if name:
            self._form.names.add(name)
        if tag in {"input", "button"}:
            self._read_control(self._form, tag, name, given)
        elif tag == "select":
            self._select = name
            self._form.choices[name] = {}
        elif tag == "option" and self._select:
            self._text_of, self._text = given.get("value", ""), []
            if "selected" in given:
                self._form.values.append((self._select, self._text_of))
        elif tag == "textarea":
            self._text_of, self._text = name, []

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        if self._form is None:
            return
        text = "".join(self._text or ()).strip()
        if tag == "option" and self._select and self._text is not None:
            self._form.choices[self._select][self._text_of] = text
            self._text = None
        elif tag == "textarea" and self._text is not None:
            self._form.values.append((self._text_of, text))
            self._text = None
        elif tag == "select":
            self._select = ""

    @staticmethod
    def _read_control(form: Form, tag: str, name: str, given: dict[str, str]) -> None:
        kind = given.get("type", "submit" if tag == "button" else "text").lower()
        if kind in _SENDS_NOTHING:
            if name:
                form.buttons.append((name, given.get("value", "")))
            return
        ticked = kind not in {"checkbox", "radio"} or "checked" in given
        if name and ticked:
            form.values.append((name, given.get("value", "on" if kind == "checkbox" else "")))
