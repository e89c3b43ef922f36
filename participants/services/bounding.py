"""Questions that may take long are answered within a time, or not at all.

PostgreSQL ends the statement. SQLite has no such limit, and no data that would need it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction

from participants.errors import TooSlow

_CANCELLED = "57014"
_SETTINGS = "SELECT set_config('statement_timeout', %s, true), set_config('jit', 'off', true)"
"""Until the transaction ends. Compiling a query of a page takes longer than running it."""


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Each statement inside takes at most so many seconds. Raises TooSlow."""
    if connection.vendor != "postgresql":
        yield
        return
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(_SETTINGS, [str(round(seconds * 1000))])
            yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != _CANCELLED:
            raise
        raise TooSlow from None
