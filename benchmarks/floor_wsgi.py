import os

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.floor_settings"
django.setup(set_prefix=False)
from participants.signin.backends import LocalBackend  # noqa: E402

# allauth's app refuses to start without it; the handler reads the list after that.
settings.MIDDLEWARE.remove("allauth.account.middleware.AccountMiddleware")
# Users are found as Django finds them.
del LocalBackend.get_user
application = WSGIHandler()
