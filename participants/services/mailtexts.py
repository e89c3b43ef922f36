"""What mails say: a default per kind, which staff may replace. Placeholders are filled in, nothing is executed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from django.db import transaction
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from participants.errors import PlaceholderMissing, TextMissing, UnknownPlaceholder
from participants.models import Actor, EventKind, MailText
from participants.models.event import record
from participants.models.mailtext import SUBJECT_LIMIT, TEXT_LIMIT
from participants.states import MessageKind

_PLACEHOLDER = re.compile(r"\{([^{}\n]*)\}")
_BLANK_LINES = re.compile(r"\n\s*\n")
LINK = "link"
PLACEHOLDERS = {
    "name": "The person's name",
    "meeting": "The meeting's title",
    "when": "When it opens and closes, or that it is open at any time",
    LINK: "The link to the meeting; in an invitation the person's own",
    "expires": "Until when the invitation's link works",
    "role": "The name of the person's preset",
    "change": "What has changed",
    "answer": "What you wrote when you decided on the request",
}
_ALWAYS = ("name", "meeting", "when")
_KINDS: dict[str, tuple[str, ...]] = {
    MessageKind.INVITATION: (*_ALWAYS, LINK, "expires", "role"),
    MessageKind.ENROLLED: (*_ALWAYS, LINK, "role"),
    MessageKind.CHANGED: (*_ALWAYS, LINK, "role", "change"),
    MessageKind.REMOVED: _ALWAYS,
    MessageKind.APPROVED: (*_ALWAYS, LINK, "role", "answer"),
    MessageKind.DENIED: (*_ALWAYS, "answer"),
}


@dataclass(frozen=True)
class Text:
    """Subject and text of one kind, with their placeholders."""

    subject: str
    text: str


DEFAULTS: dict[str, Text] = {
    MessageKind.INVITATION: Text(
        "Invitation: {meeting}",
        "Hello {name},\n\nyou are invited to {meeting}.\n\n{when}\n\nThis link is yours alone. You need no "
        "account:\n\n{link}\n\nIt works until {expires}. Please don't pass it on: whoever opens it joins as you.",
    ),
    MessageKind.ENROLLED: Text(
        "You are enrolled: {meeting}",
        "Hello {name},\n\nyou are enrolled in {meeting}.\n\n{when}\n\nJoin it here:\n\n{link}",
    ),
    MessageKind.CHANGED: Text(
        "Changed: {meeting}",
        "Hello {name},\n\nsomething has changed about {meeting}: {change}.\n\n{when}\n\nJoin it here:\n\n{link}",
    ),
    MessageKind.REMOVED: Text(
        "You were removed: {meeting}",
        "Hello {name},\n\nyou are no longer enrolled in {meeting} and can't join it any more.\n\n"
        "If that is a mistake, ask the organiser.",
    ),
    MessageKind.APPROVED: Text(
        "You are let in: {meeting}",
        "Hello {name},\n\nyour request was approved: you are enrolled in {meeting}.\n\n{answer}\n\n{when}\n\n"
        "Join it here:\n\n{link}",
    ),
    MessageKind.DENIED: Text(
        "Your request: {meeting}",
        "Hello {name},\n\nyour request to be let in to {meeting} was not approved.\n\n{answer}",
    ),
}
SAMPLES = {
    "name": "Ada Example",
    "meeting": "Algebra, group 7",
    "when": "Monday, 11 January 2027, 09:00 to 10:00 (UTC)",
    LINK: "https://rollcall.example.org/m/0190a3a0-1111-7000-8000-000000000001/",
    "expires": "10 February 2027, 09:00 (UTC)",
    "role": "group_call_participant",
    "change": "the time",
    "answer": "See you on Monday.",
}
"""What a preview is filled with."""


def list_placeholders(kind: str) -> list[tuple[str, str]]:
    """Names and what they stand for, of one kind."""
    return [(name, PLACEHOLDERS[name]) for name in _KINDS[kind]]


def find(kind: str) -> Text:
    """As staff wrote it, else the default."""
    row = MailText.objects.filter(kind=kind).first()
    return Text(row.subject, row.text) if row else DEFAULTS[kind]


def check(kind: str, text: Text) -> Text:
    """The text as it is stored. Raises TextMissing, UnknownPlaceholder or PlaceholderMissing."""
    cleaned = Text(" ".join(text.subject.split()), text.text.replace("\r\n", "\n").strip())
    for name, value, limit in (
        ("subject", cleaned.subject, SUBJECT_LIMIT),
        ("text", cleaned.text, TEXT_LIMIT),
    ):
        if not value or len(value) > limit or "\0" in value:
            raise TextMissing(field=name)
        allowed = tuple(item for item in _KINDS[kind] if name == "text" or item != LINK)
        for found in _PLACEHOLDER.findall(value):
            if found not in allowed:
                known = ", ".join(f"{{{item}}}" for item in allowed)
                raise UnknownPlaceholder(f"There is no {{{found}}} here. These can be used: {known}.", field=name)
    if kind == MessageKind.INVITATION and f"{{{LINK}}}" not in cleaned.text:
        raise PlaceholderMissing(field="text")
    return cleaned


def save(kind: str, text: Text, *, by: Actor) -> Text:
    """Replace the text of one kind, for all mails sent from now on. Raises as ``check``."""
    cleaned = check(kind, text)
    with transaction.atomic():
        values = {"subject": cleaned.subject, "text": cleaned.text, "changed_by": by.user}
        MailText.objects.update_or_create(kind=kind, defaults=values)
        record(EventKind.MAIL_TEXT_CHANGED, by, mail=kind)
    return cleaned


def reset(kind: str, *, by: Actor) -> bool:
    """Back to the default. False when it was that already."""
    with transaction.atomic():
        count, _ = MailText.objects.filter(kind=kind).delete()
        if count:
            record(EventKind.MAIL_TEXT_RESET, by, mail=kind)
    return bool(count)


def fill_subject(text: Text, values: Mapping[str, str]) -> str:
    """One line: no value can add a header."""
    return " ".join(_fill(text.subject, values).split())


def fill_plain(text: Text, values: Mapping[str, str]) -> str:
    filled = (_fill(part, values).strip() for part in _BLANK_LINES.split(text.text))
    return "\n\n".join(part for part in filled if part) + "\n"


def fill_html(text: Text, values: Mapping[str, str]) -> SafeString:
    """Paragraphs. Every value is escaped, and the link is the only thing that leads anywhere."""
    paragraphs = []
    for part in _BLANK_LINES.split(text.text):
        filled = _fill_paragraph(part.strip(), values)
        if filled:
            paragraphs.append(f'<p style="margin:0 0 16px">{filled}</p>')
    return mark_safe("\n".join(paragraphs))  # noqa: S308 - each piece was escaped


def _fill(text: str, values: Mapping[str, str]) -> str:
    # In one pass, so that what a value holds is never taken for a placeholder.
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], ""), text)


def _fill_paragraph(text: str, values: Mapping[str, str]) -> str:
    pieces, end = [], 0
    for found in _PLACEHOLDER.finditer(text):
        pieces.append(escape(text[end : found.start()]))
        value = values.get(found[1], "")
        pieces.append(_render_link(value) if found[1] == LINK else escape(value))
        end = found.end()
    pieces.append(escape(text[end:]))
    return "".join(pieces).strip().replace("\n", "<br>")


def _render_link(address: str) -> str:
    look = "color:#1d4fd7;font-weight:600;word-break:break-all"
    return format_html('<a href="{}" style="{}">{}</a>', address, look, address)
