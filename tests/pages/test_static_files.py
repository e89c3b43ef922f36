from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.http import HttpResponse
from django.test import RequestFactory
from whitenoise.middleware import WhiteNoiseMiddleware

from config.static import FrontEndPackagesFinder, HashedStaticFilesStorage

SDK = "vendor/realtimekit/browser.js"
UI_KIT = "vendor/realtimekit-ui/realtimekit-ui.esm.js"
CHARTS = "vendor/uplot/uPlot.esm.js"


@pytest.fixture
def installed(tmp_path: Path, settings: LazySettings) -> Path:
    """A project whose npm packages are installed."""
    packages = tmp_path / "node_modules" / "@cloudflare"
    sdk, kit = packages / "realtimekit" / "dist", packages / "realtimekit-ui" / "dist" / "realtimekit-ui"
    for folder in (sdk, kit):
        folder.mkdir(parents=True)
    (sdk / "browser.js").write_text("sdk")
    (sdk / "index.cjs.js").write_text("not wanted")
    (kit / "realtimekit-ui.esm.js").write_text('import "./p-1.entry.js"')
    (kit / "p-1.entry.js").write_text("entry")
    (kit / "p-1.entry.js.map").write_text("not wanted")
    charts = tmp_path / "node_modules" / "uplot" / "dist"
    charts.mkdir(parents=True)
    (charts / "uPlot.esm.js").write_text("charts")
    (charts / "uPlot.iife.js").write_text("not wanted")
    settings.BASE_DIR = tmp_path
    return tmp_path


def collect(root: Path, files: dict[str, str]) -> HashedStaticFilesStorage:
    """A storage after ``collectstatic`` has put these files into it."""
    storage = HashedStaticFilesStorage(location=root, base_url="/static/")
    plain = StaticFilesStorage(location=root)
    for name, text in files.items():
        plain.save(name, ContentFile(text.encode()))
    places: dict[str, tuple[Storage, str]] = {name: (plain, name) for name in files}
    for _, _, outcome in storage.post_process(places):
        assert not isinstance(outcome, Exception)
    return storage


def test_the_vendors_packages_are_found_under_their_published_names(installed: Path) -> None:
    finder = FrontEndPackagesFinder()
    assert Path(str(finder.find(SDK))).read_text() == "sdk"
    assert str(finder.find(UI_KIT)).endswith("dist/realtimekit-ui/realtimekit-ui.esm.js")
    collected = {f"{storage.prefix}/{name}" for name, storage in finder.list(None)}  # type: ignore[attr-defined]  # as collectstatic reads it
    assert collected == {SDK, UI_KIT, CHARTS, "vendor/realtimekit-ui/p-1.entry.js"}


@pytest.mark.parametrize("name", ["vendor/realtimekit/index.cjs.js", "vendor/realtimekit-ui/p-1.entry.js.map"])
def test_what_the_page_does_not_load_is_not_served(installed: Path, name: str) -> None:
    assert not FrontEndPackagesFinder().find(name)


def test_without_npm_there_is_simply_nothing_to_find(tmp_path: Path, settings: LazySettings) -> None:
    settings.BASE_DIR = tmp_path
    finder = FrontEndPackagesFinder()
    assert not finder.find(UI_KIT)
    assert list(finder.list(None)) == []


def test_our_modules_import_each_other_by_hashed_names(tmp_path: Path) -> None:
    files = {
        "participants/join.js": 'import { a } from "./join-a.js";',
        "participants/join-a.js": "export const a = 1;",
    }
    storage = collect(tmp_path, files)
    hashed = tmp_path / storage.stored_name("participants/join.js")
    imported = Path(storage.stored_name("participants/join-a.js")).name
    assert imported != "join-a.js"
    assert f'from "./{imported}"' in hashed.read_text()


def test_the_vendors_modules_keep_the_names_by_which_they_import_each_other(tmp_path: Path) -> None:
    storage = collect(tmp_path, {UI_KIT: 'import "./p-1.entry.js"', "participants/site.css": "p { margin: 0 }"})
    assert storage.stored_name(UI_KIT) == UI_KIT
    assert storage.stored_name("participants/site.css") != "participants/site.css"


@pytest.mark.parametrize(
    ("name", "is_kept"),
    [
        ("participants/join.0123456789ab.js", True),
        ("participants/join.js", False),
        ("vendor/realtimekit-ui/p-066359c2.entry.js", True),
        ("vendor/realtimekit-ui/p-3h3Qc6lD.js", True),
        (UI_KIT, False),
        (SDK, False),
        (CHARTS, False),
    ],
)
def test_what_has_a_hash_in_its_name_is_kept_for_ever_and_nothing_else(
    tmp_path: Path, settings: LazySettings, name: str, is_kept: bool
) -> None:
    settings.STATIC_ROOT = str(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text("content")
    middleware = WhiteNoiseMiddleware(lambda request: HttpResponse(status=404))
    answer = middleware(RequestFactory().get(f"/static/{name}"))
    answer.close()
    assert answer.status_code == 200
    assert ("immutable" in answer.headers["Cache-Control"]) is is_kept


def test_a_page_can_be_rendered_before_static_files_were_collected(tmp_path: Path) -> None:
    storage = HashedStaticFilesStorage(location=tmp_path, base_url="/static/")
    assert storage.stored_name("participants/site.css") == "participants/site.css"
