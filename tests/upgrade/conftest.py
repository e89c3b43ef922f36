"""One installation that lived through every schema that landed, made once; each test has a copy of it.

Its last upgrade is the product's own command in a process of its own; those before are made here, to save seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import DjangoDbBlocker

from tests.upgrade.installation import Installation, Rows, load_apps, read_rows
from tests.upgrade.lived import WRITE


@dataclass
class Lived:
    """``written``: the rows as they were last seen under the schema whose name is the key."""

    installation: Installation
    written: dict[str, Rows]
    said: str


@pytest.fixture(scope="module")
def lived(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Lived]:
    with django_db_blocker.unblock():
        made = Lived(Installation(tmp_path_factory.mktemp("lived")), {}, "")
        for migration, write in WRITE.items():
            with made.installation.visit():
                call_command("migrate", "participants", migration, verbosity=0)
                write(load_apps(migration))
                made.written[migration] = read_rows()
        made.said = made.installation.migrate()
        yield made
        made.installation.drop()


@pytest.fixture
def copy(lived: Lived, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Installation]:
    """The upgraded installation, visited: the tests' own database is left alone, so that it needs no flush."""
    made = Installation(tmp_path, of=lived.installation)
    with django_db_blocker.unblock():
        with made.visit():
            yield made
        made.drop()
