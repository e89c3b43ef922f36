"""How much a run may take."""

from dataclasses import dataclass

CLIENTS = 8


@dataclass(frozen=True)
class Effort:
    """``repeats`` of everything that takes turns, each of ``seconds``; sizes of what is filled or enrolled."""

    repeats: int = 9
    seconds: float = 3.0
    databases: tuple[str, ...] = ("postgresql", "sqlite")
    deliveries: int = 500
    growth: tuple[int, int] = (10_000, 1_000_000)
    storm: int = 10_000
    bulk: tuple[int, int, int] = (600, 2_000, 10_000)
    """Calls of the budget in ten seconds, rows of a batch, rows of the batch beside which joins are measured."""


FULL = Effort()
QUICK = Effort(
    repeats=3,
    seconds=0.7,
    databases=("sqlite",),
    deliveries=200,
    growth=(1_000, 10_000),
    storm=500,
    bulk=(300, 300, 2_500),
)
