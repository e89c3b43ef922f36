"""Standard Webhooks: the three headers by which a receiver knows who sent a message, and when."""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks.webhooks import Webhook

SECRET_BYTES = 32


def make_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


def sign(keys: Sequence[str], *, webhook_id: str, at: datetime, body: str) -> dict[str, str]:
    """The headers for this body, with one signature for each secret, so that either verifies while they overlap."""
    signatures = [Webhook(key).sign(msg_id=webhook_id, timestamp=at, data=body) for key in keys]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
