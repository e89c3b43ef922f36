"""Settings that tests put in the place of those of the environment, for fixtures of any scope."""

from participants.sandbox import Sandbox

QUICK = {"PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"]}


def point_at(sandbox: Sandbox) -> dict[str, str]:
    """What the service layer finds a sandbox by."""
    return {
        "REALTIMEKIT_BASE_URL": sandbox.base_url,
        "REALTIMEKIT_ACCOUNT_ID": sandbox.account_id,
        "REALTIMEKIT_APP_ID": sandbox.app_id,
        "REALTIMEKIT_API_TOKEN": sandbox.api_token,
        "REALTIMEKIT_WEBHOOK_KEY_URL": sandbox.webhook_key_url,
    }
