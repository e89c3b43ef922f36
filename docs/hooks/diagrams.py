"""The pictures of the site's Mermaid diagrams: drawn by ``make diagrams``, kept under a hash of the diagram's text.

MkDocs calls ``on_page_markdown``; a block without its picture is a warning, and the build is strict. Drawn in the
browser, the site would need a script of three megabytes from elsewhere.
"""

import json
import logging
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
PICTURES = DOCS / "diagrams"
_BLOCK = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BROWSER = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
_CLI = (
    "npm",
    "exec",
    "--yes",
    "--ignore-scripts",
    "--package=@mermaid-js/mermaid-cli@11.4.2",
    "--",
    "mmdc",
    "--quiet",
)
logger = logging.getLogger("mkdocs.hooks.diagrams")


def name_of(diagram: str) -> str:
    return f"{sha256(diagram.encode()).hexdigest()[:12]}.svg"


def list_diagrams() -> dict[str, str]:
    """The text of each diagram by the name of its picture."""
    pages = [page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md"))]
    return {name_of(diagram): diagram for page in pages for diagram in _BLOCK.findall(page)}


def on_page_markdown(markdown: str, page: Any, **kwargs: Any) -> str:
    def show(block: re.Match[str]) -> str:
        name = name_of(block[1])
        if not (PICTURES / name).exists():
            logger.warning("%s has a diagram that was not drawn: make diagrams", page.file.src_uri)
        headings = re.findall(r"^#+ (.+)$", markdown[: block.start()], re.MULTILINE)
        return f"![Diagram: {headings[-1]}](diagrams/{name})"

    return _BLOCK.sub(show, markdown)


def draw(folder: Path) -> None:
    """Draw what is missing and drop what nothing shows. Needs npm and Chromium."""
    diagrams = list_diagrams()
    settings = folder / "browser.json"
    settings.write_text(json.dumps({"executablePath": shutil.which("chromium"), "args": _BROWSER}))
    look = folder / "look.json"
    look.write_text(json.dumps({"theme": "neutral", "htmlLabels": False, "flowchart": {"htmlLabels": False}}))
    for name, diagram in diagrams.items():
        if not (PICTURES / name).exists():
            source = folder / f"{name}.mmd"
            source.write_text(diagram, encoding="utf-8")
            files = ("-i", str(source), "-o", str(PICTURES / name))
            subprocess.run([*_CLI, "-p", str(settings), "-c", str(look), "-b", "white", *files], check=True)  # noqa: S603 - our own
    for picture in PICTURES.glob("*.svg"):
        if picture.name not in diagrams:
            picture.unlink()


if __name__ == "__main__":
    made = Path(sys.argv[1])
    made.mkdir(parents=True, exist_ok=True)
    draw(made)
