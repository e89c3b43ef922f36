"""What became of a join: on its line in the log, and counted."""

import uuid
from typing import Any

from participants.watch import context, metrics


def note_join(verdict: str, cache: str = "none", *, participant: uuid.UUID | None = None) -> None:
    """``verdict`` is ok or the code of the refusal; ``cache`` is none where no token was handed out."""
    told: dict[str, Any] = {} if participant is None else {"participant": str(participant)}
    context.note(verdict=verdict, cache=cache, **told)
    metrics.note_join(verdict, cache)
