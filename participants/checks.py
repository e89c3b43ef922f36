"""System checks: each misconfiguration has an id and a hint."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's own name
from django.db import connections

from participants import conf
from participants.models.fields import rotate

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@register(Tags.security)
def check_credentials(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    ids = {"REALTIMEKIT_ACCOUNT_ID": "E001", "REALTIMEKIT_APP_ID": "E002", "REALTIMEKIT_API_TOKEN": "E003"}
    return [
        Error(
            f"{name} is not set.",
            hint=f"Set {name} (or {name}_FILE) to the value from the Cloudflare dashboard.",
            id=f"participants.{ids[name]}",
        )
        for name in conf.list_missing()
    ]


@register(Tags.security)
def check_address(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    parts = urlsplit(settings.REALTIMEKIT_BASE_URL)
    found: list[CheckMessage] = []
    if parts.hostname in LOOPBACK:
        found.append(
            Warning(
                "REALTIMEKIT_BASE_URL points at this machine: a sandbox, not Cloudflare.",
                hint="Fine for trying things out. Unset it to talk to Cloudflare.",
                id="participants.W001",
            )
        )
    elif parts.scheme != "https":
        found.append(
            Warning(
                "REALTIMEKIT_BASE_URL is plain HTTP: the API token travels unencrypted.",
                hint="Use an https address.",
                id="participants.W002",
            )
        )
    return found


@register(Tags.security)
def check_webhook_key(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    parts = urlsplit(settings.REALTIMEKIT_WEBHOOK_KEY_URL)
    if settings.REALTIMEKIT_WEBHOOK_PUBLIC_KEY or parts.scheme == "https" or parts.hostname in LOOPBACK:
        return []
    return [
        Warning(
            "REALTIMEKIT_WEBHOOK_KEY_URL is plain HTTP: whoever sits on the way can sign deliveries.",
            hint="Use an https address, or pin the key with REALTIMEKIT_WEBHOOK_PUBLIC_KEY.",
            id="participants.W005",
        )
    ]


@register(Tags.security)
def check_mail(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not settings.MAIL_ENABLED or settings.ROLLCALL_PUBLIC_URL:
        return []
    return [
        Warning(
            "EMAIL_URL is set, but ROLLCALL_PUBLIC_URL is not: no mail is sent, since its links would lead nowhere.",
            hint="Set ROLLCALL_PUBLIC_URL to the address under which people reach this site.",
            id="participants.W012",
        )
    ]


@register(Tags.security)
def check_encryption_keys(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.TOKEN_ENCRYPTION_KEYS:
        return []
    return [
        Warning(
            "TOKEN_ENCRYPTION_KEYS is not set; tokens are encrypted with a key derived from DJANGO_SECRET_KEY.",
            hint="Set it to a Fernet key of its own, so that either secret can be rotated without the other.",
            id="participants.W003",
        )
    ]


@register(Tags.security)
def check_identity_provider(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    given = (settings.JWT_ISSUER, settings.JWT_AUDIENCE, settings.JWT_JWKS_URL or settings.JWT_PUBLIC_KEY)
    found: list[CheckMessage] = []
    if any(given) and conf.read_jwt() is None:
        found.append(
            Error(
                "The identity provider is set in part; its tokens are refused.",
                hint="Set JWT_ISSUER, JWT_AUDIENCE and one of JWT_JWKS_URL and JWT_PUBLIC_KEY, or none of them.",
                id="participants.E005",
            )
        )
    parts = urlsplit(settings.JWT_JWKS_URL)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        found.append(
            Warning(
                "JWT_JWKS_URL is plain HTTP: whoever answers in its place can sign in as anybody.",
                hint="Use an https address.",
                id="participants.W006",
            )
        )
    return found


@register(Tags.security)
def check_sign_in_provider(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    given = (settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET)
    found: list[CheckMessage] = []
    if any(given) and not all(given):
        found.append(
            Error(
                "The sign-in provider is set in part: OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET go together.",
                hint="Set all three, or none of them. Until then there is no button.",
                id="participants.E006",
            )
        )
    for name in ("OIDC_ISSUER", "OIDC_SERVER_URL"):
        parts = urlsplit(getattr(settings, name))
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            found.append(
                Warning(
                    f"{name} is plain HTTP: whoever answers in the provider's place signs in as anybody.",
                    hint="Use an https address.",
                    id="participants.W011",
                )
            )
    if len(settings.OIDC_ISSUER) > 200:
        found.append(
            Error(
                "OIDC_ISSUER is longer than 200 characters, which no account can be stored with.",
                hint="Look it up in the provider's discovery document.",
                id="participants.E007",
            )
        )
    return found


@register(Tags.security, deploy=True)
def check_hooks(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not settings.HOOKS_ALLOW_HTTP:
        return []
    return [
        Warning(
            "HOOKS_ALLOW_HTTP is on: outgoing webhooks may travel unencrypted.",
            hint="Unset HOOKS_ALLOW_HTTP and give receivers https addresses.",
            id="participants.W010",
        )
    ]


@register(Tags.security)
def check_metrics(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not settings.METRICS_TOKEN or settings.METRICS_FOLDER:
        return []
    return [
        Warning(
            "METRICS_TOKEN is set without PROMETHEUS_MULTIPROC_DIR: of several processes, one at a time answers.",
            hint="Set PROMETHEUS_MULTIPROC_DIR to a folder that the processes of this machine share.",
            id="participants.W020",
        )
    ]


@register(Tags.security, deploy=True)
def check_debug(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not settings.DEBUG:
        return []
    return [
        Error(
            "DJANGO_DEBUG is on: error pages show local variables, participant tokens among them.",
            hint="Unset DJANGO_DEBUG.",
            id="participants.E004",
        )
    ]


@register(Tags.database)
def check_tokens_decrypt(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Counts stored secrets that no key decrypts; runs with ``check --database default``."""
    lost = 0
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            tables = connections[alias].introspection.table_names(cursor)
            for table, column in (("participants_participant", "token"), ("participants_hook", "secret")):
                if table in tables:
                    cursor.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")  # noqa: S608 - constants
                    lost += sum(rotate(token) is None for (token,) in cursor.fetchall())
    if not lost:
        return []
    return [
        Warning(
            f"{lost} stored tokens can't be decrypted with TOKEN_ENCRYPTION_KEYS; they count as absent.",
            hint="Add the key they were encrypted with behind the first one, or let the next joins fetch new ones.",
            id="participants.W004",
        )
    ]
