"""Which column of a table says who, what they are called, and which preset they get. Guesses that staff correct."""

import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass

from participants.services import rosters
from participants.services.rosters import Entry
from participants.services.spreadsheets import Row, Table

_PROBE = 50
"""Rows that are looked at where the headings say nothing."""

# As letters only, lower-cased, without accents: English, German, French, Spanish.
_MAIL = (
    "email", "mail", "emailaddress", "mailaddress", "emailadresse", "mailadresse", "courriel", "adresseemail",
    "adressemail", "adresseelectronique", "mel", "correo", "correoelectronico", "direcciondecorreo",
)  # fmt: skip
_USER = (
    "username", "user", "login", "loginname", "account", "userid", "benutzername", "benutzer", "anmeldename",
    "kennung", "nutzername", "identifiant", "nomdutilisateur", "utilisateur", "usuario", "nombredeusuario", "cuenta",
)  # fmt: skip
_NAME = (
    "name", "fullname", "displayname", "vollername", "vollstandigername", "anzeigename", "nomcomplet", "nometprenom",
    "nomprenom", "nom", "nombrecompleto", "nombreyapellidos", "nombre", "student", "pupil", "schuler", "eleve",
    "alumno",
)  # fmt: skip
_PRESET = ("preset", "role", "rolle", "funktion", "roleinmeeting", "rol", "voreinstellung", "prereglage", "ajuste")


@dataclass(frozen=True)
class Columns:
    """Places of columns, from 0. ``headed``: the first row names the columns, and is nobody."""

    who: int
    name: int | None = None
    preset: int | None = None
    headed: bool = True


def guess(table: Table, presets: Collection[str]) -> Columns:
    """``presets`` are the names known: a column of other roles is left alone, since one of them refuses the list."""
    first = table.rows[0]
    headed = not any(_looks_like_mail(cell) for cell in first.cells)
    words = [_normalize(cell) for cell in first.cells] if headed else []
    data = table.rows[1:] if headed else table.rows
    who = _find(words, _MAIL)
    if who is None:
        who = _find_partly(words, ("email", "mail", "courriel", "correo"))
    if who is None:
        who = _find(words, _USER)
    if who is None:
        who = _find_mails(data, table.width)
    preset = _find(words, _PRESET)
    if preset is not None:
        named = {row.get(preset) for row in data} - {""}
        preset = preset if named and named <= {*presets} else None
    return Columns(who, _find(words, _NAME, but=who), preset if preset != who else None, headed)


def label(table: Table, *, headed: bool) -> list[str]:
    """What each column is called: by its heading, else by its letter."""
    first = table.rows[0] if headed else Row(0, ())
    return [first.get(place) or f"Column {_letter(place)}" for place in range(table.width)]


def pick(table: Table, columns: Columns) -> list[Entry]:
    """The entries of a table's rows. Raises RosterTooLong."""
    rows = table.rows[1:] if columns.headed else table.rows
    return rosters.parse_rows(
        (row.line, row.get(columns.who), _get(row, columns.name), _get(row, columns.preset)) for row in rows
    )


def _get(row: Row, column: int | None) -> str:
    return "" if column is None else row.get(column)


def _find(words: list[str], known: tuple[str, ...], but: int | None = None) -> int | None:
    """The column whose heading comes first among those known."""
    found = [(known.index(word), place) for place, word in enumerate(words) if word in known and place != but]
    return min(found)[1] if found else None


def _find_partly(words: list[str], parts: tuple[str, ...]) -> int | None:
    return _first(words, lambda word: any(part in word for part in parts))


def _first(words: list[str], fits: Callable[[str], bool]) -> int | None:
    return next((place for place, word in enumerate(words) if fits(word)), None)


def _find_mails(rows: list[Row], width: int) -> int:
    """The column with the most addresses; the first where there are none."""
    probe = rows[:_PROBE]
    return max(range(width), key=lambda place: sum(_looks_like_mail(row.get(place)) for row in probe))


def _looks_like_mail(cell: str) -> bool:
    return bool(re.fullmatch(r"[^@]*[^@\s]@[^@\s]+\.[^@\s]+", cell))


def _normalize(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in plain if character.isalpha())


def _letter(place: int) -> str:
    """A, B, …, Z, AA, as spreadsheets count."""
    return (_letter(place // 26 - 1) if place >= 26 else "") + chr(ord("A") + place % 26)
