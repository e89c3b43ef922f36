"""Lists of people, whatever is pasted or uploaded: read or refused by a code, and no line of it lost."""

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from participants.errors import FileRefused, RosterTooLong
from participants.models import BatchRow, Meeting
from participants.services import batches, headings, spreadsheets
from participants.services.rosters import parse_items, parse_text
from tests.factories import MadeMeetingFactory, UserFactory
from tests.fuzz import EXAMPLES

bounded = settings(
    derandomize=True,
    max_examples=30 * EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SEPARATORS = ",;\t\n\r"
NOTHING = {*SEPARATORS, "\ufeff"}
TYPED = st.text(alphabet=st.characters() | st.sampled_from("ab@.<>\"' ,;\t\r\n\0\ufeff\u2028é"), max_size=200)
NAMES = st.from_regex(r"[a-z][a-z0-9_.-]{0,20}", fullmatch=True)
MAILS = st.from_regex(r"[a-z][a-z0-9]{0,10}@[a-z]{1,10}\.(org|example)", fullmatch=True)
WRITTEN = NAMES | MAILS | st.builds(lambda name, mail: f"{name} <{mail}>", NAMES, MAILS)
CELLS = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.sampled_from("a@.,;\t\n\"' "),
    max_size=30,
)
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=6), min_size=1, max_size=12)


ODD_ITEMS: st.SearchStrategy[object] = st.sampled_from(["ada", "ADA@example.org", 7, None, {}, ["ada"]])


def list_lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def holds_anything(line: str) -> bool:
    return any(character not in NOTHING and not character.isspace() for character in line)


@bounded
@given(text=TYPED)
def test_every_pasted_line_that_holds_anything_has_an_entry(text: str) -> None:
    entries = parse_text(text)
    expected = {number for number, line in enumerate(list_lines(text), start=1) if holds_anything(line)}
    assert {entry.line for entry in entries} == expected
    assert all(entry.is_readable != bool(entry.problem) for entry in entries)


@bounded
@given(
    people=st.lists(WRITTEN, min_size=1, max_size=30),
    separators=st.lists(st.sampled_from([",", ";", "\t", "\n", "\r\n", " , ", "\n\n"]), min_size=30, max_size=30),
)
def test_whoever_is_named_is_read_in_order_whatever_stands_between(people: list[str], separators: list[str]) -> None:
    text = "".join(f"{person}{separator}" for person, separator in zip(people, separators, strict=False))
    keys = [person.partition("<")[2].rstrip(">") or person for person in people]
    assert [entry.key for entry in parse_text(text)] == keys


def check_table(data: bytes, lines: set[int]) -> None:
    """``lines`` are those in which something begins; all of them are rows, and each row an entry or the heading."""
    try:
        table = spreadsheets.read(data)
        columns = headings.guess(table, ["host"])
        entries = headings.pick(table, columns)
    except (FileRefused, RosterTooLong):
        return
    assert lines <= {row.line for row in table.rows}
    heading = [table.rows[0].line] if columns.headed else []
    assert heading + [entry.line for entry in entries] == [row.line for row in table.rows]
    assert all(entry.is_readable != bool(entry.problem) for entry in entries)


@bounded
@given(
    rows=ROWS,
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\r\n", "\n"]),
    code=st.sampled_from(["utf-8-sig", "utf-16"]),
)
def test_every_row_of_a_csv_file_is_an_entry_or_the_heading(
    rows: list[list[str]], delimiter: str, end: str, code: str
) -> None:
    out, lines = io.StringIO(newline=""), set()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    for row in rows:
        if any(cell.strip() for cell in row):
            lines.add(len(list_lines(out.getvalue())))
        writer.writerow(row)
    check_table(out.getvalue().encode(code), lines)


@settings(bounded, max_examples=5 * EXAMPLES)
@given(rows=ROWS)
def test_every_row_of_a_workbook_is_an_entry_or_the_heading(rows: list[list[str]]) -> None:
    book, out = Workbook(), io.BytesIO()
    for number, row in enumerate(rows, start=1):
        for place, cell in enumerate(row, start=1):
            found = book.active.cell(number, place)  # type: ignore[union-attr]  # a new workbook has a sheet
            found.value, found.data_type = cell, "s"  # not a formula, whatever it begins with
    book.save(out)
    filled = {number for number, row in enumerate(rows, start=1) if any(cell.strip() for cell in row)}
    check_table(out.getvalue(), filled)


@bounded
@given(data=st.binary(max_size=400) | st.binary(max_size=200).map(lambda tail: b"PK\x03\x04" + tail))
def test_any_bytes_are_read_or_refused_by_a_code(data: bytes) -> None:
    check_table(data, set())


@pytest.fixture
def meeting(transactional_db: None) -> Meeting:
    UserFactory(username="ada", email="ada@example.org")
    made: Meeting = MadeMeetingFactory()
    return made


@pytest.mark.django_db(transaction=True)
@settings(bounded, max_examples=10 * EXAMPLES)
@given(
    items=st.lists(TYPED | WRITTEN | st.sampled_from(["ada", "ADA@example.org", 7, None, {}, ["ada"]]), max_size=8)
)
def test_every_entry_is_foretold(meeting: Meeting, items: list[object]) -> None:
    entries = parse_items(items)
    preview = batches.preview(meeting, entries, preset=None, pre_enrol=True)
    assert [item.entry.line for item in preview.forecasts] == list(range(1, len(items) + 1))
    assert sum(preview.counts.values()) == len(items)
    assert not BatchRow.objects.exists()
