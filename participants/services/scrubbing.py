"""Taking one person out of texts and JSON that speak of others too. Pure.

An e-mail address and a name of two words or more are taken out wherever they stand. A single word, such as a
username, only where it is all that stands there: "may" is a name as well.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus

ERASED = "Erased person"
_NAMING = frozenset(
    {
        *("name", "displayName", "userDisplayName", "display_name", "user_display_name", "picture", "picture_url"),
        *("email", "firstName", "lastName", "first_name", "last_name", "username", "nickname"),
    }
)
"""What programs call the parts of an object that say who it is about."""
_IDENTIFYING = (
    *("customParticipantId", "custom_participant_id", "clientSpecificId", "client_specific_id"),
    *("customParticipantID",),
)


@dataclass(frozen=True)
class Scrubber:
    """``emails`` and ``names`` are taken out; of JSON objects under one of the ``ids`` whatever names them is."""

    emails: frozenset[str]
    names: frozenset[str]
    ids: frozenset[str] = field(default=frozenset())

    @property
    def needles(self) -> list[str]:
        """What a row holds that has to be looked at."""
        return sorted(self.emails | self.names)

    def without_names(self) -> "Scrubber":
        """For rows about somebody else, who may have the same name."""
        return Scrubber(self.emails, frozenset(), self.ids)

    def in_titles(self) -> "Scrubber":
        """For what staff name as they like, where a single word is no name."""
        return Scrubber(self.emails, frozenset(name for name in self.names if len(name.split()) > 1), self.ids)

    def scrub(self, value: Any) -> Any:
        """The same value without them: a text, or anything that JSON holds."""
        if isinstance(value, str):
            return self._scrub_text(value)
        if isinstance(value, list):
            return [self.scrub(item) for item in value]
        if isinstance(value, dict):
            return self._scrub_object(value)
        return value

    def find_own(self, value: Any) -> list[dict[str, Any]]:
        """The objects in a JSON value that carry one of their ids: theirs to the letter, and of nobody else."""
        if isinstance(value, list):
            return [found for item in value for found in self.find_own(item)]
        if not isinstance(value, dict):
            return []
        if {str(value[key]) for key in _IDENTIFYING if value.get(key)} & self.ids:
            return [value]
        return self.find_own(list(value.values()))

    def _scrub_object(self, value: dict[str, Any]) -> dict[str, Any]:
        whose = {str(value[key]) for key in _IDENTIFYING if value.get(key)}
        if whose & self.ids:
            return {key: ERASED if key in _NAMING and item else self.scrub(item) for key, item in value.items()}
        # Of an object that has another's id the names are the other's.
        own = self.without_names() if whose else self
        return {own._scrub_text(key): own.scrub(item) for key, item in value.items()}

    def _scrub_text(self, text: str) -> str:
        if text.strip().casefold() in self._alone:
            return ERASED
        return self._replace(text)

    @cached_property
    def _alone(self) -> frozenset[str]:
        return frozenset(needle.casefold() for needle in self.needles)

    @cached_property
    def _replace(self) -> Callable[[str], str]:
        wanted = [*self.emails, *(name for name in self.names if len(name.split()) > 1)]
        spelled = {form for needle in wanted for form in spell(needle)}
        if not spelled:
            return lambda text: text
        # The longest first, or a name would be taken out of the middle of an address.
        found = "|".join(re.escape(form) for form in sorted(spelled, key=len, reverse=True))
        pattern = re.compile(rf"(?<![^\W_]){'(?:' + found + ')'}(?![^\W_])", re.IGNORECASE)
        return lambda text: pattern.sub(ERASED, text)


def spell(needle: str) -> set[str]:
    """As it stands in a text, in an address, and in JSON. A database may know no capitals but those of ASCII."""
    forms = set()
    for text in (needle, needle.upper(), needle.lower()):
        forms |= {text, quote(text), quote_plus(text), json.dumps(text)[1:-1]}
        forms.add(json.dumps(text, ensure_ascii=False)[1:-1])
    return forms


def tidy(texts: Iterable[str | None]) -> frozenset[str]:
    """Without what says nothing: blanks, what was erased before, and single letters."""
    found = {" ".join(text.split()) for text in texts if text}
    return frozenset(text for text in found if len(text) > 1 and text.casefold() != ERASED.casefold())
