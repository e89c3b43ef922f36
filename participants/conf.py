"""RealtimeKit settings as one frozen object, read when asked for and never at import."""

import base64
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

REQUIRED = ("REALTIMEKIT_ACCOUNT_ID", "REALTIMEKIT_APP_ID", "REALTIMEKIT_API_TOKEN")


@dataclass(frozen=True)
class RealtimeKitConf:
    base_url: str
    account_id: str
    app_id: str
    api_token: str = field(repr=False)
    connect_timeout: float
    read_timeout: float
    budget: tuple[int, float]

    @property
    def is_cloudflare(self) -> bool:
        """False when a sandbox or another stand-in answers in Cloudflare's place."""
        host = urlsplit(self.base_url).hostname or ""
        return host == "cloudflare.com" or host.endswith(".cloudflare.com")


@dataclass(frozen=True)
class WebhookConf:
    """Where the key of deliveries is published, or the key itself where an administrator pinned it (PEM).

    ``public_url`` is where the world finds this site, without a path; blank when nobody said.
    """

    key_url: str
    pinned_key: str
    public_url: str


def read_webhooks() -> WebhookConf:
    return WebhookConf(
        key_url=settings.REALTIMEKIT_WEBHOOK_KEY_URL,
        pinned_key=settings.REALTIMEKIT_WEBHOOK_PUBLIC_KEY,
        public_url=settings.ROLLCALL_PUBLIC_URL,
    )


@dataclass(frozen=True)
class MailConf:
    """Whether mail goes anywhere, whom it is from, how long a mail server may take, and where the links in it lead.

    ``site`` is the public address without a path; blank when nobody said. It never comes from a request, whose sender
    could have a mail lead people elsewhere.
    """

    is_enabled: bool
    sender: str
    timeout: float
    site: str

    @property
    def obstacle(self) -> str:
        """Why no mail can be sent, or blank."""
        lacking = [
            name for name, value in (("EMAIL_URL", self.is_enabled), ("ROLLCALL_PUBLIC_URL", self.site)) if not value
        ]
        return f"{' and '.join(lacking)} {'are' if len(lacking) > 1 else 'is'} not set." if lacking else ""


def read_mail() -> MailConf:
    return MailConf(
        is_enabled=settings.MAIL_ENABLED,
        sender=settings.DEFAULT_FROM_EMAIL,
        timeout=float(settings.MAIL_TIMEOUT),
        site=settings.ROLLCALL_PUBLIC_URL,
    )


def read_invitation_lifetime() -> timedelta:
    return timedelta(seconds=settings.INVITATION_LIFETIME)


def binds_first_device() -> bool:
    """Whether only the first device that opens a personal link may use it."""
    return bool(settings.INVITATION_DEVICES == "first")


def read_notice_delay() -> timedelta:
    """How long a notice waits, so that what is taken back at once tells nobody."""
    return timedelta(seconds=settings.NOTICE_DELAY)


def read_delivery_retention() -> timedelta:
    return timedelta(days=settings.DELIVERY_RETENTION)


_RETAINED = ("events", "attendance", "messages", "batches", "comparisons", "sign_ins")


def read_retention() -> dict[str, timedelta | None]:
    """How long each kind of data is kept; None for ever."""
    days = {name: int(getattr(settings, f"RETENTION_{name.upper()}_DAYS")) for name in _RETAINED}
    return {name: timedelta(days=count) if count else None for name, count in days.items()}


@dataclass(frozen=True)
class HookConf:
    """What outgoing webhooks may reach, and how long what they were sent is kept.

    One that has failed for ``off_after`` is switched off; after a rotation the secret before signs for ``overlap``.
    """

    allow_http: bool
    allow_private: bool
    off_after: timedelta
    overlap: timedelta
    retention: timedelta


def read_hooks() -> HookConf:
    return HookConf(
        allow_http=settings.HOOKS_ALLOW_HTTP,
        allow_private=settings.HOOKS_ALLOW_PRIVATE,
        off_after=timedelta(seconds=settings.HOOKS_OFF_AFTER),
        overlap=timedelta(seconds=settings.HOOKS_SECRET_OVERLAP),
        retention=timedelta(days=settings.HOOKS_RETENTION),
    )


def read_realtimekit() -> RealtimeKitConf:
    return RealtimeKitConf(
        base_url=settings.REALTIMEKIT_BASE_URL,
        account_id=settings.REALTIMEKIT_ACCOUNT_ID,
        app_id=settings.REALTIMEKIT_APP_ID,
        api_token=settings.REALTIMEKIT_API_TOKEN,
        connect_timeout=settings.REALTIMEKIT_CONNECT_TIMEOUT,
        read_timeout=settings.REALTIMEKIT_READ_TIMEOUT,
        budget=read_budget(),
    )


@dataclass(frozen=True)
class JwtConf:
    """Whose bearer tokens are taken: one of ``jwks_url`` and ``public_key`` (PEM) is set."""

    issuer: str
    audiences: list[str]
    algorithms: list[str]
    jwks_url: str
    public_key: str


def read_jwt() -> JwtConf | None:
    """None while no identity provider is set."""
    if not settings.JWT_ISSUER or not settings.JWT_AUDIENCE or not (settings.JWT_JWKS_URL or settings.JWT_PUBLIC_KEY):
        return None
    return JwtConf(
        issuer=settings.JWT_ISSUER,
        audiences=list(settings.JWT_AUDIENCE),
        algorithms=list(settings.JWT_ALGORITHMS),
        jwks_url=settings.JWT_JWKS_URL,
        public_key=settings.JWT_PUBLIC_KEY,
    )


@dataclass(frozen=True)
class OidcConf:
    """The provider that people may sign in with. ``server_url`` is where its discovery document lies."""

    issuer: str
    server_url: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str
    scopes: tuple[str, ...]
    username_claim: str
    gives_second_factor: bool


def read_oidc() -> OidcConf | None:
    """None while no provider is set; a check complains of one that is set in part."""
    if not (settings.OIDC_ISSUER and settings.OIDC_CLIENT_ID and settings.OIDC_CLIENT_SECRET):
        return None
    scopes = dict.fromkeys(["openid", *settings.OIDC_SCOPES])
    return OidcConf(
        issuer=settings.OIDC_ISSUER,
        server_url=settings.OIDC_SERVER_URL or settings.OIDC_ISSUER,
        client_id=settings.OIDC_CLIENT_ID,
        client_secret=settings.OIDC_CLIENT_SECRET,
        name=settings.OIDC_NAME,
        scopes=tuple(scopes),
        username_claim=settings.OIDC_USERNAME_CLAIM,
        gives_second_factor=bool(settings.OIDC_SECOND_FACTOR),
    )


def requires_second_factor() -> bool:
    """Whether staff open nothing by a password, or a provider, alone."""
    return bool(settings.STAFF_MFA == "required")


def requires_verified_email() -> bool:
    return bool(settings.EMAIL_VERIFICATION == "required")


def read_budget() -> tuple[int, float]:
    """Calls, and the seconds of the window in which all processes together make no more of them."""
    calls, seconds = settings.REALTIMEKIT_BUDGET
    return calls, float(seconds)


def list_missing() -> list[str]:
    """Names of required RealtimeKit settings that have no value."""
    return [name for name in REQUIRED if not getattr(settings, name)]


def imports_meetings() -> bool:
    """Whether a sync makes meetings of ours out of those that were made elsewhere."""
    return bool(settings.SYNC_IMPORTS_MEETINGS)


def read_token_lifetime() -> timedelta:
    """What a token without a readable ``exp`` is taken to live (contract 4: 100 days)."""
    return timedelta(seconds=settings.REALTIMEKIT_TOKEN_LIFETIME)


def read_min_remaining() -> timedelta:
    return timedelta(seconds=settings.TOKEN_MIN_REMAINING)


def has_queue_in_database() -> bool:
    return bool(settings.TASKS_ENGINE == "database")


def read_sync_interval() -> timedelta:
    return timedelta(seconds=settings.SYNC_INTERVAL)


def read_survey_interval() -> timedelta:
    return timedelta(seconds=settings.SURVEY_INTERVAL)


def read_encryption_keys() -> list[str]:
    """Fernet keys, the encrypting one first; derived from ``SECRET_KEY`` when none is set (a check warns), with those
    derived from its fallbacks behind it.

    Those stay behind keys that are set, too: what was encrypted before any was set is read until it is rotated.
    """
    derived = [_derive(text) for text in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return [*settings.TOKEN_ENCRYPTION_KEYS, *derived]


@cache
def _derive(secret: str) -> str:
    key = HKDF(SHA256(), 32, salt=None, info=b"rollcall token column").derive(secret.encode())
    return base64.urlsafe_b64encode(key).decode()
