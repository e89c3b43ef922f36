"""Static files: ours are hashed and compressed; the vendor's packages are served as published."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage, Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

VENDOR_PREFIX = "vendor/"
_PACKAGES = {
    "vendor/realtimekit": Path("@cloudflare/realtimekit/dist"),
    "vendor/realtimekit-ui": Path("@cloudflare/realtimekit-ui/dist/realtimekit-ui"),
    "vendor/uplot": Path("uplot/dist"),
}
_WANTED = {"vendor/realtimekit": {"browser.js"}, "vendor/uplot": {"uPlot.esm.js", "uPlot.min.css"}}


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped package
    """Hashes all but the vendor's modules, which import each other by their published names."""

    support_js_module_import_aggregation = True  # our own modules import each other by hashed names

    def stored_name(self, name: str) -> str:
        """The hashed name; the published one for the vendor's files and before collectstatic has run."""
        stored = self.hashed_files.get(self.hash_key(self.clean_name(name)), name)
        return str(stored)

    def post_process(self, paths: dict[str, Any], *args: Any, **kwargs: Any) -> Iterator[Any]:
        ours = {name: file for name, file in paths.items() if not name.startswith(VENDOR_PREFIX)}
        yield from super().post_process(ours, *args, **kwargs)


class FrontEndPackagesFinder(BaseFinder):
    """Finds the published builds that npm put under ``node_modules``; none is fine."""

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        for prefix, storage in self._storages():
            relative = path.removeprefix(f"{prefix}/")
            if relative != path and _is_wanted(prefix, relative) and storage.exists(relative):
                found = storage.path(relative)
                return [found] if find_all else found
        return [] if find_all else None

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:
        for prefix, storage in self._storages():
            names = sorted(path.name for path in Path(storage.location).iterdir() if path.is_file())
            for name in names:
                if _is_wanted(prefix, name):
                    yield name, storage

    def _storages(self) -> Iterator[tuple[str, FileSystemStorage]]:
        for prefix, folder in _PACKAGES.items():
            location = settings.BASE_DIR / "node_modules" / folder
            if location.is_dir():
                storage = FileSystemStorage(location=location)
                storage.prefix = prefix  # type: ignore[attr-defined]  # collectstatic reads it by this name
                yield prefix, storage


def _is_wanted(prefix: str, name: str) -> bool:
    return name in _WANTED[prefix] if prefix in _WANTED else not name.endswith(".map")
