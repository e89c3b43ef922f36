"""Mail texts that staff may edit: filled in, never executed."""

import pytest

from participants.errors import PlaceholderMissing, TextMissing, UnknownPlaceholder
from participants.models import Actor, Event, EventKind
from participants.services import mailtexts
from participants.services.mailtexts import DEFAULTS, SAMPLES, Text
from participants.states import MessageKind

pytestmark = pytest.mark.django_db
INVITATION = MessageKind.INVITATION


@pytest.mark.parametrize("kind", MessageKind.values)
def test_each_kind_has_a_default_that_may_be_saved_and_fills_in_whole(kind: str) -> None:
    assert mailtexts.check(kind, DEFAULTS[kind]) == DEFAULTS[kind]
    filled = mailtexts.fill_subject(DEFAULTS[kind], SAMPLES) + mailtexts.fill_plain(DEFAULTS[kind], SAMPLES)
    assert "{" not in filled


def test_staff_replace_a_text_and_put_it_back(by: Actor) -> None:
    mailtexts.save(INVITATION, Text(" Come  along ", "Dear {name},\r\n\r\n{link}\n"), by=by)
    assert mailtexts.find(INVITATION) == Text("Come along", "Dear {name},\n\n{link}")
    assert mailtexts.reset(INVITATION, by=by)
    assert not mailtexts.reset(INVITATION, by=by)
    assert mailtexts.find(INVITATION) == DEFAULTS[INVITATION]
    kinds = (EventKind.MAIL_TEXT_CHANGED, EventKind.MAIL_TEXT_RESET)
    assert Event.objects.filter(kind__in=kinds).count() == 2


@pytest.mark.parametrize(
    ("kind", "text", "field"),
    [
        (INVITATION, Text("Hello {nobody}", "{link}"), "subject"),
        (INVITATION, Text("Hello", "{link} {secret}"), "text"),
        (INVITATION, Text("Hello", "{link} {}"), "text"),
        (INVITATION, Text("Hello", "{link} {meeting.managers}"), "text"),
        (INVITATION, Text("{link}", "{link}"), "subject"),
        (MessageKind.REMOVED, Text("Hello", "{link}"), "text"),
    ],
    ids=["subject", "text", "blank", "attribute", "link-in-subject", "not-of-this-kind"],
)
def test_an_unknown_placeholder_is_refused_with_those_that_are_known(kind: str, text: Text, field: str) -> None:
    with pytest.raises(UnknownPlaceholder, match=r"These can be used: \{name\}") as told:
        mailtexts.check(kind, text)
    assert told.value.data["field"] == field


def test_an_invitation_must_hold_its_link() -> None:
    with pytest.raises(PlaceholderMissing):
        mailtexts.check(INVITATION, Text("Hello", "Just come."))


@pytest.mark.parametrize(
    ("text", "field"),
    [(Text(" ", "{link}"), "subject"), (Text("a", " "), "text"), (Text("a" * 201, "{link}"), "subject")],
    ids=["no-subject", "no-text", "long-subject"],
)
def test_a_text_that_is_missing_or_too_long_is_refused(text: Text, field: str) -> None:
    with pytest.raises(TextMissing) as told:
        mailtexts.check(INVITATION, text)
    assert told.value.data["field"] == field


@pytest.mark.parametrize("markup", ["{% now 'Y' %}", "{{ name }}", "{{ settings.SECRET_KEY }}", "{name!r}"])
def test_a_template_language_is_refused_and_not_executed(markup: str) -> None:
    with pytest.raises(UnknownPlaceholder):
        mailtexts.check(INVITATION, Text("Hello", f"{{link}} {markup}"))


def test_what_a_value_holds_is_neither_filled_in_again_nor_markup() -> None:
    text = Text("{name}", "{name}\n\n{link}")
    values = {**SAMPLES, "name": "{link} <b>Ada</b>"}
    assert mailtexts.fill_subject(text, values) == "{link} <b>Ada</b>"
    html = mailtexts.fill_html(text, values)
    assert "&lt;b&gt;Ada&lt;/b&gt;" in html
    assert html.count("<a ") == 1


def test_a_paragraph_of_which_nothing_is_left_is_left_out() -> None:
    text = Text("a", "Sorry.\n\n{answer}\n\nBye.")
    assert mailtexts.fill_plain(text, {"answer": ""}) == "Sorry.\n\nBye.\n"
    assert mailtexts.fill_html(text, {"answer": ""}).count("<p") == 2
