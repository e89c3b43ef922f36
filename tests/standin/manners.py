"""How a stand-in behaves where the contract leaves it open (contract 18): one value object, many combinations."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

Shape = Literal["a", "b", "c", "html", "empty"]
Duplicate = Literal["second", "same"] | int
SHAPES: tuple[Shape, ...] = ("a", "b", "c", "html", "empty")


@dataclass(frozen=True)
class Manners:
    """Numbers named after an occasion are the HTTP status answered then."""

    shape: Shape = "a"
    unknown: int = 404
    unknown_preset: int = 400
    duplicate: Duplicate = "second"
    first_page: int = 1
    page_limit: int = 1000
    total: Literal["int", "float", "text", "page", "none"] = "int"
    order: Literal["oldest", "newest", "shuffled"] = "oldest"
    data_key: Literal["data", "result"] = "data"
    nested: bool = False
    says_success: bool = True
    token: Literal["jwt", "text", "float", "none", "past", "far", "opaque", "huge", "brief"] = "jwt"
    ids: Literal["uuid", "odd"] = "uuid"
    times: Literal["zulu", "fraction", "offset", "naive", "number", "none"] = "zulu"
    extras: bool = False
    nulls: bool = False
    made: int = 201
    deleted: Literal["body", "bare", "204", "empty"] = "body"
    absent_from_session: int = 404
    kicked: Literal["body", "bare"] = "body"
    patch_has_token: bool = True
    status_case: Literal["upper", "lower", "none"] = "upper"
    connection: Literal["keep", "close", "silent"] = "keep"
    chunked: bool = False
    searches: bool = True
    title_limit: int = 1000


CHOICES: dict[str, tuple[Any, ...]] = {
    "shape": SHAPES,
    "unknown": (404, 500, 400, 422, 410),
    "unknown_preset": (400, 404, 422, 500),
    "duplicate": ("second", "same", 409, 400, 422, 500),
    "first_page": (1, 0),
    "page_limit": (1000, 2, 10),
    "total": ("int", "float", "text", "none"),
    "order": ("oldest", "newest", "shuffled"),
    "data_key": ("data", "result"),
    "nested": (False, True),
    "says_success": (True, False),
    "token": ("jwt", "text", "float", "none", "past", "far", "opaque", "huge"),
    "ids": ("uuid", "odd"),
    "times": ("zulu", "fraction", "offset", "naive", "number", "none"),
    "extras": (False, True),
    "nulls": (False, True),
    "made": (201, 200),
    "deleted": ("body", "bare", "204", "empty"),
    "absent_from_session": (404, 200, 500, 400),
    "kicked": ("body", "bare"),
    "patch_has_token": (True, False),
    "status_case": ("upper", "lower", "none"),
    "connection": ("keep", "close", "silent"),
    "chunked": (False, True),
    "searches": (True, False),
}


def list_mixed(count: int, seed: int) -> Iterator[tuple[str, Manners]]:
    """Servers that differ in everything at once, the same ones for one seed; eight show every choice."""
    random = Random(seed)
    columns = {name: _deal(values, count, random) for name, values in CHOICES.items()}
    for number in range(count):
        yield f"mixed {number}", Manners(**{name: column[number] for name, column in columns.items()})


def _deal(values: tuple[Any, ...], count: int, random: Random) -> list[Any]:
    dealt: list[Any] = []
    while len(dealt) < count:
        dealt += random.sample(values, len(values))
    return dealt
