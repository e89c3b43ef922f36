"""What may follow the question mark: what the call's OpenAPI entry lists, and nothing else.

A filter that is misspelt and ignored answers with everybody; a caller takes that for the answer to their question.
"""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from participants.errors import RollcallError


class UnknownParameter(RollcallError):
    """``known`` are those that the call takes; ``errors`` has an item for each that it does not."""

    code = "unknown_parameter"

    def __init__(self, unknown: Iterable[str], known: list[str]) -> None:
        texts = {name: f"There is no parameter {name!r} here. {_tell(known)}" for name in unknown}
        errors = [{"field": name, "code": self.code, "detail": text} for name, text in texts.items()]
        super().__init__(next(iter(texts.values())), known=known, errors=errors)


def refuse_unknown(request: Request, view: Any) -> None:
    """Raises UnknownParameter for a question about something this view does not know."""
    known = list_known(view)
    if unknown := sorted(set(request.query_params) - set(known)):
        raise UnknownParameter(unknown, known)


def find_schema(view: Any) -> AutoSchema:
    """Of a view's GET."""
    schema: AutoSchema = view.get.kwargs["schema"]()
    schema.view, schema.method = view, "GET"
    return schema


def list_known(view: Any) -> list[str]:
    """The query parameters of a view's GET, by its schema."""
    listed: list[Any] = find_schema(view).get_override_parameters()
    return sorted(item.name for item in listed if item.location == OpenApiParameter.QUERY)


def _tell(known: list[str]) -> str:
    return f"Known are {', '.join(known)}." if known else "It takes none."
