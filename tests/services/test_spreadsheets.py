"""Uploaded lists: what is read of CSV and XLSX files, and what is refused instead of read."""

import io
import zipfile
from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from participants.errors import FileRefused, RosterTooLong
from participants.services import headings, spreadsheets
from participants.services.headings import Columns
from participants.services.rosters import ROWS
from participants.services.spreadsheets import Row, Table

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")
repeatable = settings(max_examples=150, derandomize=True, database=None, deadline=None)
NAMESPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
SHEET = "xl/worksheets/sheet1.xml"


def make_book(rows: Iterable[Iterable[Any]], title: str = "Class 7b") -> bytes:
    book, file = Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    book.save(file)
    return file.getvalue()


def swap_part(data: bytes, name: str, content: str | bytes) -> bytes:
    """The same workbook with another part in the place of one."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            new.writestr(part, content if part == name else old.read(part))
    return file.getvalue()


def make_sheet(rows: str) -> bytes:
    return swap_part(BOOK, SHEET, f"<worksheet {NAMESPACE}><sheetData>{rows}</sheetData></worksheet>")


BOOK = make_book([["Name", "E-Mail"], ["Ada", "ada@example.org"]])


def list_rows(data: bytes) -> list[tuple[int, tuple[str, ...]]]:
    return [(row.line, row.cells) for row in spreadsheets.read(data).rows]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found_out(delimiter: str) -> None:
    text = f'name{delimiter}mail\n"Love, lace; A"{delimiter}ada@example.org\n'
    assert list_rows(text.encode()) == [(1, ("name", "mail")), (2, ("Love, lace; A", "ada@example.org"))]


def test_a_comma_within_amounts_is_no_delimiter() -> None:
    assert list_rows(b"who;fee\nada;1,50\nbob;2,50\n")[1] == (2, ("ada", "1,50"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_encodings_that_spreadsheet_programs_write_are_read(encoding: str) -> None:
    data = "Schüler,Straße\nJürgen,Ölweg\n".encode(encoding)
    assert list_rows(data) == [(1, ("Schüler", "Straße")), (2, ("Jürgen", "Ölweg"))]


def test_the_line_is_that_of_the_file_whatever_cells_and_blank_rows_stand_before() -> None:
    data = b'sep=;\r\nwho;note\r\nada;"two\r\nlines"\r\n\r\n;;\r\nbob;\r\n'
    assert [line for line, _ in list_rows(data)] == [2, 3, 7]


def test_a_quote_that_is_never_closed_is_refused_with_its_line_and_swallows_nobody() -> None:
    with pytest.raises(FileRefused, match="Line 3 of the file"):
        spreadsheets.read(b'who\nada\n"bob\ncarl\n')


def test_a_sheet_gives_texts_with_the_rows_of_the_sheet() -> None:
    data = make_book([["who", "n"], [], [1007.0, date(2027, 1, 11)], ["=1+1", True]])
    assert list_rows(data) == [(1, ("who", "n")), (3, ("1007", "2027-01-11 00:00:00")), (4, ("", "True"))]
    assert spreadsheets.read(data).sheet == "Class 7b"


def test_a_hidden_or_empty_sheet_is_passed_over() -> None:
    book, file = Workbook(), io.BytesIO()
    hidden = book.active
    assert hidden is not None
    hidden.append(["secret@example.org"])
    hidden.sheet_state = "hidden"
    book.create_sheet("Empty")
    book.create_sheet("People").append(["ada"])
    book.save(file)
    assert spreadsheets.read(file.getvalue()) == Table([Row(1, ("ada",))], "People")


def test_a_sheet_that_claims_to_be_smaller_than_it_is_loses_no_row() -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="inlineStr"><is><t>p{n}</t></is></c></row>' for n in (1, 2, 3))
    sheet = f'<worksheet {NAMESPACE}><dimension ref="A1"/><sheetData>{rows}</sheetData></worksheet>'
    assert len(list_rows(swap_part(BOOK, SHEET, sheet))) == 3


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no row"),
        (b" \n;;\n", "no row"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old or encrypted", "password"),
        (b"%PDF-1.7", "neither"),
        (b"  <html><table>", "neither"),
        (b"\x89PNG\r\n\x1a\n", "neither"),
        (b"a\x00b", "neither"),
        (b"PK\x03\x04 cut off", "damaged"),
        (b"x" * (spreadsheets.BYTES + 1), "larger than 8 MB"),
        (make_book([]), "no row"),
    ],
    ids=["empty", "blank", "xls", "pdf", "html", "png", "binary", "zip", "large", "empty-book"],
)
def test_what_is_no_list_is_refused_and_says_what_to_do(data: bytes, words: str) -> None:
    with pytest.raises(FileRefused, match=words) as caught:
        spreadsheets.read(data)
    assert caught.value.code == "unreadable_file"


@pytest.mark.parametrize(
    "data",
    [
        swap_part(BOOK, "xl/styles.xml", b"\0" * 70_000_000),
        swap_part(BOOK, "xl/styles.xml", f"<styleSheet {NAMESPACE}>{'<a/>' * 2_100_000}</styleSheet>"),
        swap_part(BOOK, SHEET, b"<worksheet><!--" + b"x" * 20_000_000 + b"--></worksheet>"),
        swap_part(BOOK, SHEET, '<!DOCTYPE a [<!ENTITY b "bbbb">]><worksheet>&b;</worksheet>'),
        make_sheet('<row r="999999999"><c r="A999999999" t="inlineStr"><is><t>a</t></is></c></row>'),
        make_sheet('<row r="1"><c r="A1" t="s"><v>99</v></c></row>'),
        swap_part(BOOK, "xl/workbook.xml", "<workbook/>"),
    ],
    ids=["zeros", "elements", "token", "doctype", "gap", "index", "workbook"],
)
def test_a_workbook_made_to_do_harm_is_refused(data: bytes) -> None:
    assert len(data) < 200_000
    with pytest.raises(FileRefused):
        spreadsheets.read(data)


def test_one_long_text_in_every_cell_is_refused_before_memory_is_full() -> None:
    text = "x" * 300
    with pytest.raises(FileRefused, match="too much text"):
        spreadsheets.read(make_book([[text] * 30] * 1000))


def test_as_many_rows_as_a_list_may_have_are_read_beside_the_header() -> None:
    text = "who\n" + "ada\n" * ROWS
    assert len(spreadsheets.read(text.encode()).rows) == ROWS + 1
    with pytest.raises(RosterTooLong):
        spreadsheets.read((text + "ada\n").encode())


def guess(*rows: str, presets: tuple[str, ...] = ()) -> Columns:
    return headings.guess(spreadsheets.read("\n".join(rows).encode()), presets)


@pytest.mark.parametrize(
    ("header", "who", "name"),
    [
        ("Name;E-Mail", 1, 0),
        ("Nr;E-MAIL-ADRESSE;Vollständiger Name", 1, 2),
        ("Courriel;Nom complet", 0, 1),
        ("Correo electrónico;Nombre completo", 0, 1),
        ("id;Student email (school);Class", 1, None),
        ("Benutzername;Klasse", 0, None),
        ("Username;Email", 1, None),
        ("Nombre de usuario;Curso", 0, None),
    ],
)
def test_columns_are_guessed_from_their_headings(header: str, who: int, name: int | None) -> None:
    assert guess(header, "a;b;c") == Columns(who, name, None)


def test_a_file_without_headings_is_nobody_less() -> None:
    assert guess("Ada,ada@example.org", "Bob,bob@example.org") == Columns(1, None, None, headed=False)


def test_a_column_of_roles_is_taken_only_if_all_are_presets_we_know() -> None:
    assert guess("mail;role", "a@b.org;host", "c@d.org;", presets=("host",)).preset == 1
    assert guess("mail;role", "a@b.org;pupil", presets=("host",)).preset is None


def test_entries_come_with_line_name_and_preset_and_unreadable_ones_say_why() -> None:
    table = spreadsheets.read(b"mail;name;preset\nADA@example.org;Ada;host\n\n;Bob;\nEve <eve@example.org>\n")
    found = headings.pick(table, Columns(0, 1, 2))
    assert [(e.line, e.text, e.key, e.name, e.preset) for e in found] == [
        (2, "ADA@example.org", "ada@example.org", "Ada", "host"),
        (4, "Bob", "", "", ""),
        (5, "Eve <eve@example.org>", "eve@example.org", "Eve", ""),
    ]
    assert found[1].problem


def test_columns_without_a_heading_are_called_by_their_letter() -> None:
    table = Table([Row(1, ("mail", "", *[""] * 25, "x"))])
    assert headings.label(table, headed=True)[:2] == ["mail", "Column B"]
    assert headings.label(table, headed=False)[25:] == ["Column Z", "Column AA", "Column AB"]


def check(data: bytes) -> None:
    try:
        table = spreadsheets.read(data)
    except (FileRefused, RosterTooLong):
        return
    assert table.rows
    columns = headings.guess(table, ["host"])
    assert 0 <= columns.who < table.width
    for entry in headings.pick(table, columns):
        assert entry.is_readable != bool(entry.problem)
        assert (entry.text + entry.key + entry.name).isprintable()


@repeatable
@given(data=st.binary(max_size=300))
def test_no_bytes_however_strange_break_the_reading(data: bytes) -> None:
    check(data)


@repeatable
@given(text=st.text(alphabet="a@.,;\t\n\r\"'= \0é\ufeff", max_size=120))
def test_no_csv_however_strange_breaks_the_reading(text: str) -> None:
    for encoding in ("utf-8", "utf-16"):
        check(text.encode(encoding))


@repeatable
@given(place=st.integers(0, len(BOOK) - 1), damage=st.binary(min_size=1, max_size=20))
def test_no_damage_to_a_workbook_breaks_the_reading(place: int, damage: bytes) -> None:
    check(BOOK[:place] + damage + BOOK[place + len(damage) :])
    check(BOOK[:place])


ATTRIBUTES = st.sampled_from(["A1", "A0", "1A", "ZZZ1", "B-1", "", "A1048577", "ÄÖ1"])
KINDS = st.sampled_from(["s", "str", "inlineStr", "b", "e", "n", "d", "??", ""])


@repeatable
@given(
    place=ATTRIBUTES, kind=KINDS, value=st.text(alphabet="0189.eE-+truANI#T:x", max_size=12), row=st.integers(-2, 9)
)
def test_no_cell_however_strange_breaks_the_reading(place: str, kind: str, value: str, row: int) -> None:
    check(make_sheet(f'<row r="{row}"><c r="{place}" t="{kind}" s="{row}"><v>{value}</v></c></row>'))
