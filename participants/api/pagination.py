import re
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request


class Pages(CursorPagination):
    """``{"next", "previous", "results"}`` by cursor, newest first; ``page_size`` of more than 200 is 200."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering: Any = ("-created_at", "-id")

    def get_page_size(self, request: Request) -> int:
        """DRF's own passes over what it can't read. Raises ValidationError."""
        text = request.query_params.get("page_size")
        if text is None:
            return self.page_size
        if not re.fullmatch(r"0*[1-9][0-9]{0,8}", text, re.ASCII):
            told = ErrorDetail("Give a whole number of at least 1.", code="invalid")
            raise ValidationError({"page_size": [told]})
        return min(int(text), self.max_page_size)

    def decode_cursor(self, request: Request) -> Cursor | None:
        """DRF's own lets any text through as the place to go on from, which is always one of our times."""
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None and not self.is_place(str(cursor.position)):
            raise NotFound(self.invalid_cursor_message)
        return cursor

    def is_place(self, text: str) -> bool:
        """Whether a list in this order could have named that place."""
        return _read_place(text) is not None


def _read_place(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    # Ours carry an offset of nothing; another could lie beyond the years that can be compared.
    return moment if moment is not None and moment.tzinfo is not None and not moment.utcoffset() else None
