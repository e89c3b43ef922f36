"""Lists of people as pasted, or sent as JSON."""

import json
import time
import uuid
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from participants.errors import RosterTooLong
from participants.services import rosters
from participants.services.rosters import Entry, parse_items, parse_text

repeatable = settings(max_examples=200, derandomize=True, database=None, deadline=None)
TYPED = st.text(alphabet='ab@.<>",;\t\n\r \0\ud800é\u200b', max_size=80) | st.text(max_size=80)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TYPED,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["email", "name", "preset", "mail"]), inner, max_size=4)
    ),
    max_leaves=8,
)


def read(text: str) -> list[tuple[int, str, str]]:
    return [(entry.line, entry.key, entry.name) for entry in parse_text(text)]


@pytest.mark.parametrize("separator", [",", ";", "\t", "\n", "\r\n", " , ", ";;", ",\n"])
def test_people_may_be_separated_by_anything_a_mail_program_writes(separator: str) -> None:
    assert [entry.key for entry in parse_text(f"ada{separator}bob@example.org")] == ["ada", "bob@example.org"]


def test_each_entry_keeps_the_line_it_was_written_on() -> None:
    assert read("ada, bob\n\n  carl  \r\ndora") == [(1, "ada", ""), (1, "bob", ""), (3, "carl", ""), (4, "dora", "")]


@pytest.mark.parametrize(
    ("written", "key", "name"),
    [
        ("Ada Example <ADA@Example.Org>", "ada@example.org", "Ada Example"),
        ('"Lovelace, Ada; Countess" <ada@example.org>', "ada@example.org", "Lovelace, Ada; Countess"),
        ("<ada@example.org>", "ada@example.org", ""),
        ("Ada Example ada@example.org", "ada@example.org", "Ada Example"),
        ("  ada@EXAMPLE.org ", "ada@example.org", ""),
        ("\ufeffada", "ada", ""),
        ('"ada"', "ada", ""),
        ("Ada", "Ada", ""),
        ("Ada\u00a0Example <ada@example.org>", "ada@example.org", "Ada Example"),
    ],
)
def test_names_and_addresses_are_told_apart(written: str, key: str, name: str) -> None:
    assert read(written) == [(1, key, name)]


def test_addresses_with_only_spaces_between_them_are_several_people() -> None:
    assert [entry.key for entry in parse_text("a@example.org b@example.org")] == ["a@example.org", "b@example.org"]


def test_a_quote_that_is_never_closed_swallows_nothing() -> None:
    assert [entry.key for entry in parse_text('"ada, bob\ncarl')] == ["ada", "bob", "carl"]


@pytest.mark.parametrize("text", ["", "\n\n", " , ;\t", "\ufeff"])
def test_nothing_is_nobody(text: str) -> None:
    assert parse_text(text) == []


@pytest.mark.parametrize("text", ["Ada <>", "ada\0", "x" * 300, "\u200bada", "\ud800"])
def test_what_can_be_nobody_says_why_and_stops_no_other(text: str) -> None:
    broken, fine = parse_text(f"{text}\nbob")
    assert broken.problem
    assert (broken.key, fine.key) == ("", "bob")
    assert broken.text.isprintable()


def test_items_of_a_json_list_are_numbered_by_their_place() -> None:
    items = ["ada", "Bob <bob@example.org>", {"email": "C@example.org", "name": "C", "preset": "host"}]
    found = [(e.line, e.key, e.name, e.preset) for e in parse_items(items)]
    assert found == [
        (1, "ada", "", ""),
        (2, "bob@example.org", "Bob", ""),
        (3, "c@example.org", "C", "host"),
    ]


@pytest.mark.parametrize(
    "item", [None, 7, True, [], {}, {"mail": "a@example.org"}, {"email": 7}, {"email": "\0"}, ""]
)
def test_an_item_of_another_shape_is_malformed_and_says_why(item: Any) -> None:
    (entry,) = parse_items([item])
    assert entry.problem
    assert entry.key == ""


def test_a_list_beyond_the_limit_is_refused_whole() -> None:
    assert len(parse_text("a\n" * rosters.ROWS)) == rosters.ROWS
    with pytest.raises(RosterTooLong):
        parse_text("a\n" * (rosters.ROWS + 1))
    with pytest.raises(RosterTooLong):
        parse_items(["a"] * (rosters.ROWS + 1))
    with pytest.raises(RosterTooLong):
        parse_text("a" * (rosters.CHARACTERS + 1))


@pytest.mark.parametrize("unit", ['"', " ", "<", "@", '" ', "a ", "<>", "a@b "])
def test_a_long_line_of_anything_is_read_in_linear_time(unit: str) -> None:
    begun = time.process_time()
    with suppress(RosterTooLong):
        parse_text(unit * (400_000 // len(unit)))
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "entry",
    [
        Entry(1, "ada", "ada"),
        Entry(2, "C", "c@example.org", is_email=True, name="C", preset="host"),
        Entry(3, "", problem="There is neither a username nor an e-mail address."),
        Entry(4, "ada", user_id=7),
        Entry(5, "Bob", person_id=uuid.UUID("0190a3a0-1111-7000-8000-000000000001"), preset="host"),
    ],
)
def test_an_entry_is_the_same_after_it_was_kept_as_json(entry: Entry) -> None:
    assert Entry.from_json(json.loads(json.dumps(entry.to_json()))) == entry


def test_an_entry_that_names_somebody_by_id_can_be_read_without_a_key() -> None:
    assert Entry(1, "ada", user_id=7).is_readable
    assert not Entry(1, "").is_readable


@repeatable
@given(text=TYPED)
def test_no_text_however_strange_breaks_the_reading(text: str) -> None:
    lines = text.count("\n") + text.count("\r") + 1
    for entry in parse_text(text):
        assert 1 <= entry.line <= lines
        assert bool(entry.key) != bool(entry.problem)
        assert (entry.key + entry.name + entry.preset + entry.text).isprintable()
        assert len(entry.key) <= rosters.EMAIL_LIMIT
        assert entry.key == entry.key.strip()


@repeatable
@given(items=st.lists(JSON, max_size=5))
def test_no_json_however_strange_breaks_the_reading(items: list[Any]) -> None:
    entries = parse_items(items)
    assert [entry.line for entry in entries] == list(range(1, len(items) + 1))
    assert all(bool(entry.key) != bool(entry.problem) for entry in entries)
    assert all(entry.text.isprintable() for entry in entries)
