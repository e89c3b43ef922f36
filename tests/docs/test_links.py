"""Links of what is read outside of the site. Those within docs/ are checked by ``make docs``."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

PROJECT = Path(__file__).parents[2]
PAGES = sorted(path.relative_to(PROJECT).as_posix() for path in [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)|<(https?://[^>\s]+)>")


def list_links(page: str) -> list[str]:
    text = re.sub(r"^```.*?^```$", "", (PROJECT / page).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [one or other for one, other in _LINK.findall(re.sub(r"`[^`\n]*`", "", text))]


def list_anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in headings]
    return {re.sub(r"\s+", "-", heading) for heading in plain}


@pytest.mark.parametrize("page", PAGES)
def test_links_to_files_and_headings_lead_somewhere(page: str) -> None:
    for link in list_links(page):
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = (PROJECT / page).parent / parts.path if parts.path else PROJECT / page
        assert target.exists(), link
        assert not parts.fragment or parts.fragment in list_anchors(target), link


@pytest.mark.parametrize("page", PAGES)
def test_links_to_the_world_are_whole_addresses(page: str) -> None:
    """Whether somebody answers there is not asked: tests need no network."""
    for link in list_links(page):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme in {"http", "https"}, link
            assert re.fullmatch(r"[a-z0-9.-]+(:\d+)?", parts.netloc), link
