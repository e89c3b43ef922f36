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
_PAGED = (
    ", set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)"
    ", set_config('max_parallel_workers_per_gather', '0', true)"
)
_WHOLE = (
    ", set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true)"
    ", set_config('max_parallel_workers_per_gather', reset_val, true) FROM pg_settings"
    " WHERE name = 'max_parallel_workers_per_gather'"
)
"""Also inside a page."""


@contextmanager
def bounded(seconds: float, *, paged: bool = False) -> Iterator[None]:
    """Each statement inside takes at most so many seconds. Raises TooSlow.

    ``paged`` statements want no more than a page, in the order of an index: they go from row to row. To join all of
    two tables for that is what PostgreSQL would rather do where it misjudges how soon a page is full, or to share the
    work among processes that take longer to start than the page takes.
    """
    if connection.vendor != "postgresql":
        yield
        return
    refusal: Exception | None = None
    try:
        with transaction.atomic(savepoint=not paged):  # a page is a transaction of its own
            with connection.cursor() as cursor:
                cursor.execute(_LIMIT + (_PAGED if paged else _WHOLE), [str(round(seconds * 1000))])
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
