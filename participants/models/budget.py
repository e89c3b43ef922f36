"""The one row by which all processes and machines share RealtimeKit's patience (design 2.8).

A token bucket kept as one moment: when it will be full again. Moments are seconds since 1970 on the database's
clock, so that no two machines disagree. Every attempt costs one guarded UPDATE, which weighs the bucket, a pause
asked for by a 429 and the circuit breaker at once; whoever's UPDATE matches the row may call.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, models

FAILURES_TO_OPEN = 10
PROBE_EVERY = 3.0
"""Seconds for which the breaker stays open before it lets one call through; 5 at most (design 2.1)."""
LONGEST_PAUSE = 300.0
FIRST_GUESS, LONGEST_GUESS = 1.0, 30.0
"""Seconds of a pause that RealtimeKit gives no length for: doubling while one follows another within a minute."""
_ROUNDING = 1e-3
"""Of a call: a moment in this century is known to a quarter of a microsecond, and many are added up."""
_CLOCKS = {
    "postgresql": "EXTRACT(EPOCH FROM STATEMENT_TIMESTAMP())::double precision",
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
}


class Budget(models.Model):
    """The only row. It is made when it is first needed, and whatever it holds may be lost without harm."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    full_at = models.FloatField(default=0.0)
    window_began = models.FloatField(default=0.0)
    used = models.PositiveIntegerField(default=0)
    used_before = models.PositiveIntegerField(default=0)
    paused_until = models.FloatField(default=0.0)
    last_pause = models.FloatField(default=0.0)
    failures = models.PositiveIntegerField(default=0)
    probe_at = models.FloatField(default=0.0)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="budget_is_one_row")]

    def __str__(self) -> str:
        return "Budget"


@dataclass(frozen=True)
class Limits:
    """The arithmetic of a budget of so many calls in any window of so many seconds.

    A burst of 4 %, of which background calls leave half, and 94 % spread over the window: background calls never
    take more than 96 % of the budget, all together 98 %, and 2 % is for calls that arrive later than they left.
    Budgets under 63 calls have a burst of two and a half calls, taken from the rate.
    """

    calls: int
    seconds: float

    @property
    def burst(self) -> float:
        return max(2.5, 0.04 * self.calls)

    @property
    def reserve(self) -> float:
        """Calls of the burst that background work leaves for people who wait."""
        return self.burst / 2

    @property
    def cost(self) -> float:
        """Seconds after which one call is available again."""
        return self.seconds / (0.98 * self.calls - self.burst)

    def find_room(self, *, background: bool) -> float:
        """How far ahead of now the bucket may promise to be full, in seconds."""
        return self.cost * (self.burst - (self.reserve if background else 0.0) + _ROUNDING)


@dataclass(frozen=True)
class _Row:
    now: float
    full_at: float = 0.0
    window_began: float = 0.0
    used: int = 0
    used_before: int = 0
    paused_until: float = 0.0
    failures: int = 0
    probe_at: float = 0.0


@dataclass(frozen=True)
class State:
    """What the row says now. ``used`` is an estimate for the window that ends now."""

    limits: Limits
    available: int
    available_to_background: int
    used: int
    failures: int
    wait_for_call: float
    wait_for_background: float
    pause_left: float
    probe_in: float
    read_at: datetime

    @property
    def reserved(self) -> int:
        """What of ``available`` background work leaves alone."""
        return self.available - self.available_to_background

    @property
    def paused_until(self) -> datetime | None:
        return self.read_at + timedelta(seconds=self.pause_left) if self.pause_left > 0 else None

    @property
    def breaker(self) -> str:
        """closed, open, or half_open: open, and whoever calls next is the probe."""
        if self.failures < FAILURES_TO_OPEN:
            return "closed"
        return "open" if self.probe_in > 0 else "half_open"

    @property
    def probe_at(self) -> datetime | None:
        return self.read_at + timedelta(seconds=self.probe_in) if self.probe_in > 0 else None


@dataclass(frozen=True)
class Ledger:
    """Reads and writes the row. ``now`` stands in for the database's clock in tests."""

    limits: Limits
    now: float | None = None

    def take(self, *, background: bool, past_breaker: bool = False) -> int | None:
        """Take one call from the budget: the failures in a row on record, or None when it may not be made now.

        Where the breaker is due for a probe, whoever takes the call is the probe.
        """
        room = self.limits.find_room(background=background)
        taken = self._execute(_TAKE, room=room, past_breaker=int(past_breaker))
        if taken is None and not Budget.objects.exists():
            Budget.objects.bulk_create([Budget(full_at=0.0)], ignore_conflicts=True)
            taken = self._execute(_TAKE, room=room, past_breaker=int(past_breaker))
        return None if taken is None else int(taken[0])

    def find_hold(self, *, background: bool, past_breaker: bool = False) -> tuple[str, float]:
        """Why no call may be made now, and for how many seconds: paused, breaker_open or budget_exhausted."""
        state = self.read()
        if state.pause_left > 0:
            return "paused", state.pause_left
        if state.breaker == "open" and not past_breaker:
            return "breaker_open", state.probe_in
        return "budget_exhausted", state.wait_for_background if background else state.wait_for_call

    def pause(self, seconds: float | None) -> None:
        """Nobody calls for that long, 300 s at most; a longer pause in force stays.

        None where RealtimeKit did not say how long: then for 1 s, and for longer if it has to ask again soon.
        """
        if seconds is None:
            self._execute(_GUESS, first=FIRST_GUESS, longest=LONGEST_GUESS)
        else:
            self._execute(_PAUSE, pause=min(max(seconds, 0.0), LONGEST_PAUSE))

    def note_failure(self) -> None:
        self._execute(_FAIL)

    def note_success(self) -> None:
        self._execute(_SUCCEED)

    def read(self) -> State:
        """What the row says; when there is none yet, that nothing was used."""
        row = self._read_row()
        if self._is_ahead(row):
            # A clock set back, or a setting changed, must not hold everybody for longer than either ever could.
            self._execute(_REPAIR)
            row = self._read_row()
        limits, elapsed = self.limits, max(0.0, row.now - row.window_began)
        level = limits.burst - max(0.0, row.full_at - row.now) / limits.cost
        windows = int(elapsed // limits.seconds)
        current = row.used if windows == 0 else 0
        before = {0: row.used_before, 1: row.used}.get(windows, 0)
        return State(
            limits=limits,
            available=max(0, int(level + _ROUNDING)),
            available_to_background=max(0, int(level - limits.reserve + _ROUNDING)),
            used=round(current + before * (1.0 - elapsed % limits.seconds / limits.seconds)),
            failures=row.failures,
            wait_for_call=self._find_wait(row, background=False),
            wait_for_background=self._find_wait(row, background=True),
            pause_left=max(0.0, row.paused_until - row.now),
            probe_in=max(0.0, row.probe_at - row.now),
            read_at=datetime.fromtimestamp(row.now, UTC),
        )

    def _read_row(self) -> "_Row":
        found = self._execute(_READ)
        return _Row(*found) if found else _Row(now=self.now or datetime.now(UTC).timestamp())

    def _find_wait(self, row: "_Row", *, background: bool) -> float:
        return max(0.0, row.full_at + self.limits.cost - self.limits.find_room(background=background) - row.now)

    def _is_ahead(self, row: "_Row") -> bool:
        limits = self.limits
        return (
            row.full_at > row.now + limits.find_room(background=False) + limits.cost
            or row.paused_until > row.now + LONGEST_PAUSE + 1
            or row.probe_at > row.now + PROBE_EVERY + 1
            or row.window_began > row.now + limits.seconds
        )

    def _execute(self, template: str, **given: Any) -> tuple[Any, ...] | None:
        limits = self.limits
        values: Mapping[str, Any] = {
            "now": self.now,
            "cost": limits.cost,
            "window": limits.seconds,
            "capacity": limits.find_room(background=False),
            "failures_to_open": FAILURES_TO_OPEN,
            "probe_every": PROBE_EVERY,
            "longest_pause": LONGEST_PAUSE,
            **given,
        }
        clock = _CLOCKS[connection.vendor] if self.now is None else "CAST(%(now)s AS double precision)"
        with connection.cursor() as cursor:
            cursor.execute(template.replace("NOW", clock), values)
            if cursor.description is None:
                return None
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows[0] if rows else None


_TABLE = Budget._meta.db_table
_TAKE = f"""
UPDATE {_TABLE} SET
    full_at = CASE WHEN full_at > NOW THEN full_at ELSE NOW END + %(cost)s,
    used_before = CASE WHEN window_began > NOW - %(window)s THEN used_before
                       WHEN window_began > NOW - 2 * %(window)s THEN used ELSE 0 END,
    used = CASE WHEN window_began > NOW - %(window)s THEN used + 1 ELSE 1 END,
    window_began = CASE WHEN window_began > NOW - %(window)s THEN window_began
                        WHEN window_began > NOW - 2 * %(window)s THEN window_began + %(window)s ELSE NOW END,
    probe_at = CASE WHEN failures >= %(failures_to_open)s THEN NOW + %(probe_every)s ELSE probe_at END
WHERE id = 1
    AND full_at + %(cost)s <= NOW + %(room)s
    AND paused_until <= NOW
    AND (failures < %(failures_to_open)s OR probe_at <= NOW OR %(past_breaker)s = 1)
RETURNING failures
"""  # noqa: S608 - the table's name is the only part put in
_PAUSE = f"""
UPDATE {_TABLE} SET paused_until = NOW + %(pause)s WHERE id = 1 AND paused_until < NOW + %(pause)s
"""  # noqa: S608 - as above
# What was under way when a pause began fails alike; only the first to come back after it makes the next one longer.
_LENGTH = """
CASE WHEN last_pause = 0 OR paused_until < NOW - 60 THEN %(first)s
     WHEN last_pause * 2 > %(longest)s THEN %(longest)s ELSE last_pause * 2 END
"""
_GUESS = f"""
UPDATE {_TABLE} SET last_pause = {_LENGTH}, paused_until = NOW + {_LENGTH} WHERE id = 1 AND paused_until <= NOW
"""  # noqa: S608 - as above
# Only the failure that opens the breaker sets the time of the first probe; each probe sets the next one's. Calls
# that were under way and fail late keep it open no longer.
_FAIL = f"""
UPDATE {_TABLE} SET failures = failures + 1,
    probe_at = CASE WHEN failures + 1 = %(failures_to_open)s THEN NOW + %(probe_every)s ELSE probe_at END
WHERE id = 1
"""  # noqa: S608 - as above
_SUCCEED = f"UPDATE {_TABLE} SET failures = 0, probe_at = 0 WHERE id = 1 AND failures > 0"  # noqa: S608 - as above
_READ = f"""
SELECT NOW, full_at, window_began, used, used_before, paused_until, failures, probe_at FROM {_TABLE} WHERE id = 1
"""  # noqa: S608 - as above
_REPAIR = f"""
UPDATE {_TABLE} SET
    full_at = CASE WHEN full_at > NOW + %(capacity)s THEN NOW + %(capacity)s ELSE full_at END,
    paused_until = CASE WHEN paused_until > NOW + %(longest_pause)s THEN NOW ELSE paused_until END,
    probe_at = CASE WHEN probe_at > NOW + %(probe_every)s THEN NOW ELSE probe_at END,
    window_began = CASE WHEN window_began > NOW THEN NOW ELSE window_began END
WHERE id = 1
"""  # noqa: S608 - as above
