"""Additions to the generated OpenAPI document."""

from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers

from participants.api import examples
from participants.api.idempotency import FORM
from participants.api.sparse import describe_fields, list_fields

KEY_SCHEME = "apiKey"
PAGING = [
    OpenApiParameter("cursor", str, description="From `next` or `previous` of the last answer."),
    OpenApiParameter(
        "page_size",
        {"type": "integer", "minimum": 1, "maximum": 999_999_999},
        description="50 unless told, 200 at most: more is taken for 200.",
    ),
]


def describe_filter(
    name: str, description: str, enum: list[str] | None = None, form: str | None = None
) -> OpenApiParameter:
    """``form`` is a format of JSON Schema, such as uuid."""
    text: dict[str, Any] = {"type": "string", "enum": enum} if enum else {"type": "string", "minLength": 1}
    if form:
        text["format"] = form
    return OpenApiParameter(name, text, description=description)


def describe_page(item: type[serializers.Serializer[Any]]) -> Any:
    """The cursor list of design 5 around one item's shape."""
    return inline_serializer(
        f"{item.__name__}Page",
        {
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": item(many=True),
        },
    )


class Schema(AutoSchema):
    def get_override_parameters(self) -> list[Any]:
        """``fields`` of all calls that look, written once here."""
        sparse = self.method == "GET" and getattr(self.view, "is_sparse", False)
        return [describe_fields(list_fields(self))] if sparse else []


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its metaclass is untyped
    target_class = "participants.api.authentication.ApiKeyAuthentication"
    name = KEY_SCHEME

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        text = "`Authorization: Bearer rck_…`: an API key with the scope that the call takes."
        return {"type": "http", "scheme": "bearer", "description": text}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # as above
    target_class = "participants.api.authentication.TokenAuthentication"
    name = "identityProvider"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        text = "`Authorization: Bearer eyJ…`: a token of the customer's identity provider, where one is set."
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": text}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # as above
    target_class = "participants.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The session of a signed-in user, or one that an invitation opened. Changing calls need "
            "the header `X-CSRFToken` too.",
        }


class GuestScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # as above
    """Adds nothing: the session is the same cookie."""

    target_class = "participants.api.authentication.GuestAuthentication"
    name: list[str] = []

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        return []

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        return []


class OpenScheme(GuestScheme):  # type: ignore[no-untyped-call]  # as above
    """Nobody need be signed in."""

    target_class = "participants.api.authentication.AlwaysWithToken"


class StrictSerializerShape(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # as above
    """What refuses unknown fields says so."""

    target_class = "participants.api.serializers.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        shape: dict[str, Any] = auto_schema._map_serializer(  # type: ignore[no-untyped-call]  # as the extensions do
            self.target, direction, bypass_extensions=True
        )
        return {**shape, "additionalProperties": False}


class UserReferenceField(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # as above
    target_class = "participants.api.serializers.UserReference"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        return {"oneOf": [{"type": "integer"}, {"type": "string", "minLength": 1}]}


class PersonReferenceField(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # as above
    target_class = "participants.api.sources.PersonReference"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        text = {"type": "string"}
        named = {"type": "object", "properties": {"email": text, "name": text, "preset": text}, "required": ["email"]}
        # Typed as what can be read; anything else is a row that says so, and stops no other.
        return {"anyOf": [text, named, {}]}


_PROBLEMS = {
    "400": "Invalid request",
    "401": "Nobody is signed in",
    "403": "Not admitted, or without the right",
    "404": "No such thing",
    "409": "In conflict with the state of things",
    "429": "Too many requests; see `Retry-After`",
    "503": "RealtimeKit can't be reached or is misconfigured; see `Retry-After`",
}


def document_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Every operation may answer with a problem (RFC 9457); written once here instead of at each view."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = _describe_problem()
    for path, methods in result.get("paths", {}).items():
        for operation in methods.values():
            if not path.startswith("/api/v1/manage/"):  # what a person does, no key can
                operation["security"] = [way for way in operation.get("security", []) if KEY_SCHEME not in way]
            _document_header(operation)
            for status, text in _PROBLEMS.items():
                operation["responses"].setdefault(status, _describe_answer(text))
    return result


_ONCE = {
    "manage_meetings_create",
    "manage_participants_enrol",
    "manage_enrolments_start",
    "manage_removals_start",
    "manage_preset_changes_start",
}


def _document_header(operation: dict[str, Any]) -> None:
    """What calls that create take."""
    given = operation.setdefault("parameters", [])
    if operation["operationId"] in _ONCE:
        operation["responses"]["422"] = _describe_answer("The key was used for another call")
        text = "Sent again with it within a day, the same call is answered as before and makes nothing."
        schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": FORM}
        given.append({"in": "header", "name": "Idempotency-Key", "schema": schema, "description": text})


def _describe_answer(text: str) -> dict[str, Any]:
    media = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": examples.PROBLEM}
    return {"description": text, "content": {"application/problem+json": media}}


def _describe_problem() -> dict[str, Any]:
    text = {"type": "string"}
    item = {"type": "object", "properties": {"field": text, "code": text, "detail": text}}
    return {
        "type": "object",
        "description": "RFC 9457. `code` is stable; the datum a caller needs comes beside it.",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "code": text,
            "errors": {"type": "array", "items": item},
            "retry_after": {"type": "integer"},
        },
    }
