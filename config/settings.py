"""All settings, read from the environment; the order of sections is fixed. No logic beyond reading."""

import sys
from pathlib import Path

from corsheaders.defaults import default_headers
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config import env, logs, mails

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
# What was signed with these still counts: sessions, links to confirm an address, and uploads on their way.
SECRET_KEY_FALLBACKS = env.read_list("DJANGO_SECRET_KEY_FALLBACKS")
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
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "corsheaders",
    "csp",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_tasks",
    "django_tasks_db",
    "participants.apps.ParticipantsConfig",
]

MIDDLEWARE = [
    "config.middleware.TrustedProxyMiddleware",
    "config.middleware.RequestIdMiddleware",
    "participants.watch.access.AccessMiddleware",
    "participants.signin.whereabouts.WhereaboutsMiddleware",
    "config.middleware.IsolationMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.policy.PolicyMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.middleware.LanguageMiddleware",
    "config.middleware.SiteMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "participants.signin.sessions.UserMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "participants.signin.gate.GateMiddleware",
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
DATABASES["default"]["CONN_MAX_AGE"] = 60  # to open one takes longer than a join, on SQLite twice as long
if "sqlite" in DATABASES["default"]["ENGINE"]:
    # Together these three end "database is locked": writers queue instead of failing.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    if env.read_flag("DATABASE_PREPARE", default=True):
        # Concerns only the statements of participants/models/compiled.py: Django's own cursors prepare nothing.
        DATABASES["default"].setdefault("OPTIONS", {})["prepare_threshold"] = 0
CACHES = {"default": env.read_cache("CACHE_URL")}

# --- Background work --------------------------------------------------------------------------------
TASKS_ENGINE, TASKS, RQ_QUEUES = env.read_tasks(
    "TASKS_BACKEND", address=env.read_valkey("TASKS_URL", default=env.read_valkey("CACHE_URL"))
)
if TASKS_ENGINE == "rq":
    INSTALLED_APPS.append("django_rq")  # with Redis' client and two schedulers: much to load for nothing elsewhere
    RQ_SHOW_ADMIN_LINK = False
WORKER_THREADS = env.read_count("WORKER_THREADS", default=8)
SYNC_INTERVAL = env.read_seconds("SYNC_INTERVAL", default=900)
SURVEY_INTERVAL = env.read_seconds("SURVEY_INTERVAL", default=3600)

# --- Mail -------------------------------------------------------------------------------------------
MAIL_ENABLED = bool(env.read_text("EMAIL_URL"))
MAIL_TIMEOUT = env.read_seconds("EMAIL_TIMEOUT", default=10)
# Their names depend on the version of Django.
globals().update(mails.list_settings(env.read_mail("EMAIL_URL"), timeout=MAIL_TIMEOUT))
DEFAULT_FROM_EMAIL = env.read_text("DEFAULT_FROM_EMAIL", "Rollcall <rollcall@localhost>")

# --- Time and language ------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English"), ("de", "Deutsch")]  # of what attendees see; staff pages and the API are English
LOCALE_PATHS = [BASE_DIR / "participants" / "locale"]
LANGUAGE_COOKIE_AGE = 365 * 86_400
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

# --- Static files -----------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
# Cached for ever: ours, with a hash in their names, and the parts that the vendor's own build hashed.
WHITENOISE_IMMUTABLE_FILE_TEST = (
    r"^/static/(?:(?!vendor/).*\.[0-9a-f]{12}\.\w+|vendor/realtimekit-ui/p-[\w-]{8}\.(?:entry\.)?js)$"
)
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
    "participants.signin.backends.LocalBackend",
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
SESSION_ENGINE = "participants.signin.sessions"
SESSION_COOKIE_AGE = env.read_count("SESSION_AGE", default=14 * 86_400)
SESSION_IDLE = env.read_count("SESSION_IDLE", default=0, minimum=0)  # seconds; 0 ends no session before its age
OIDC_ISSUER = env.read_url("OIDC_ISSUER", default=env.read_url("OIDC_SERVER_URL", default=""))
OIDC_SERVER_URL = env.read_url("OIDC_SERVER_URL", default=OIDC_ISSUER)
OIDC_CLIENT_ID = env.read_text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = env.read_text("OIDC_CLIENT_SECRET")
OIDC_NAME = env.read_text("OIDC_NAME", default="single sign-on")
OIDC_SCOPES = env.read_text("OIDC_SCOPES", default="openid profile email").replace(",", " ").split()
OIDC_USERNAME_CLAIM = env.read_text("OIDC_USERNAME_CLAIM")
OIDC_SECOND_FACTOR = env.read_flag("OIDC_SECOND_FACTOR", default=False)
STAFF_MFA = env.read_choice("STAFF_MFA", default="off", choices=("off", "required"))
EMAIL_VERIFICATION = env.read_choice("EMAIL_VERIFICATION", default="off", choices=("off", "required"))
# Of django-allauth only its dealings with a provider and its second factor are used; participants.signin says which.
ACCOUNT_ADAPTER = "participants.signin.adapters.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*"]
SOCIALACCOUNT_ADAPTER = "participants.signin.adapters.ProviderAdapter"
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5
SOCIALACCOUNT_STORE_TOKENS = False
MFA_ADAPTER = "participants.signin.adapters.FactorAdapter"
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_FORMS = {"reauthenticate": "participants.signin.codes.CodeForm"}
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Rollcall"
MFA_TOTP_TOLERANCE = 1  # of half minutes, either way; each code still counts once

JWT_ISSUER = env.read_text("JWT_ISSUER")
JWT_AUDIENCE = env.read_list("JWT_AUDIENCE")
JWT_JWKS_URL = env.read_url("JWT_JWKS_URL", default="", query=True)
JWT_PUBLIC_KEY = env.read_public_key("JWT_PUBLIC_KEY", any_kind=True)
JWT_ALGORITHMS = env.read_algorithms("JWT_ALGORITHMS", default=["RS256", "ES256"])

# --- Security ---------------------------------------------------------------------------------------
CSRF_TRUSTED_ORIGINS = env.read_origins("DJANGO_CSRF_TRUSTED_ORIGINS")
CORS_ALLOWED_ORIGINS = env.read_origins("DJANGO_CORS_ALLOWED_ORIGINS")
CORS_ALLOW_CREDENTIALS = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024  # a pasted list of 20,000 people
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 5
FILE_UPLOAD_HANDLERS = [
    "participants.admin.uploads.BoundedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key"]
CORS_EXPOSE_HEADERS = ["X-Request-ID", "Retry-After", "Idempotency-Replayed"]
CORS_URLS_REGEX = r"^/api/"
TRUSTED_PROXIES = env.read_networks("DJANGO_TRUSTED_PROXIES")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # stripped unless a trusted proxy sent it
SECURE_SSL_REDIRECT = env.read_flag("DJANGO_SECURE_SSL_REDIRECT", default=True)
# Operators' programs ask each process by its own address; a delivery that is redirected is lost.
SECURE_REDIRECT_EXEMPT = [r"^healthz/$", r"^readyz/$", r"^metrics$", r"^webhooks/"]
SECURE_HSTS_SECONDS = env.read_count(
    "DJANGO_SECURE_HSTS_SECONDS", default=31_536_000 if SECURE_SSL_REDIRECT else 0, minimum=0
)
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = env.read_flag("DJANGO_SESSION_COOKIE_SECURE", default=True)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"  # Strict would lose the way back from a sign-in provider
LANGUAGE_COOKIE_SECURE = SESSION_COOKIE_SECURE
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
        "require-trusted-types-for": ["'script'"],
        "trusted-types": [NONE],
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
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "participants.api.authentication.ApiKeyAuthentication",
        "participants.api.authentication.TokenAuthentication",
        "participants.api.authentication.SessionAuthentication",
        "participants.api.authentication.GuestAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["participants.api.callers.IsPerson"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["participants.api.parsing.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "participants.api.pagination.Pages",
    "DEFAULT_SCHEMA_CLASS": "participants.api.schema.Schema",
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
        "InvitationState": "participants.states.InvitationState",
        "MessageKind": "participants.states.MessageKind",
        "MessageState": "participants.states.MessageState",
        "RequestState": "participants.states.RequestState",
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
RETENTION_EVENTS_DAYS = env.read_count("RETENTION_EVENTS_DAYS", default=730, minimum=0)  # 0 keeps for ever
RETENTION_ATTENDANCE_DAYS = env.read_count("RETENTION_ATTENDANCE_DAYS", default=0, minimum=0)
RETENTION_MESSAGES_DAYS = env.read_count("RETENTION_MESSAGES_DAYS", default=180, minimum=0)
RETENTION_BATCHES_DAYS = env.read_count("RETENTION_BATCHES_DAYS", default=180, minimum=0)
RETENTION_COMPARISONS_DAYS = env.read_count("RETENTION_COMPARISONS_DAYS", default=90, minimum=0)
RETENTION_SIGN_INS_DAYS = env.read_count("RETENTION_SIGN_INS_DAYS", default=90, minimum=0)
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
API_KEY_RATE = env.read_rate("API_KEY_RATE", default=(3000, 60))
REFUSED_RATE = env.read_rate("REFUSED_RATE", default=(300, 60))
INVITATION_LIFETIME = env.read_seconds("INVITATION_LIFETIME", default=30 * 86_400)
INVITATION_DEVICES = env.read_choice("INVITATION_DEVICES", default="any", choices=("any", "first"))
NOTICE_DELAY = env.read_seconds("NOTICE_DELAY", default=60)
DRAINING_FILE = env.read_text("ROLLCALL_DRAINING_FILE")  # made by config.serve once it was asked to stop
WEB_THREADS = env.read_threads("WEB_THREADS", arguments=sys.argv, default=32)

# --- Watching ---------------------------------------------------------------------------------------
METRICS_TOKEN = env.read_text("METRICS_TOKEN")
METRICS_PORT = env.read_count("METRICS_PORT", default=0, minimum=0)  # of a worker; 0 serves none
METRICS_FOLDER = env.read_shared_folder("PROMETHEUS_MULTIPROC_DIR", arguments=sys.argv)

OTEL_ENDPOINT = env.read_url("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
SENTRY_DSN = env.read_dsn("SENTRY_DSN")
SENTRY_ENVIRONMENT = env.read_text("SENTRY_ENVIRONMENT", "production")

# --- Logs -------------------------------------------------------------------------------------------
LOG_FORMAT = env.read_choice("LOG_FORMAT", default="line", choices=("line", "json"))
LOG_ACCESS = env.read_flag("LOG_ACCESS", default=LOG_FORMAT == "json")
LOGGING = logs.make_logging(LOG_FORMAT, level=env.read_level("LOG_LEVEL", default="INFO"), access=LOG_ACCESS)
