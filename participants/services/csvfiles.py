"""CSV as it is sent: cells that no spreadsheet takes for a formula, in lines that need not all be there at once."""

import csv
import re
from collections.abc import Iterable, Iterator

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_RISKY = ("=", "+", "-", "@")
_LONGEST = 32_000
"""Characters of one cell: spreadsheets hold no more."""


class _Line:
    """What a csv writer writes to; gives each line back."""

    def write(self, text: str) -> str:
        return text


def write_lines(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """A line each. Text has to be defused before."""
    writer = csv.writer(_Line())
    for cells in rows:
        yield writer.writerow(cells)


def write_texts(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """As ``write_lines``, with everything taken for text."""
    return write_lines([defuse(str(cell)) for cell in cells] for cells in rows)


def defuse(text: str) -> str:
    """A spreadsheet takes a cell that begins so for a formula; the apostrophe makes it text."""
    clean = _CONTROL.sub("", text)[:_LONGEST]
    is_risky = clean.lstrip().startswith(_RISKY) or clean.startswith(("\t", "\r", "\n"))
    return f"'{clean}" if is_risky else clean
