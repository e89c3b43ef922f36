"""Checks request bodies against small schemas and complains in RealtimeKit's words (contract 2.1)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, NoReturn
from urllib.parse import urlsplit

from participants.sandbox.answers import Json, Refusal

Kind = Literal["string", "boolean", "number", "integer", "uri", "object", "array"]
Fields = Mapping[str, "Rule"]

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "uri": str,
    "boolean": bool,
    "number": (int, float),
    "integer": int,
    "object": dict,
    "array": list,
}


@dataclass(frozen=True)
class Rule:
    """One field. `fields` are those of an object, `each` is the rule of an array's items or a map's values."""

    kind: Kind
    required: bool = False
    nullable: bool = False
    choices: tuple[str, ...] = ()
    at_least: int | None = None
    at_most: int | None = None
    fields: Fields | None = None
    each: "Rule | None" = None
    filled: bool = False


def optional(fields: Fields) -> Fields:
    """The same fields for PATCH: none required, however deep."""
    return {
        name: replace(rule, required=False, fields=optional(rule.fields) if rule.fields else rule.fields)
        for name, rule in fields.items()
    }


def check(body: Json, fields: Fields, path: str = "") -> Json:
    """The known fields of `body`; unknown ones are dropped without a word. Raises Refusal(400)."""
    known: Json = {}
    for name, rule in fields.items():
        where = f"{path}{name}"
        if name in body:
            known[name] = _check_value(body[name], rule, where)
        elif rule.required:
            complain(where, "is required")
    return known


def complain(where: str, what: str) -> NoReturn:
    raise Refusal(400, f'BAD_REQUEST: "{where}" {what}')


def moment(text: str, where: str) -> datetime:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(400, f'BAD_REQUEST: "{where}" must be in ISO 8601 date format') from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _check_value(value: Any, rule: Rule, where: str) -> Any:
    if value is None and rule.nullable:
        return None
    # A JSON true is an int to Python.
    if not isinstance(value, TYPES[rule.kind]) or (isinstance(value, bool) and rule.kind != "boolean"):
        complain(where, f"must be {'an' if rule.kind[0] in 'aio' else 'a'} {_noun(rule.kind)}")
    if isinstance(value, str):
        _check_text(value, rule, where)
    elif isinstance(value, dict):
        return _check_object(value, rule, where)
    elif isinstance(value, list) and rule.each is not None:
        return [_check_value(item, rule.each, f"{where}[{index}]") for index, item in enumerate(value)]
    else:
        _check_range(value, rule, where)
    return value


def _noun(kind: Kind) -> str:
    return "string" if kind == "uri" else kind


def _check_text(value: str, rule: Rule, where: str) -> None:
    if rule.filled and not value:
        complain(where, "is not allowed to be empty")
    if rule.choices and value not in rule.choices:
        complain(where, f"must be one of [{', '.join(rule.choices)}]")
    if rule.kind == "uri" and not _is_address(value):
        complain(where, "must be a valid uri")


def _is_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and value.isascii() and " " not in value


def _check_object(value: Json, rule: Rule, where: str) -> Json:
    if rule.each is not None:
        return {name: _check_value(item, rule.each, f"{where}.{name}") for name, item in value.items()}
    return value if rule.fields is None else check(value, rule.fields, f"{where}.")


def _check_range(value: Any, rule: Rule, where: str) -> None:
    if rule.at_least is not None and value < rule.at_least:
        complain(where, f"must be greater than or equal to {rule.at_least}")
    if rule.at_most is not None and value > rule.at_most:
        complain(where, f"must be less than or equal to {rule.at_most}")
