"""``?fields=id,title``: of an answer, or of each item of a list, only these."""

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request


def read_fields(request: Request) -> list[str]:
    """The names asked for; empty for everything."""
    return [name.strip() for name in request.query_params.get("fields", "").split(",") if name.strip()]


def keep(data: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Raises ValidationError for a name that is none of its fields."""
    if "results" in data:
        return {**data, "results": [keep(item, names) for item in data["results"]]}
    if unknown := [name for name in names if name not in data]:
        raise ValidationError({"fields": f"There is no field {unknown[0]!r} here."}, code="unknown_field")
    return {name: data[name] for name in names}
