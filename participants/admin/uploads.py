"""Files that staff upload: cut off while they arrive, and carried along as a signed text between two pages.

Signed, so that what is unpacked is what was packed here; no server keeps anything between the two requests.
"""

from typing import Any

from django.core import signing
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest

from participants.errors import FileRefused
from participants.services import spreadsheets
from participants.services.spreadsheets import Row, Table

CARRIED = 6_000_000
"""Longest text that is carried; a request with more than ``DATA_UPLOAD_MAX_MEMORY_SIZE`` is refused whole."""

_SALT = "rollcall.enrol-many"
_SKIPPED = "rollcall.skipped_upload"


class BoundedUpload(FileUploadHandler):
    """First of the handlers: a file that is too large is stored nowhere, neither in memory nor on disk."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self._received += len(raw_data)
        if self._received > spreadsheets.BYTES:
            if self.request is not None:
                self.request.META[_SKIPPED] = True
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


def was_too_large(request: HttpRequest) -> bool:
    request.POST  # noqa: B018 - reading it is what receives the file
    return bool(request.META.get(_SKIPPED))


def pack(table: Table) -> str:
    """Raises FileRefused."""
    rows = [[row.line, *row.cells] for row in table.rows]
    text = signing.dumps([table.sheet, rows], salt=_SALT, compress=True)
    if len(text) > CARRIED:
        raise FileRefused("The file holds too much text. Leave out the columns that are not needed.")
    return text


def unpack(text: str) -> Table:
    """Raises FileRefused for what was not packed here."""
    try:
        sheet, rows = signing.loads(text, salt=_SALT)
    except signing.BadSignature:
        raise FileRefused("What was read of the file got lost on the way. Upload it again.") from None
    return Table([Row(line, tuple(cells)) for line, *cells in rows], sheet)
