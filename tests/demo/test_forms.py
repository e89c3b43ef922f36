from participants.demo.forms import Form, read_forms

PAGE = """
<form id="other" action="/logout/" method="post"><button>Log out</button></form>
<form method="post" action="?x=1&amp;y=2">
  <input type="hidden" name="csrfmiddlewaretoken" value="abc">
  <input name="title" value="Algebra &amp; more">
  <input name="empty">
  <input name="gone" value="1" disabled>
  <input type="checkbox" name="agreed"><input type="checkbox" name="kept" checked>
  <input type="radio" name="side" value="left"><input type="radio" name="side" value="right" checked>
  <select name="users" multiple></select>
  <select name="preset">
    <option value="">---------</option>
    <option value="7" selected>host</option>
    <option value="8">participant</option>
  </select>
  <textarea name="reason">Because.</textarea>
  <input type="submit" name="save" value="Save">
</form>
"""


def read() -> Form:
    return read_forms(PAGE)[1]


def test_each_form_of_a_page_is_read_on_its_own() -> None:
    other, form = read_forms(PAGE)
    assert (other.action, other.method, other.values) == ("/logout/", "post", [])
    assert (form.action, form.method) == ("?x=1&y=2", "post")


def test_a_form_sends_what_a_browser_would_send() -> None:
    assert read().values == [
        ("csrfmiddlewaretoken", "abc"),
        ("title", "Algebra & more"),
        ("empty", ""),
        ("kept", "on"),
        ("side", "right"),
        ("preset", "7"),
        ("reason", "Because."),
    ]


def test_a_disabled_field_and_an_unpressed_button_are_not_sent() -> None:
    form = read()
    assert "gone" not in form.names
    assert form.buttons == [("save", "Save")]


def test_answers_replace_values_and_may_be_several() -> None:
    sent = read().fill({"preset": "8", "users": ["3", "4"]})
    assert [pair for pair in sent if pair[0] in {"preset", "users"}] == [
        ("preset", "8"),
        ("users", "3"),
        ("users", "4"),
    ]
    assert ("csrfmiddlewaretoken", "abc") in sent


def test_an_option_is_found_by_its_text() -> None:
    assert read().find_choice("preset", "participant") == "8"
    assert read().find_choice("preset", "nobody") is None
    assert read().find_choice("nothing", "participant") is None
