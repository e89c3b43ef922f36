"""Settings for ``make lint-migrations``: the linter is an app, which what is deployed does not have."""

from config.settings import *  # noqa: F403 - all of them
from config.settings import INSTALLED_APPS as _APPS

INSTALLED_APPS = [*_APPS, "django_migration_linter"]
