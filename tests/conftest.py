import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection, connections
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from participants import gateway
from participants.models import Actor
from participants.sandbox import Sandbox
from tests.adjusting import QUICK, point_at
from tests.copying import copy_migrated
from tests.emptying import replace_flush

replace_flush()


SLOWEST = ("fuzz", "faults", "deploy", "demo", "processes", "standin")
"""Folders of few and long tests. Begun last, one of them would keep one core busy while the other one idles."""


DATABASE = {"db", "transactional_db", "live_server", "django_db_setup"}


@pytest.hookimpl(tryfirst=True)  # before the options choose by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("django_db") is None and not asked & DATABASE:
            item.add_marker("apart")

    def rank(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return SLOWEST.index(folder) if folder in SLOWEST else len(SLOWEST)

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """What is loaded and collected stays: looking through all of it for garbage took a sixth of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """SQLite tests run on a file, as the product does: an in-memory database knows no second process."""
    database = django_settings.DATABASES["default"]
    name = f"tests_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    if "sqlite" in database["ENGINE"]:
        name = str(Path(os.environ["ROLLCALL_TEST_FOLDER"]) / f"{name}.sqlite3")
    database.setdefault("TEST", {})["NAME"] = name
    connections["default"].settings_dict["TEST"]["NAME"] = name


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker) -> bool:
    """One xdist worker migrates a database for all: each has a copy, which only has to be looked at."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        return False
    with django_db_blocker.unblock():
        copy_migrated(Path(os.environ["ROLLCALL_TEST_FOLDER"]), worker)
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """PostgreSQL drops no database that somebody is connected to, as threads of the live server are for as long as
    a client keeps its connection alive. They are idle by now, and end with this process."""
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture
def sandbox(settings: LazySettings) -> Iterator[Sandbox]:
    """A running sandbox, with the settings pointed at it."""
    with Sandbox() as running:
        for name, value in point_at(running).items():
            setattr(settings, name, value)
        yield running
        gateway.close_client()


@pytest.fixture(autouse=True)
def _quick_and_clean(settings: LazySettings) -> Iterator[None]:
    settings.PASSWORD_HASHERS = QUICK["PASSWORD_HASHERS"]
    # Static files are found when they are asked for: each new client would look through all of them first.
    settings.WHITENOISE_AUTOREFRESH = True
    cache.clear()
    yield
    gateway.close_client()


@pytest.fixture
def without_collecting() -> Iterator[None]:
    """For input that nests to the limit of the stack: a finalizer that runs there finds no room either, and pytest
    takes that for an error."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def api() -> APIClient:
    return APIClient(enforce_csrf_checks=False)


@pytest.fixture
def by() -> Actor:
    return Actor(via="tests")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if skipped := terminalreporter.stats.get("skipped"):
        terminalreporter.write_line(f"{len(skipped)} skipped tests make this run red.", red=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
