"""Questions that may take long are answered within a time, or not at all.

PostgreSQL ends the statement. SQLite has no such limit, and no data that would need it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, OperationalError, connection, transaction

from participants.errors import TooSlow

PAGE_SECONDS = 15.0
"""The longest that a statement of a page takes."""
_CANCELLED = "57014"
_LIMIT = "SELECT set_config('statement_timeout', %s, true), set_config('jit', 'off', true)"
"""Until the transaction ends. Compiling a query of a page takes longer than running it."""
_JOINS = ", set_config('enable_hashjoin', %s, true), set_config('enable_mergejoin', %s, true)"


@contextmanager
def bounded(seconds: float, *, paged: bool = False) -> Iterator[None]:
    """Each statement inside takes at most so many seconds. Raises TooSlow.

    ``paged`` statements want no more than a page, in the order of an index: they go from row to row. To join all of
    two tables for that is what PostgreSQL would rather do where it misjudges how soon a page is full.
    """
    if connection.vendor != "postgresql":
        yield
        return
    joins = "off" if paged else "on"
    refusal: Exception | None = None
    try:
        with transaction.atomic(savepoint=not paged):  # a page is a transaction of its own
            with connection.cursor() as cursor:
                cursor.execute(_LIMIT + _JOINS, [str(round(seconds * 1000)), joins, joins])
            try:
                yield
            except DatabaseError:
                raise
            except Exception as error:  # noqa: BLE001 - raised again
                # What is no trouble of the database leaves the transaction whole, also one that is around this one.
                refusal = error
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != _CANCELLED:
            raise
        raise TooSlow from None
    if refusal is not None:
        raise refusal
