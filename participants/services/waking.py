"""Telling workers that there is work. It only saves them the wait for their next tick: what to do is in the rows."""

from django.db import transaction
from django.dispatch import Signal

work_left = Signal()
"""Sent, after the commit, when something was left for the workers. Whoever runs them listens."""


def wake() -> None:
    """Have some worker look at the rows as soon as what is being written now is committed. Raises nothing."""
    transaction.on_commit(_send, robust=True)


def _send() -> None:
    work_left.send_robust(sender=None)
