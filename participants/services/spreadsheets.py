"""Uploaded lists: CSV and XLSX files read into rows of text. Nothing is evaluated, written or fetched.

What a file may cost is measured before anything is built from it; whatever is wrong with one ends in FileRefused.
"""

import codecs
import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.parsers import expat

from participants.errors import FileRefused, RosterTooLong
from participants.services.rosters import ROWS

BYTES = 8 * 1024 * 1024
"""Largest file."""

COLUMNS = 100
"""Columns of a row that are read; any further ones are left out."""

CELL = 300
"""Characters of a cell that are kept: more than any username, address, name or preset has."""

CHARACTERS = 8_000_000
"""Of all cells of a table together."""

_UNPACKED = 64 * 1024 * 1024
_PARTS = 2_000
_ELEMENTS = 2_000_000
"""Of all parts of a workbook together: a tree of so many is what memory has room for."""
_GAPS = 100_000
"""Rows of a sheet that are passed over at most, blank ones included."""
_PIECE = 64 * 1024
_TOKEN = 1024 * 1024
"""Bytes of one mark-up token: a parser fed piece by piece reads an unfinished one again each time."""

_DELIMITERS = (",", ";", "\t")
_PROBE = 20
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FOREIGN = (b"%pdf", b"{\\rtf", b"<!doctype", b"<html", b"<?xml", b"\x89png", b"gif8", b"\xff\xd8\xff", b"\x1f\x8b")
_BINARY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f]")
_SEPARATOR_LINE = re.compile(r"sep=([,;\t])\r?\n?")

TOO_LARGE = f"The file is larger than {BYTES // 1024 // 1024} MB. Leave out what is not needed."
_OLD = "This is an old Excel file (.xls), or one with a password. Save it as .xlsx without a password, or as CSV."
_FOREIGN_TEXT = "This is neither a CSV file nor an Excel workbook (.xlsx). Save the list as one of these."
_BROKEN = "This workbook can't be read; it may be damaged. Open it in a spreadsheet program and save it anew."
_PROTECTED = "This file is protected by a password. Save it without one."
_HUGE = "This workbook holds more than a list of people can. Copy the columns needed into a new one."


@dataclass(frozen=True, slots=True)
class Row:
    """``line`` is the line of the file, or the row of the sheet, in which it begins."""

    line: int
    cells: tuple[str, ...]

    def get(self, column: int) -> str:
        return self.cells[column] if column < len(self.cells) else ""


@dataclass(frozen=True)
class Table:
    """Rows that hold anything; ``sheet`` is the name of the one that was read, blank for CSV."""

    rows: list[Row]
    sheet: str = ""

    @property
    def width(self) -> int:
        return max((len(row.cells) for row in self.rows), default=0)


def read(data: bytes) -> Table:
    """The table in a file, told by its content, whatever it is named. Raises FileRefused or RosterTooLong."""
    if len(data) > BYTES:
        raise FileRefused(TOO_LARGE)
    if data.startswith(_OLE):
        raise FileRefused(_OLD)
    table = _read_workbook(data) if data.startswith(_ZIP) else Table(_collect(_read_text(data)))
    if not table.rows:
        raise FileRefused("The file holds no row with anything in it.")
    return table


def _collect(rows: Iterable[tuple[int, Iterable[str]]]) -> list[Row]:
    """Rows that hold anything, one more than a list may have, since the first may name the columns."""
    found: list[Row] = []
    characters = 0
    for line, cells in rows:
        texts = [cell.strip()[:CELL] for cell in cells]
        while texts and not texts[-1]:
            texts.pop()
        if not texts:
            continue
        if len(found) > ROWS:
            raise RosterTooLong(limit=ROWS)
        characters += sum(map(len, texts))
        if characters > CHARACTERS:
            raise FileRefused("The file holds too much text. Leave out the columns that are not needed.")
        found.append(Row(line, tuple(texts)))
    return found


def _read_text(data: bytes) -> Iterator[tuple[int, list[str]]]:
    text = _decode(data)
    named = _SEPARATOR_LINE.match(text)  # Excel's own way to name it
    skipped = 0
    if named:
        text, skipped = text[named.end() :], 1
    delimiter = named[1] if named else _find_delimiter(text)
    rows = _split(text, delimiter)
    while True:
        line = rows.line_num + skipped + 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error:
            raise FileRefused(
                f"Line {line} of the file can't be read. Is there a quotation mark that is never closed?"
            ) from None
        yield line, cells[:COLUMNS]


def _decode(data: bytes) -> str:
    if data.lstrip()[:16].lower().startswith(_FOREIGN):
        raise FileRefused(_FOREIGN_TEXT)
    try:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            text = data.decode("utf-16")
        else:
            text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")  # what Excel writes as "CSV" in western Europe
    if _BINARY.search(text):
        raise FileRefused(_FOREIGN_TEXT)
    return text


def _split(text: str, delimiter: str) -> Any:
    # Strict, since a quote that is never closed would swallow the rest of the list in silence.
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _find_delimiter(text: str) -> str:
    """The one by which the first rows have equally many cells, and the most."""
    head = "".join(io.StringIO(text, newline="").readlines(_PIECE)[: _PROBE * 4])
    return max(_DELIMITERS, key=lambda delimiter: _rate(head, delimiter))


def _rate(head: str, delimiter: str) -> tuple[bool, int, int]:
    widths: list[int] = []
    try:
        for cells in _split(head, delimiter):
            widths += [len(cells)] if cells else []
            if len(widths) == _PROBE:
                break
    except csv.Error:
        pass  # the head may end within a quote
    if not widths:
        return False, 0, 0
    usual = max(set(widths), key=lambda width: (widths.count(width), width))
    return usual > 1, widths.count(usual), usual


def _read_workbook(data: bytes) -> Table:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _measure(archive)
        return _read_sheet(data)
    except (FileRefused, RosterTooLong):
        raise
    except Exception:  # noqa: BLE001 - of what openpyxl trips over in a damaged workbook there is no list
        raise FileRefused(_BROKEN) from None


def _measure(archive: zipfile.ZipFile) -> None:
    """Walk through every part before openpyxl builds anything from it. Sizes are those the reading is held to."""
    parts = archive.infolist()
    if any(part.flag_bits & 1 for part in parts):
        raise FileRefused(_PROTECTED)
    if "xl/workbook.xml" not in archive.namelist():
        raise FileRefused(_FOREIGN_TEXT)
    if len(parts) > _PARTS or sum(part.file_size for part in parts) > _UNPACKED:
        raise FileRefused(_HUGE)
    left = _ELEMENTS
    for part in parts:
        with archive.open(part) as stream:
            left -= _count_elements(stream, left)


def _count_elements(stream: Any, most: int) -> int:
    """Elements of a part up to where it ceases to be XML. Refuses a document type, the root of all XML bombs."""
    count = 0

    def meet_element(name: str, attributes: Any) -> None:
        nonlocal count
        count += 1
        if count > most:
            raise FileRefused(_HUGE)

    def meet_doctype(*told: Any) -> None:
        raise FileRefused(_BROKEN)

    parser, fed = expat.ParserCreate(), 0
    parser.StartElementHandler = meet_element
    parser.StartDoctypeDeclHandler = meet_doctype
    try:
        while piece := stream.read(_PIECE):
            parser.Parse(piece)
            fed += len(piece)
            if fed - max(0, parser.CurrentByteIndex) > _TOKEN:
                raise FileRefused(_HUGE)
    except (expat.ExpatError, LookupError, ValueError):
        pass  # a picture, say; openpyxl reads no further than this either
    except (zlib.error, EOFError, zipfile.BadZipFile):
        raise FileRefused(_BROKEN) from None
    return count


def _read_sheet(data: bytes) -> Table:
    """The first sheet that can be seen and holds anything. Of a formula the value last computed, as text."""
    from openpyxl import load_workbook  # takes a while to load, and few processes ever do

    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    try:
        for sheet in book.worksheets:
            if sheet.sheet_state == "visible" and (rows := _collect(_list_cells(sheet))):
                return Table(rows, str(sheet.title)[:CELL])
    finally:
        book.close()
    return Table([])


def _list_cells(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    # A sheet may claim to be smaller than it is, and rows would be lost in silence.
    sheet.reset_dimensions()
    for line, values in enumerate(sheet.iter_rows(max_col=COLUMNS, values_only=True), start=1):
        if line > _GAPS:
            raise FileRefused(_HUGE)
        yield line, [_write(value) for value in values]


def _write(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # 1007 is stored as 1007.0 by some programs
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return str(value)
