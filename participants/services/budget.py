"""The state of the budget that all processes share, for operators."""

from participants import conf
from participants.models.budget import Ledger, Limits, State


def read_state() -> State:
    return Ledger(Limits(*conf.read_budget())).read()
