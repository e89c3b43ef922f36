"""Scripted trouble: which requests it befalls. What the trouble looks like on the wire is in `damage`.

A request meets every modifier that fires for it (latency, hide_new, drip, page_size) and at most one ending (the
rest): the first added that fires, so that two failures and then a 429 are written in that order.
"""

import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from participants.sandbox.answers import Json
from participants.sandbox.routing import OPERATIONS

BODIES = ("truncated", "cut_off", "wrong_types", "empty", "unsuccessful", "no_data", "html")
MODIFIERS = frozenset({"latency", "hide_new", "drip", "page_size"})
# Each kind with its options and their defaults.
KINDS: Mapping[str, Json] = {
    "latency": {"seconds": 1.0, "performed": False},
    "hide_new": {"seconds": 60.0},
    "drip": {"interval": 0.1},
    "page_size": {"size": 10},
    "rate_limited": {"retry_after": 1},
    "server_error": {"status": 500, "shape": "A", "performed": False},
    "lose_answer": {},
    "drop": {},
    "malformed": {"body": "truncated"},
    "refuse": {"status": 400, "message": "BAD_REQUEST: refused by a scripted fault", "shape": "A"},
}


@dataclass
class Fault:
    """One line of the script. `fired` counts the requests it befell."""

    kind: str
    operation: str | None
    times: int | None
    probability: float
    skip: int
    options: Json
    dice: random.Random
    seen: int = 0
    fired: int = 0

    def fires(self, operation: str) -> bool:
        if self.operation not in (None, operation) or (self.times is not None and self.fired >= self.times):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.probability < 1.0 and self.dice.random() >= self.probability):
            return False
        self.fired += 1
        return True


@dataclass
class Plan:
    """What befalls one request."""

    modifiers: list[Fault] = field(default_factory=list)
    ending: Fault | None = None
    gates: list["Gate"] = field(default_factory=list)

    def option(self, kind: str, name: str) -> Any:
        """Of the last modifier of that kind that fired, or None."""
        values = [fault.options[name] for fault in self.modifiers if fault.kind == kind]
        return values[-1] if values else None

    def latency(self, *, performed: bool) -> float:
        slow = (fault for fault in self.modifiers if fault.kind == "latency")
        return sum(float(fault.options["seconds"]) for fault in slow if fault.options["performed"] is performed)


class Gate:
    """Holds requests until it is released. With `performed` they wait after the write, before the answer."""

    def __init__(self, operation: str, *, performed: bool) -> None:
        self.operation = operation
        self.performed = performed
        self._changed = threading.Condition()
        self._arrived = 0
        self._released = False

    @property
    def arrived(self) -> int:
        return self._arrived

    def wait_for(self, count: int, timeout: float = 10.0) -> bool:
        """True once `count` requests have arrived; raises TimeoutError, so that it needs no assert."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._arrived >= count, timeout):
                raise TimeoutError(f"{self._arrived} of {count} requests arrived at {self.operation}")
            return True

    def release(self) -> None:
        with self._changed:
            self._released = True
            self._changed.notify_all()

    def hold(self) -> None:
        with self._changed:
            self._arrived += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._released)


class Faults:
    """The script of one sandbox. Safe to change while requests run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._gates: list[Gate] = []
        self._down = False

    def add(
        self,
        kind: str,
        operation: str | None = None,
        times: int | None = 1,
        probability: float = 1.0,
        seed: int = 0,
        skip: int = 0,
        **options: Any,
    ) -> Fault:
        """`times=None` is for ever, `operation=None` any; `skip` lets that many pass first. ValueError on a typo.

        Options by kind, with defaults: see KINDS. `performed=True` does the write before the trouble comes.
        """
        if kind not in KINDS:
            raise ValueError(f"no fault is called {kind}; there are {', '.join(KINDS)}")
        if strange := options.keys() - KINDS[kind].keys():
            raise ValueError(f"{kind} has no option {', '.join(sorted(strange))}")
        if options.get("body", "truncated") not in BODIES:
            raise ValueError(f"body is one of {', '.join(BODIES)}")
        _require_operation(operation)
        dice = random.Random(seed)  # noqa: S311 - repeatable trouble, not a secret
        fault = Fault(kind, operation, times, probability, skip, {**KINDS[kind], **options}, dice)
        with self._lock:
            self._faults.append(fault)
        return fault

    def lose_next_answer(self, operation: str = "participants.add") -> Fault:
        return self.add("lose_answer", operation)

    def down(self) -> None:
        """Every connection is dropped before anything is done, until `up`."""
        self._down = True

    def up(self) -> None:
        self._down = False

    @property
    def is_down(self) -> bool:
        return self._down

    def clear(self) -> None:
        """Forgets every fault and comes up; gates stay with whoever holds them."""
        with self._lock:
            self._faults.clear()
        self.up()

    @contextmanager
    def hold(self, operation: str, *, performed: bool = False) -> Iterator[Gate]:
        """Requests of this operation wait until the gate is released, at the latest when the block is left."""
        _require_operation(operation)
        gate = Gate(operation, performed=performed)
        with self._lock:
            self._gates.append(gate)
        try:
            yield gate
        finally:
            with self._lock:
                if gate in self._gates:
                    self._gates.remove(gate)
            gate.release()

    def release_all(self) -> None:
        with self._lock:
            gates, self._gates = self._gates, []
        for gate in gates:
            gate.release()

    def plan(self, operation: str) -> Plan:
        with self._lock:
            plan = Plan(gates=[gate for gate in self._gates if gate.operation == operation])
            for fault in self._faults:
                is_modifier = fault.kind in MODIFIERS
                if (is_modifier or plan.ending is None) and fault.fires(operation):
                    if is_modifier:
                        plan.modifiers.append(fault)
                    else:
                        plan.ending = fault
            return plan


def _require_operation(operation: str | None) -> None:
    if operation is not None and operation not in OPERATIONS:
        raise ValueError(f"no operation is called {operation}; there are {', '.join(sorted(OPERATIONS))}")
