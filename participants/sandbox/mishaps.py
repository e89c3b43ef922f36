"""Scripted trouble of deliveries: lost, late, doubled or out of order on their way."""

import random
import threading
from collections.abc import Mapping
from typing import Any

from participants.sandbox.answers import Json
from participants.sandbox.faults import Fault
from participants.sandbox.schemas import EVENTS

# Each kind with its options and their defaults.
MISHAPS: Mapping[str, Json] = {
    "lose": {},
    "delay": {"seconds": 1.0},
    "duplicate": {"copies": 1, "new_uuid": False},
    "reorder": {"by": 1},
}


class Mishaps:
    """The script of one sandbox. A delivery meets every mishap that fires for it. Safe to change meanwhile."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._script: list[Fault] = []

    def add(
        self,
        kind: str,
        event: str | None = None,
        times: int | None = 1,
        probability: float = 1.0,
        seed: int = 0,
        skip: int = 0,
        **options: Any,
    ) -> Fault:
        """`times=None` is for ever, `event=None` any; `skip` lets that many pass first. ValueError on a typo.

        Options by kind, with defaults: see MISHAPS. `reorder` lets so many later deliveries overtake.
        """
        if kind not in MISHAPS:
            raise ValueError(f"no mishap is called {kind}; there are {', '.join(MISHAPS)}")
        if strange := options.keys() - MISHAPS[kind].keys():
            raise ValueError(f"{kind} has no option {', '.join(sorted(strange))}")
        if event is not None and event not in EVENTS:
            raise ValueError(f"no event is called {event}; there are {', '.join(EVENTS)}")
        dice = random.Random(seed)  # noqa: S311 - repeatable trouble, not a secret
        mishap = Fault(kind, event, times, probability, skip, {**MISHAPS[kind], **options}, dice)
        with self._lock:
            self._script.append(mishap)
        return mishap

    def clear(self) -> None:
        with self._lock:
            self._script.clear()

    def plan(self, event: str) -> dict[str, Json]:
        """Options of what befalls one delivery, by kind."""
        with self._lock:
            return {mishap.kind: mishap.options for mishap in self._script if mishap.fires(event)}
