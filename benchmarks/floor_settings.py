"""The product's settings with everything taken away that a session-authenticated DRF view can do without."""

from config.settings import *  # noqa: F403 - these are the product's settings but for those below

ROOT_URLCONF = "benchmarks.floor"
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",  # taken away again once the apps are ready
]
SESSION_ENGINE = "django.contrib.sessions.backends.db"
# The name in the sessions of those who sign in; floor_wsgi.py makes it Django's own.
AUTHENTICATION_BACKENDS = ["participants.signin.backends.LocalBackend"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
