"""Lists of people as somebody typed or sent them, read into entries. Nothing here asks the database.

Every entry keeps its line and what was written there; one that can't be read says so instead of stopping the rest.
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from participants.errors import RosterTooLong
from participants.models.participant import NAME_LIMIT

ROWS = 20_000
"""Most entries of one list."""

CHARACTERS = 4_000_000
SHOWN = 200
"""Characters of an input that are kept for showing it."""

USERNAME_LIMIT = 150
EMAIL_LIMIT = 254
_SEPARATORS = frozenset(",;\t\n")
_ITEM_FIELDS = {"email": str, "name": str, "preset": str}


@dataclass(frozen=True, slots=True)
class Entry:
    """One person of a list. ``key`` is a lower-cased e-mail address, or a username as written; blank if unreadable.

    ``user_id`` or ``person_id`` names somebody known instead of a key, since several may share an e-mail address.
    ``name`` and ``preset`` are blank unless given; ``problem`` is a sentence that says why it can't be read.
    """

    line: int
    text: str
    key: str = ""
    is_email: bool = False
    name: str = ""
    preset: str = ""
    problem: str = ""
    user_id: int | None = None
    person_id: uuid.UUID | None = None

    @property
    def is_readable(self) -> bool:
        return bool(self.key) or self.user_id is not None or self.person_id is not None

    def to_json(self) -> dict[str, Any]:
        """What JSON can hold; fields left at their default are left out."""
        told = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return told | ({"person_id": str(self.person_id)} if self.person_id else {})

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Entry":
        """The entry that ``to_json`` told of."""
        person = told.get("person_id")
        return cls(**{**told, "person_id": uuid.UUID(person) if person else None})


def parse_text(text: str) -> list[Entry]:
    """Entries of pasted text: one a line, or several with commas, semicolons or tabs between them.

    Reads ``ada``, ``ada@example.org``, ``Ada <ada@example.org>`` and ``"Lovelace, Ada" <ada@example.org>``.
    Raises RosterTooLong.
    """
    if len(text) > CHARACTERS:
        raise RosterTooLong(limit=ROWS)
    return _collect(entry for line, piece in _split(text) for entry in _read_piece(line, piece))


def parse_items(items: Iterable[Any]) -> list[Entry]:
    """Entries of a JSON list: strings as in text, or ``{"email", "name", "preset"}``; the line is the place.

    Raises RosterTooLong.
    """
    return _collect(_read_item(line, item) for line, item in enumerate(items, start=1))


def parse_rows(rows: Iterable[tuple[int, str, str, str]]) -> list[Entry]:
    """Entries of a table's rows: line, who, name, preset. Raises RosterTooLong."""
    return _collect(_read(line, who.strip(), name=name, preset=preset) for line, who, name, preset in rows)


def _collect(entries: Iterable[Entry]) -> list[Entry]:
    found: list[Entry] = []
    for entry in entries:
        if len(found) == ROWS:
            raise RosterTooLong(limit=ROWS)
        found.append(entry)
    return found


def _split(text: str) -> Iterator[tuple[int, str]]:
    """Pieces between separators, with their lines. A quote that is never closed ends with its line."""
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1):
        start, quoted, blank, last = 0, False, True, line.rfind('"')
        for place, character in enumerate(line):
            if character == '"' and (quoted or blank):
                quoted = not quoted and place < last
            elif character in _SEPARATORS and not quoted:
                yield number, line[start:place]
                start, blank = place + 1, True
                continue
            blank = blank and character.isspace()
        yield number, line[start:]


def _read_piece(line: int, piece: str) -> Iterator[Entry]:
    piece = piece.strip().strip("\ufeff").strip()
    words = piece.split()
    if len(words) > 1 and all("@" in word and "<" not in word for word in words):
        yield from (_read(line, word) for word in words)  # addresses with nothing but spaces between them
    elif piece:
        yield _read(line, piece)


def _read_item(line: int, item: Any) -> Entry:
    if isinstance(item, str):
        return _read(line, item.strip())
    if not isinstance(item, dict):
        return Entry(line, _printable(str(item)[:SHOWN]), problem="Give a username, an e-mail address or an object.")
    shown = _printable(str(item.get("email") or item)[:SHOWN])
    unknown = sorted(str(name) for name in set(item) - set(_ITEM_FIELDS))
    if unknown:
        return Entry(line, shown, problem=f"There is no such field: {', '.join(unknown)[:100]}.")
    if not all(item.get(name) is None or isinstance(item[name], kind) for name, kind in _ITEM_FIELDS.items()):
        return Entry(line, shown, problem="E-mail address, name and preset are texts.")
    email, name, preset = ((item.get(field) or "").strip() for field in ("email", "name", "preset"))
    return _make(line, shown, email, name=name, preset=preset)


def _read(line: int, text: str, *, name: str = "", preset: str = "") -> Entry:
    """A name or preset given beside the text is the one that counts."""
    before, bracket, mail = text.partition("<")
    if bracket and mail.endswith(">"):
        return _make(line, text, mail[:-1].strip(), name=name or before, preset=preset)
    bare = text.strip('"').strip()
    words = bare.split()
    if len(words) > 1 and "@" in words[-1] and not any("@" in word for word in words[:-1]):
        return _make(line, text, words[-1], name=name or " ".join(words[:-1]), preset=preset)
    return _make(line, text or name, bare, name=name, preset=preset)


def _make(line: int, text: str, key: str, *, name: str = "", preset: str = "") -> Entry:
    shown, name = _printable(text[:SHOWN]), " ".join(name.strip().strip('"').split())[:NAME_LIMIT]
    if not key:
        return Entry(line, shown, problem="There is neither a username nor an e-mail address.")
    # No column holds NUL or half a surrogate pair.
    if not (key + name + preset).isprintable():
        return Entry(line, shown, problem="It holds characters that can't be stored.")
    if _is_email(key.lower()):
        return Entry(line, shown, key.lower(), is_email=True, name=name, preset=preset)
    if len(key) > USERNAME_LIMIT:
        return Entry(line, shown, problem="It is too long for a username or an e-mail address.")
    return Entry(line, shown, key, name=name, preset=preset)


def _is_email(key: str) -> bool:
    if "@" not in key or len(key) > EMAIL_LIMIT:
        return False
    try:
        validate_email(key)
    except ValidationError:
        return False
    return True


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
