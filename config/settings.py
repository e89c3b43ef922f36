"""All settings, read from the environment; the order of sections is fixed. No logic beyond reading."""

import sys
from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config import env

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.read_text("ROLLCALL_DATA_DIR") or BASE_DIR / "var")

# --- Core -------------------------------------------------------------------------------------------
DEBUG = env.read_flag("DJANGO_DEBUG", default=False)
SECRET_KEY = env.read_text("DJANGO_SECRET_KEY")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "DJANGO_SECRET_KEY is not set. Give it a long random value, for example the output of: "
        "python -c 'import secrets; print(secrets.token_urlsafe(50))'"
    )
ALLOWED_HOSTS = env.read_list("DJANGO_ALLOWED_HOSTS")
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "participants.apps.RollcallAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "corsheaders",
    "csp",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_tasks",
    "django_tasks_db",
    "django_rq",
    "participants.apps.ParticipantsConfig",
]

MIDDLEWARE = [
    "config.middleware.TrustedProxyMiddleware",
    "config.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.middleware.SiteMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Data -------------------------------------------------------------------------------------------
DATABASES = {"default": env.read_database("DATABASE_URL", default=DATA_DIR / "rollcall.sqlite3")}
if "sqlite" in DATABASES["default"]["ENGINE"]:
    # Together these three end "database is locked": writers queue instead of failing.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"].update({"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True})
CACHES = {"default": env.read_cache("CACHE_URL")}

# --- Background work --------------------------------------------------------------------------------
TASKS_ENGINE, TASKS, RQ_QUEUES = env.read_tasks(
    "TASKS_BACKEND", address=env.read_valkey("TASKS_URL", default=env.read_valkey("CACHE_URL"))
)
RQ_SHOW_ADMIN_LINK = False
WORKER_THREADS = env.read_count("WORKER_THREADS", default=8)
SYNC_INTERVAL = env.read_seconds("SYNC_INTERVAL", default=900)
SURVEY_INTERVAL = env.read_seconds("SURVEY_INTERVAL", default=3600)

# --- Time and language ------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

# --- Static files -----------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static.HashedStaticFilesStorage"},
}
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "config.static.FrontEndPackagesFinder",
]

# --- Who is asking ----------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "config.middleware.read_client_address"
AXES_USERNAME_CALLABLE = "config.middleware.read_login_name"
AXES_LOCKOUT_TEMPLATE = "registration/lockout.html"
AXES_DISABLE_ACCESS_LOG = True

# --- Security ---------------------------------------------------------------------------------------
CSRF_TRUSTED_ORIGINS = env.read_origins("DJANGO_CSRF_TRUSTED_ORIGINS")
CORS_ALLOWED_ORIGINS = env.read_origins("DJANGO_CORS_ALLOWED_ORIGINS")
CORS_ALLOW_CREDENTIALS = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024  # a pasted list of 20,000 people
FILE_UPLOAD_HANDLERS = [
    "participants.admin.uploads.BoundedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
CORS_EXPOSE_HEADERS = ["X-Request-ID", "Retry-After"]
CORS_URLS_REGEX = r"^/api/"
TRUSTED_PROXIES = env.read_networks("DJANGO_TRUSTED_PROXIES")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # stripped unless a trusted proxy sent it
SECURE_SSL_REDIRECT = env.read_flag("DJANGO_SECURE_SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^healthz/$", r"^webhooks/"]  # a delivery that is redirected is lost
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_SSL_REDIRECT else 0
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = env.read_flag("DJANGO_SESSION_COOKIE_SECURE", default=True)
SESSION_COOKIE_AGE = 14 * 86_400
CSRF_COOKIE_SECURE = env.read_flag("DJANGO_CSRF_COOKIE_SECURE", default=True)
X_FRAME_OPTIONS = "DENY"
# HSTS for sub-domains and preloading bind a whole domain, which is not this application's to decide.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    "camera": ["self"],
    "microphone": ["self"],
    "display-capture": ["self"],
    "geolocation": [],
    "payment": [],
    "usb": [],
}

# --- API --------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["participants.api.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["participants.api.parsing.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "participants.api.pagination.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "participants.api.errors.render_problem",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Rollcall",
    "DESCRIPTION": "Enrol people into Cloudflare RealtimeKit meetings and admit them with a cached token.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ParticipantState": "participants.states.ParticipantState",
        "MeetingState": "participants.states.MeetingState",
        "MeetingStatus": "participants.states.MeetingStatus",
        "BatchState": "participants.states.BatchState",
        "RowOutcome": "participants.states.RowOutcome",
        "Prospect": "participants.states.Prospect",
        "DriftKind": "participants.states.DriftKind",
        "DriftAction": "participants.states.DriftAction",
        "DriftOutcome": "participants.states.DriftOutcome",
        "KnownBy": "participants.states.KnownBy",
        "HookKind": "participants.states.HookKind",
        "HookMessageState": "participants.states.HookMessageState",
        "TellableKind": "participants.states.TELLABLE_CHOICES",
        "PresenceState": ["present", "left", "never_came"],
        "TokenState": ["fresh", "usable", "expired", "none"],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "participants.api.schema.document_problems",
        "participants.api.links.link_operations",
    ],
}

# --- Rollcall and RealtimeKit -----------------------------------------------------------------------
REALTIMEKIT_BASE_URL = env.read_url("REALTIMEKIT_BASE_URL", default="https://api.cloudflare.com/client/v4")
REALTIMEKIT_ACCOUNT_ID = env.read_text("REALTIMEKIT_ACCOUNT_ID")
REALTIMEKIT_APP_ID = env.read_text("REALTIMEKIT_APP_ID")
REALTIMEKIT_API_TOKEN = env.read_text("REALTIMEKIT_API_TOKEN")
REALTIMEKIT_CONNECT_TIMEOUT = env.read_seconds("REALTIMEKIT_CONNECT_TIMEOUT", default=3)
REALTIMEKIT_READ_TIMEOUT = env.read_seconds("REALTIMEKIT_READ_TIMEOUT", default=10)
REALTIMEKIT_BUDGET = env.read_budget("REALTIMEKIT_BUDGET", default=(3000, 300))
REALTIMEKIT_WEBHOOK_KEY_URL = env.read_url(
    "REALTIMEKIT_WEBHOOK_KEY_URL", default="https://api.realtime.cloudflare.com/.well-known/webhooks.json"
)
REALTIMEKIT_WEBHOOK_PUBLIC_KEY = env.read_public_key("REALTIMEKIT_WEBHOOK_PUBLIC_KEY")
ROLLCALL_PUBLIC_URL = env.read_url("ROLLCALL_PUBLIC_URL", default="")
DELIVERY_RETENTION = env.read_count("DELIVERY_RETENTION", default=30)  # days
HOOKS_ALLOW_HTTP = env.read_flag("HOOKS_ALLOW_HTTP", default=DEBUG)
HOOKS_ALLOW_PRIVATE = env.read_flag("HOOKS_ALLOW_PRIVATE", default=False)
HOOKS_OFF_AFTER = env.read_seconds("HOOKS_OFF_AFTER", default=5 * 86_400)
HOOKS_SECRET_OVERLAP = env.read_seconds("HOOKS_SECRET_OVERLAP", default=86_400)
HOOKS_RETENTION = env.read_count("HOOKS_RETENTION", default=30)  # days
REALTIMEKIT_TOKEN_LIFETIME = env.read_seconds("REALTIMEKIT_TOKEN_LIFETIME", default=100 * 86_400)
TOKEN_MIN_REMAINING = env.read_seconds("TOKEN_MIN_REMAINING", default=86_400)
TOKEN_ENCRYPTION_KEYS = env.read_fernet_keys("TOKEN_ENCRYPTION_KEYS")
SYNC_IMPORTS_MEETINGS = env.read_flag("SYNC_IMPORTS_MEETINGS", default=True)
JOIN_RATE = env.read_rate("JOIN_RATE", default=(300, 60))
WEB_THREADS = env.read_threads("WEB_THREADS", arguments=sys.argv, default=32)

# --- Logs -------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_id": {"()": "config.logs.RequestIdFilter"},
        "secrets": {"()": "config.logs.SecretsFilter"},
    },
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["request_id", "secrets"],
        }
    },
    "root": {"handlers": ["console"], "level": env.read_level("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"level": "INFO", "handlers": [], "propagate": True},
        "django.server": {"level": "INFO", "handlers": [], "propagate": True},
        "axes": {"level": "WARNING"},
    },
}
