"""``python -m tests.lintmigrations``: would the release before survive our migrations? Judged by PostgreSQL's SQL.

What is judged, and which exceptions are made, is in pyproject.toml.
"""

import os
import sys

os.environ.setdefault("ROLLCALL_TEST_DATABASE", "postgresql")
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.lintsettings"

from django.core.management import execute_from_command_line

import tests.environment  # noqa: F401 - which starts PostgreSQL

if __name__ == "__main__":
    execute_from_command_line(["manage.py", "lintmigrations", *sys.argv[1:]])
