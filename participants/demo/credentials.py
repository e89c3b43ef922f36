"""Secrets of one demo: made on its first run, kept in a file that only its owner can read."""

import base64
import json
import secrets
import uuid
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from participants.demo.failures import DemoError


@dataclass(frozen=True)
class Credentials:
    account_id: str
    app_id: str
    api_token: str = field(repr=False)
    secret_key: str = field(repr=False)
    encryption_key: str = field(repr=False)


def make() -> Credentials:
    return Credentials(
        account_id=secrets.token_hex(16),
        app_id=str(uuid.uuid4()),
        api_token=secrets.token_urlsafe(30),
        secret_key=secrets.token_urlsafe(50),
        encryption_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    )


def load_or_make(path: Path) -> Credentials:
    """Raises DemoError for a file that can't be read: without its keys the stored tokens are lost."""
    if not path.exists():
        _write(path, made := make())
        return made
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        values = {item.name: stored[item.name] for item in fields(Credentials)}
    except (OSError, ValueError, KeyError, TypeError):
        values = {}
    if not values or not all(isinstance(value, str) and value for value in values.values()):
        raise DemoError(f"{path} can't be read. Start afresh with: make demo-reset")
    return Credentials(**values)


def _write(path: Path, credentials: Credentials) -> None:
    # Renamed into place, so that a start interrupted here leaves no half a file behind.
    draft = path.with_suffix(".json.new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(asdict(credentials), indent=1), encoding="utf-8")
    draft.replace(path)
