"""CSV files that are sent while they are written."""

from collections.abc import Iterable

from django.http import StreamingHttpResponse

from participants.services import csvfiles


def answer_csv(rows: Iterable[Iterable[object]], filename: str) -> StreamingHttpResponse:
    """Every cell is taken for text."""
    answer = StreamingHttpResponse(csvfiles.write_texts(rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{filename}"'
    answer["Cache-Control"] = "no-store"
    return answer
