from typing import Any

from rest_framework.pagination import CursorPagination


class Pages(CursorPagination):
    """``{"next", "previous", "results"}`` by cursor, newest first; ``page_size`` up to 200."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering: Any = ("-created_at", "-id")
