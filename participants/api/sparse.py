"""``?fields=id,title``: of an answer, or of each item of a list, only these."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

_HELP = "Names of fields, comma-separated: of each item only these."


def list_fields(schema: AutoSchema) -> list[str]:
    """What the answer to a GET, or each item of its list, may hold, in the schema's order."""
    answers: Any = schema.get_response_serializers()
    shape = answers[HTTPStatus.OK]
    shape = shape() if isinstance(shape, type) else shape
    item = shape.fields["results"].child if "results" in shape.fields else shape
    return list(item.fields)


def describe_fields(names: list[str]) -> OpenApiParameter:
    text = {"type": "array", "items": {"type": "string", "enum": names}}
    return OpenApiParameter("fields", text, description=_HELP, style="form", explode=False)


def read_fields(request: Request, known: list[str]) -> list[str]:
    """The names asked for; empty for everything. Raises ValidationError for one that is none of its fields."""
    names = [name.strip() for name in request.query_params.get("fields", "").split(",") if name.strip()]
    if unknown := [name for name in names if name not in known]:
        text = f"There is no field {unknown[0]!r} here. Known are {', '.join(known)}."
        raise ValidationError({"fields": text}, code="unknown_field")
    return names


def keep(data: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """What a caller is not shown, such as groups, is left out without a word."""
    if "results" in data:
        return {**data, "results": [keep(item, names) for item in data["results"]]}
    return {name: data[name] for name in names if name in data}
