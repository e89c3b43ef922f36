"""Posting signed messages to addresses that others chose. Plain Python; knows nothing of Django or of our rows."""

from participants.posting.addresses import is_public
from participants.posting.post import Outcome, Poster
from participants.posting.signing import make_secret, sign

__all__ = ["Outcome", "Poster", "is_public", "make_secret", "sign"]
