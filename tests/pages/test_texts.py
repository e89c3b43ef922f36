"""The texts of what attendees see: every one translated, the compiled in step with the written."""

import ast
import gettext
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.template.base import Node, NodeList
from django.template.loader import get_template
from django.templatetags.i18n import BlockTranslateNode, TranslateNode

ROOT = Path(__file__).parents[2]
LOCALE = ROOT / "participants" / "locale"
LANGUAGES = [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
DOMAINS = ["django", "djangojs"]
_CALL = re.compile(r'\bn?gettext\(\s*("(?:[^"\\]|\\.)*")(?:,\s*("(?:[^"\\]|\\.)*"))?')
_LINE = re.compile(r'(msgid|msgid_plural|msgstr(?:\[\d\])?) ("(?:[^"\\]|\\.)*")|("(?:[^"\\]|\\.)*")')
_FOR_STAFF = {"admin", "mfa", "drf_spectacular"}
_STAFF_PASSWORD = "account/reauthenticate.html"
_PLACE = re.compile(r"%\(\w+\)s")


@dataclass
class Entry:
    """One text of a catalogue as written; ``texts`` has one translation, or one for each plural form."""

    key: str
    plural: str
    texts: list[str]
    fuzzy: bool


def read_catalogue(language: str, domain: str) -> list[Entry]:
    """As written by hand, the header left out."""
    path = LOCALE / language / "LC_MESSAGES" / f"{domain}.po"
    entries = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        fields: dict[str, str] = {}
        name = ""
        for found in _LINE.finditer(re.sub(r"(?m)^#.*$", "", block)):
            name = found[1] or name
            fields[name] = fields.get(name, "") + ast.literal_eval(found[2] or found[3])
        texts = [text for field, text in fields.items() if field.startswith("msgstr")]
        if fields.get("msgid"):
            fuzzy = bool(re.search(r"(?m)^#,.*fuzzy", block))
            entries.append(Entry(fields["msgid"], fields.get("msgid_plural", ""), texts, fuzzy))
    return entries


def read_compiled(language: str, domain: str) -> dict[str, list[str]]:
    """What the running site reads."""
    with (LOCALE / language / "LC_MESSAGES" / f"{domain}.mo").open("rb") as file:
        raw: dict[str | tuple[str, int], str] = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]  # no other way in
    found: dict[str, list[str]] = {}
    for key, text in raw.items():
        name = key if isinstance(key, str) else key[0]
        if name:
            found.setdefault(name, []).append(text)
    return found


def list_templates() -> list[str]:
    """Pages for attendees; those for staff, their second factor's and the reference of the API are English."""
    folder = ROOT / "templates"
    paths = [path.relative_to(folder) for path in folder.rglob("*.html")]
    return sorted(str(path) for path in paths if path.parts[0] not in _FOR_STAFF and str(path) != _STAFF_PASSWORD)


def walk(nodes: NodeList) -> Iterator[Node]:
    for node in nodes:
        yield node
        for name in node.child_nodelists:
            yield from walk(getattr(node, name, None) or NodeList())
        for _, inner in getattr(node, "conditions_nodelists", ()):
            yield from walk(inner)


def list_said_by_python() -> Iterator[str]:
    """The few texts that no template holds: why a sign-in failed, the mail that confirms an address."""
    for path in (ROOT / "participants").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="gettext" | "gettext_noop"), args=[ast.Constant(value=str(text))]):
                    yield text


def list_used(domain: str) -> set[str]:
    """Every text that pages or scripts ask to have translated."""
    if domain == "djangojs":
        scripts = (path.read_text(encoding="utf-8") for path in (ROOT / "static").rglob("*.js"))
        return {ast.literal_eval(found[1]) for text in scripts for found in _CALL.finditer(text)}
    used = set(list_said_by_python())
    for name in list_templates():
        template = get_template(name).template  # type: ignore[attr-defined]  # Django's own back end
        for node in walk(template.nodelist):
            if isinstance(node, TranslateNode):
                used.add(node.filter_expression.var.literal)
            elif isinstance(node, BlockTranslateNode):
                used.add(node.render_token_list(node.singular)[0])
    return used


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_in_use_is_translated_and_nothing_else_is_kept(language: str, domain: str) -> None:
    entries = read_catalogue(language, domain)
    used = list_used(domain)
    assert len(used) > 30
    assert {entry.key for entry in entries} == used
    assert [entry.key for entry in entries if entry.fuzzy or not all(entry.texts)] == []


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_keeps_the_places_that_are_filled_in(language: str, domain: str) -> None:
    for entry in read_catalogue(language, domain):
        for text in entry.texts:
            assert sorted(_PLACE.findall(text)) == sorted(_PLACE.findall(entry.key)), entry.key


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_in_step_with_the_written_one(language: str, domain: str) -> None:
    written = {entry.key: entry.texts for entry in read_catalogue(language, domain)}
    assert read_compiled(language, domain) == written, "run make texts"


@pytest.mark.parametrize("name", list_templates())
def test_no_words_stand_in_a_page_without_being_translated(name: str) -> None:
    text = (ROOT / "templates" / name).read_text(encoding="utf-8")
    text = re.sub(r"(?s){%\s*blocktranslate.*?endblocktranslate\s*%}|{#.*?#}", "", text)
    text = re.sub(r"(?s){% block (screen|tone|main_data|action) %}.*?{% endblock %}", "", text)
    text = re.sub(r"(?s)<svg.*?</svg>|{%.*?%}|{{.*?}}", "\n", text)
    words = re.findall(r">([^<>]*[A-Za-z]{3}[^<>]*)<", text)
    assert [word.strip() for word in words if word.strip() not in {"Rollcall", "· Rollcall"}] == []


def test_no_words_stand_in_a_script_without_being_translated() -> None:
    """Sentences in the modules for attendees that are no argument of gettext."""
    left = {}
    folder = ROOT / "static" / "participants"
    for path in sorted([*folder.glob("join*.js"), *folder.glob("invitation*.js"), folder / "access.js"]):
        text = _CALL.sub("", path.read_text(encoding="utf-8"))
        text = re.sub(r"(?m)^\s*(?://|/?\*).*$|\s//.*$", "", text)
        found = re.findall(r'["`]([A-Z][a-z]+ [a-z][^"`]*)["`]', text)
        if found:
            left[path.name] = found
    assert left == {}
