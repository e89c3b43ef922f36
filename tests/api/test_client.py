"""The typed client of docs/client is made from the schema as it is now."""

import hashlib
import io
import json
import re
from pathlib import Path

import pytest
from django.core.management import call_command
from openapi_spec_validator import OpenAPIV30SpecValidator

CLIENT = Path(__file__).parents[2] / "docs" / "client"


@pytest.fixture(scope="module")
def schema() -> str:
    out = io.StringIO()
    call_command("attendee_schema", stdout=out)
    return out.getvalue()


def test_the_types_are_in_step_with_the_schema(schema: str) -> None:
    head = (CLIENT / "schema.d.ts").read_text(encoding="utf-8").splitlines()[0]
    assert head.endswith(hashlib.sha256(schema.encode()).hexdigest()), "run make client"


def test_the_attendees_part_is_a_document_of_its_own(schema: str) -> None:
    document = json.loads(schema)
    assert list(OpenAPIV30SpecValidator(document).iter_errors()) == []
    assert "Problem" in document["components"]["schemas"]
    assert not [path for path in document["paths"] if "/manage/" in path]


def test_every_shape_the_client_names_is_in_the_types() -> None:
    types = (CLIENT / "schema.d.ts").read_text(encoding="utf-8")
    for name in ("rollcall.js", "rollcall.d.ts"):
        named = set(re.findall(r'Shapes\["(\w+)"\]', (CLIENT / name).read_text(encoding="utf-8")))
        assert len(named) >= 5
        assert [shape for shape in named if f"        {shape}: {{" not in types] == []
