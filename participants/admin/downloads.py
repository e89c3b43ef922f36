"""CSV files that are sent while they are written."""

import csv
from collections.abc import Iterable, Iterator

from django.http import StreamingHttpResponse


class _Line:
    """What a csv writer writes to; gives each line back."""

    def write(self, text: str) -> str:
        return text


def answer_csv(rows: Iterable[Iterable[object]], filename: str) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(_write(rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{filename}"'
    answer["Cache-Control"] = "no-store"
    return answer


def _write(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    writer = csv.writer(_Line())
    for cells in rows:
        yield writer.writerow([defuse(str(cell)) for cell in cells])


def defuse(cell: str) -> str:
    """A spreadsheet takes a cell that begins so for a formula; the apostrophe makes it text."""
    risky = cell.lstrip().startswith(("=", "+", "-", "@")) or cell.startswith(("\t", "\r", "\n"))
    return f"'{cell}" if risky else cell
