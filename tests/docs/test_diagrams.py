"""The site shows pictures of the diagrams, drawn beforehand by ``make diagrams``."""

from docs.hooks import diagrams


def test_every_diagram_is_drawn_as_it_is_written_now() -> None:
    assert {path.name for path in diagrams.PICTURES.glob("*.svg")} == set(diagrams.list_diagrams())


def test_pictures_ask_for_nothing_from_elsewhere() -> None:
    for path in diagrams.PICTURES.glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text
        assert "url(http" not in text
        assert "<foreignObject" not in text
