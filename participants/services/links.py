"""Personal links: ``https://rollcall.example.org/m/<meeting>/#<secret>``.

The secret stands in the fragment, which no browser sends anywhere: neither server logs nor Referer headers see it.
Only its hash is stored. It has 256 random bits, so a plain hash is enough, and looking it up gives no time away.
"""

import hashlib
import secrets

from django.urls import reverse

from participants.models import Meeting

PREFIX = "rci_"
"""Tells a secret of ours from any other text, to log filters too."""
_LONGEST = 200


def make_secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Of a secret, or of what a device is known by."""
    return hashlib.sha256(secret[:_LONGEST].encode("utf-8", "replace")).hexdigest()


def build(site: str, meeting: Meeting, secret: str = "") -> str:
    """The link to the meeting's page below ``site``, a person's own with their secret."""
    page = f"{site.rstrip('/')}{reverse('meeting', args=[meeting.pk])}"
    return f"{page}#{secret}" if secret else page
