"""``manage.py attendee_schema``: the part of the OpenAPI document that a browser app needs, as JSON."""

import json
import re
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand
from drf_spectacular.generators import SchemaGenerator

PREFIXES = ("/api/v1/me/", "/api/v1/meetings/")
_REFERENCE = re.compile(r"^#/components/(\w+)/(\w+)$")
Document = dict[str, Any]


def build() -> Document:
    """Paths for attendees with the components they name, directly or by others. Refusals all have one shape."""
    whole: Document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # untyped package
    paths = {path: item for path, item in whole["paths"].items() if path.startswith(PREFIXES)}
    for operation in (operation for item in paths.values() for operation in item.values()):
        operation["responses"] = {code: it for code, it in operation["responses"].items() if str(code) < "300"}
    kept: dict[str, Document] = {"securitySchemes": whole["components"].get("securitySchemes", {})}
    waiting = [("schemas", "Problem"), *_list_references(paths)]
    while waiting:
        kind, name = waiting.pop()
        if name not in kept.setdefault(kind, {}):
            kept[kind][name] = whole["components"][kind][name]
            waiting.extend(_list_references(kept[kind][name]))
    return {**whole, "paths": paths, "components": kept}


def write(document: Document) -> str:
    return json.dumps(document, indent=1, sort_keys=True, default=str) + "\n"


def _list_references(part: Any) -> Iterator[tuple[str, str]]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref" and (found := _REFERENCE.match(str(value))):
                yield found[1], found[2]
            else:
                yield from _list_references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _list_references(value)


class Command(BaseCommand):
    help = "Write the part of the OpenAPI document that a browser app for attendees needs."
    requires_system_checks = []  # no connection is needed

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(write(build()), ending="")
